package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/store"
)

// Stubs are the files and directories that were made in a root file system so
// that something can be mounted on them. [Stubs.Clean] takes them away.
type Stubs struct {
	root      *copier.Root
	recordDir string
	made      []store.Stub // outermost first
	record    string       // the file that lists them; "" when there are none
	lock      *os.File     // of the record, as long as we live
}

// MakeTargets makes what is missing for the destinations of mounts, which come
// in the order in which they will be mounted: a directory, or an empty file when
// a file is to be bound, and the directories above. owner is container root as it is
// on disk. What is made is recorded below recordDir, the container's data
// directory, before it is made: the record keeps it out of a commit even if we
// are killed. When it fails, nothing is left behind.
func MakeTargets(root *copier.Root, mounts []specs.Mount, recordDir string, owner copier.Owner) (*Stubs, error) {
	unlock, err := lockDir(recordDir)
	if err != nil {
		return nil, fmt.Errorf("making mount targets: %w", err)
	}
	defer unlock()
	if err := sweep(root, recordDir); err != nil {
		return nil, fmt.Errorf("making mount targets: %w", err)
	}
	known, err := store.ReadStubs(recordDir, store.StubMade)
	if err != nil {
		return nil, fmt.Errorf("making mount targets: %w", err)
	}
	p := targetPlan{root: root, owner: owner, known: known, planned: map[string]bool{}}
	for _, m := range mounts {
		if err := p.add(m); err != nil {
			return nil, fmt.Errorf("making the mount target %q: %w", m.Destination, err)
		}
	}
	s := &Stubs{root: root, recordDir: recordDir, made: p.made}
	if len(p.made) == 0 {
		return s, nil
	}
	if s.record, err = store.WriteStubs(recordDir, store.StubMade, p.made); err != nil {
		return nil, err
	}
	if s.lock, err = lockRecord(s.record); err != nil {
		return nil, errors.Join(fmt.Errorf("making mount targets: %w", err), s.clean())
	}
	if err := p.recordParents(recordDir); err == nil {
		err = p.makeAll()
		if err == nil {
			return s, nil
		}
		return nil, errors.Join(fmt.Errorf("making mount targets: %w", err), s.clean())
	}
	return nil, errors.Join(err, s.clean())
}

// lockDir keeps another run in the same container from taking away what this one
// has just found to be there.
func lockDir(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(d.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %q: %w", dir, err), d.Close())
	}
	return func() { _ = d.Close() }, nil
}

// targetPlan is what is to be made.
type targetPlan struct {
	root    *copier.Root
	owner   copier.Owner
	known   []store.Stub    // of other runs
	planned map[string]bool // paths in made
	covered []string        // where something will be mounted: what is below is not in this root
	made    []store.Stub
	missing []store.Stub // those of made that are not there yet
}

const (
	targetDirMode  = unix.S_IFDIR | 0o755
	targetFileMode = unix.S_IFREG | 0o644
)

// add plans the target of one mount.
func (p *targetPlan) add(m specs.Mount) error {
	kind := uint32(targetDirMode)
	if isBind(m) {
		info, err := os.Stat(m.Source)
		if err != nil {
			return fmt.Errorf("looking at what is to be mounted: %w", err)
		}
		if !info.IsDir() {
			kind = targetFileMode
		}
	}
	place, err := follow(p.root, m.Destination)
	if err != nil {
		return err
	}
	if place == "" || slices.ContainsFunc(p.covered, func(c string) bool { return strings.HasPrefix(place, c+"/") }) {
		return nil
	}
	p.covered = append(p.covered, place)
	for i := range place {
		if place[i] == '/' {
			if err := p.need(place[:i], targetDirMode); err != nil {
				return err
			}
		}
	}
	return p.need(place, kind)
}

func isBind(m specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

// need plans one entry unless it is there. One that another run has made is ours
// as well: whichever ends last takes it away.
func (p *targetPlan) need(name string, mode uint32) error {
	if p.planned[name] {
		return nil
	}
	info, err := p.root.Lstat(name)
	if err == nil {
		i := slices.IndexFunc(p.known, func(s store.Stub) bool { return s.Path == name })
		if i >= 0 && looksAsMade(p.known[i], info) {
			p.planned[name] = true
			p.made = append(p.made, p.known[i])
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s := store.Stub{Path: name, Mode: mode, UID: p.owner.UID, GID: p.owner.GID}
	p.planned[name] = true
	p.made = append(p.made, s)
	p.missing = append(p.missing, s)
	return nil
}

func looksAsMade(s store.Stub, info copier.Info) bool {
	if !info.IsDir() && info.Size != 0 {
		return false
	}
	return statMode(info) == s.Mode && info.UID == s.UID && info.GID == s.GID && info.ModTime.UnixNano() == s.ModTime
}

// statMode is the mode as stat(2) has it, of a directory or a regular file; other
// types give 0, which nothing recorded has.
func statMode(info copier.Info) uint32 {
	mode := uint32(copier.ModeOf(info.Mode))
	switch {
	case info.Mode.IsDir():
		return mode | unix.S_IFDIR
	case info.Mode.IsRegular():
		return mode | unix.S_IFREG
	}
	return 0
}

// makeAll makes what is missing, outermost first.
func (p *targetPlan) makeAll() error {
	for _, s := range p.missing {
		if err := makeOne(p.root, s); err != nil {
			return fmt.Errorf("%q: %w", s.Path, err)
		}
	}
	return nil
}

func makeOne(root *copier.Root, s store.Stub) error {
	return inParent(root, s.Path, func(dir int, name string) error {
		var err error
		if s.Mode&unix.S_IFMT == unix.S_IFDIR {
			err = unix.Mkdirat(dir, name, s.Mode&0o7777)
		} else {
			err = unix.Mknodat(dir, name, s.Mode, 0)
		}
		if err != nil {
			return err
		}
		if err := unix.Fchownat(dir, name, s.UID, s.GID, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		// The umask has cut the mode; what we made ourselves is no link.
		if err := unix.Fchmodat(dir, name, s.Mode&0o7777, 0); err != nil {
			return err
		}
		return setTime(dir, name, time.Unix(0, s.ModTime))
	})
}

// inParent works in the directory that holds an entry, and puts that directory's
// time back.
func inParent(root *copier.Root, name string, work func(dir int, name string) error) error {
	d, err := root.OpenFile(path.Dir("/"+name), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	before, err := d.Stat()
	if err != nil {
		return err
	}
	err = work(int(d.Fd()), path.Base(name))
	return errors.Join(err, setTime(int(d.Fd()), ".", before.ModTime()))
}

func setTime(dir int, name string, t time.Time) error {
	ts, err := unix.TimeToTimespec(t) // nanoseconds in one number end in 2262
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{{Nsec: unix.UTIME_OMIT}, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// Clean removes what still is as it was made and puts the times of the
// directories above back. What a command has changed or filled is content now
// and stays.
func (s *Stubs) Clean() error {
	if s.record == "" {
		return nil
	}
	unlock, err := lockDir(s.recordDir)
	if err != nil {
		return fmt.Errorf("removing mount targets: %w", err)
	}
	defer unlock()
	return s.clean()
}

func (s *Stubs) clean() error {
	// The record goes last: a kill before must not turn targets into content.
	others, err := s.othersNeed()
	if err != nil {
		return fmt.Errorf("removing mount targets: %w", err)
	}
	for _, stub := range slices.Backward(s.made) {
		if others[stub.Path] {
			continue
		}
		if err := s.remove(stub); err != nil {
			return fmt.Errorf("removing the mount target %q: %w", stub.Path, err)
		}
	}
	if err := os.Remove(s.record); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing mount targets: %w", err)
	}
	s.record = ""
	if s.lock != nil {
		return s.lock.Close()
	}
	return nil
}

// othersNeed lists what other runs have recorded besides us.
func (s *Stubs) othersNeed() (map[string]bool, error) {
	count := map[string]int{}
	all, err := store.ReadStubs(s.recordDir, store.StubMade)
	if err != nil {
		return nil, err
	}
	for _, stub := range all {
		count[stub.Path]++
	}
	needed := map[string]bool{}
	for name, n := range count {
		needed[name] = n > 1
	}
	return needed, nil
}

func (s *Stubs) remove(stub store.Stub) error {
	info, err := s.root.Lstat(stub.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !looksAsMade(stub, info) {
		return err
	}
	err = inParent(s.root, stub.Path, func(dir int, name string) error {
		flags := 0
		if info.IsDir() {
			flags = unix.AT_REMOVEDIR
		}
		return unix.Unlinkat(dir, name, flags)
	})
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
