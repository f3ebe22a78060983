package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"go.podman.io/storage/types"
	"golang.org/x/sys/unix"
)

// driversWithState are the drivers that a store may have been made with, the
// preferred one first.
var driversWithState = []string{"overlay", "btrfs", "zfs", "vfs"}

// Suitability is what a place is good for: which driver a new store at it gets,
// and what speaks against each better one.
type Suitability struct {
	Driver       string
	MountProgram string   // of overlay, "" where the kernel itself mounts
	Against      []string // one text for each better way
}

// Notice says in one line what was chosen and why; "" when it is the best way.
func (s Suitability) Notice(root string) string {
	switch {
	case s.Driver == "vfs":
		return fmt.Sprintf("the new store at %q uses the driver vfs, which copies every layer: %s", root, strings.Join(s.Against, "; "))
	case s.MountProgram != "":
		return fmt.Sprintf("the new store at %q is mounted by %s: %s", root, filepath.Base(s.MountProgram), strings.Join(s.Against, "; "))
	}
	return ""
}

// chooseDriver names the driver where neither a flag nor the configuration does. A
// store stays with the driver that it was made with, which one look tells; for a new
// one native overlay, fuse-overlayfs and vfs are tried in this order.
func (o Options) chooseDriver(so *types.StoreOptions) error {
	if so.GraphDriverName != "" || len(so.GraphDriverPriority) > 0 {
		return nil
	}
	if so.GraphDriverName = PriorDriver(so.GraphRoot); so.GraphDriverName != "" {
		return nil
	}
	if os.Geteuid() != 0 || mountProgram(so.GraphDriverOptions) != "" || strings.ContainsAny(so.GraphRoot, separators) {
		so.GraphDriverName = "overlay"
		return nil
	}
	s, err := Examine(so.GraphRoot, o.Rootless)
	if err != nil {
		return err
	}
	so.GraphDriverName = s.Driver
	if s.MountProgram != "" {
		so.GraphDriverOptions = append(slices.Clone(so.GraphDriverOptions), "overlay.mount_program="+s.MountProgram)
	}
	if s.Driver == "vfs" { // options of no driver in particular may be for overlay
		so.GraphDriverOptions = slices.DeleteFunc(slices.Clone(so.GraphDriverOptions), func(option string) bool {
			return strings.HasPrefix(strings.TrimPrefix(option, "."), "mountopt=")
		})
	}
	if notice := s.Notice(so.GraphRoot); notice != "" && o.Warn != nil {
		o.Warn("%s", notice)
	}
	return nil
}

// PriorDriver is the driver that the store at root was made with, "" when there is no store.
func PriorDriver(root string) string {
	for _, name := range driversWithState {
		if _, err := os.Stat(filepath.Join(root, name+"-layers")); err == nil {
			return name
		}
	}
	return ""
}

// mountProgram is the program that driver options name for mounting overlays.
func mountProgram(options []string) string {
	for _, option := range options {
		if key, value, _ := strings.Cut(option, "="); key == "mount_program" || strings.HasSuffix(key, ".mount_program") {
			return value
		}
	}
	return ""
}

// Examine finds out by trying what driver a new store at root can have. The kernel
// needs another way to keep whiteouts without the rights of the host's root.
func Examine(root string, rootless bool) (Suitability, error) {
	at, made, err := makeDirs(root)
	if err != nil {
		return Suitability{}, fmt.Errorf("trying storage drivers: %w", err)
	}
	defer func() {
		for _, dir := range made { // those that are not empty stay
			_ = unix.Rmdir(dir)
		}
	}()
	native := tryOverlay(at, func(t trial) error { return t.mountNative(rootless) })
	if native == nil {
		return Suitability{Driver: "overlay"}, nil
	}
	s := Suitability{Driver: "overlay", Against: []string{fmt.Sprintf("overlay cannot be mounted here (%v)", native)}}
	fuse, err := findFuse()
	if err == nil {
		err = tryOverlay(at, func(t trial) error { return t.mountFuse(fuse) })
	}
	if err == nil {
		s.MountProgram = fuse
		return s, nil
	}
	s.Driver = "vfs"
	s.Against = append(s.Against, fmt.Sprintf("fuse-overlayfs neither (%v)", err))
	return s, nil
}

// makeDirs makes a directory for trials in root and says which directories are new,
// the innermost first.
func makeDirs(root string) (at string, made []string, err error) {
	for dir := root; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		made = append(made, dir)
	}
	return root, made, os.MkdirAll(root, 0o700)
}

// findFuse finds the program that mounts overlays in user space, and the device it needs.
func findFuse() (string, error) {
	path, err := exec.LookPath("fuse-overlayfs")
	if err != nil {
		return "", errors.New("it is not installed")
	}
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return "", errors.New("it needs the device /dev/fuse")
	}
	return path, device.Close()
}

// trial is a directory with what it takes to mount an overlay.
type trial struct{ dir string }

func (t trial) at(name string) string { return filepath.Join(t.dir, name) }

// options of an overlay; the kernel reads its separators, so they are not in the name
// of any directory here.
func (t trial) options() string {
	return fmt.Sprintf("lowerdir=%s:%s,upperdir=%s,workdir=%s", t.at("one"), t.at("two"), t.at("upper"), t.at("work"))
}

// tryOverlay mounts an overlay below root, removes a directory of its lower layer in
// there and takes everything away again.
func tryOverlay(root string, mount func(trial) error) error {
	dir, err := os.MkdirTemp(root, ".trial-")
	if err != nil {
		return err
	}
	t := trial{dir: dir}
	defer os.RemoveAll(dir)
	for _, name := range []string{"one", "two/sub", "upper", "work", "merged"} {
		if err := os.MkdirAll(t.at(name), 0o700); err != nil {
			return err
		}
	}
	if err := mount(t); err != nil {
		return err
	}
	defer func() { _ = unix.Unmount(t.at("merged"), unix.MNT_DETACH) }()
	if err := os.Remove(t.at("merged/sub")); err != nil {
		return fmt.Errorf("removing a directory of a lower layer: %w", err)
	}
	return nil
}

// notBelowOverlay are file systems that the storage library puts no native overlay on.
var notBelowOverlay = map[int64]string{unix.OVERLAYFS_SUPER_MAGIC: "overlay", unix.ECRYPTFS_SUPER_MAGIC: "ecryptfs", 0x61756673: "aufs"}

func (t trial) mountNative(rootless bool) error {
	var st unix.Statfs_t
	if err := unix.Statfs(t.dir, &st); err != nil {
		return err
	}
	if name := notBelowOverlay[int64(st.Type)]; name != "" { //nolint:unconvert // it is of another type elsewhere
		return fmt.Errorf("it is on a file system of type %s: mount a volume at the store", name)
	}
	options := t.options()
	if rootless {
		options += ",userxattr"
	}
	if err := unix.Mount("overlay", t.at("merged"), "overlay", 0, options); err != nil {
		return fmt.Errorf("mounting: %w", err)
	}
	return nil
}

func (t trial) mountFuse(program string) error {
	out, err := exec.Command(program, "-o", t.options(), t.at("merged")).CombinedOutput() //nolint:noctx // it goes to the background at once
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.Join(strings.Fields(string(out)), " "))
	}
	return nil
}

// tolerateChown adds the option by which files of ids that are not mapped are kept,
// as our own, unless the configuration says something about it.
func tolerateChown(so *types.StoreOptions) {
	said := slices.ContainsFunc(so.GraphDriverOptions, func(option string) bool {
		return strings.Contains(option, "ignore_chown_errors=")
	})
	if !said && so.GraphDriverName != "" {
		so.GraphDriverOptions = append(slices.Clone(so.GraphDriverOptions), so.GraphDriverName+".ignore_chown_errors=true")
	}
}

// Prospect is what opening a store would come to.
type Prospect struct {
	Suitability
	Root string
	Why  string
}

// Forecast says which driver a store that is opened with these options uses. It
// opens and makes none.
func Forecast(o Options) (Prospect, error) {
	defaults, err := types.DefaultStoreOptions()
	if err != nil {
		return Prospect{}, fmt.Errorf("reading the storage configuration: %w", err)
	}
	so, err := o.apply(defaults)
	if err != nil {
		return Prospect{}, err
	}
	p := Prospect{Root: so.GraphRoot}
	if p.Suitability, err = Examine(so.GraphRoot, o.Rootless); err != nil {
		return p, err
	}
	p.Why = "it is the best that works here"
	given, why := so.GraphDriverName, "a flag, STORAGE_DRIVER or storage.conf says so"
	switch {
	case given != "":
	case len(so.GraphDriverPriority) > 0:
		given, why = so.GraphDriverPriority[0], "it is the first in driver_priority of storage.conf"
	default:
		given, why = PriorDriver(so.GraphRoot), "the store was made with it"
	}
	if program := mountProgram(so.GraphDriverOptions); program != "" {
		given, why, p.MountProgram = "overlay", "storage.conf names the program that mounts", program
	}
	if given != "" {
		p.Driver, p.Why = given, why
	}
	return p, nil
}
