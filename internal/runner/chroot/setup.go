package chroot

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// errNoProc means that the kernel refuses a fresh /proc in the new PID
// namespace, because parts of the one that we see are hidden from us.
var errNoProc = errors.New("no fresh /proc can be mounted in a new PID namespace")

// container is the assembly of one container inside the helper.
type container struct {
	config
	root    tree
	devices int // the host's /dev, open until the container's is complete
	devpts  bool
}

// assemble makes the namespaces and the root file system what the spec says.
// The caller's thread is the one that starts the command later.
func (c *container) assemble() error {
	for _, step := range []func() error{
		c.joinNamespaces,
		c.separate,
		c.configureKernel,
		c.mountAll,
		c.makeDevices,
		c.hide,
		c.setLabels,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// namespaceFlags are the namespaces that a thread can join or a process be
// started in. Those of mounts and processes are ours to arrange.
var namespaceFlags = map[specs.LinuxNamespaceType]int{
	specs.NetworkNamespace: unix.CLONE_NEWNET,
	specs.IPCNamespace:     unix.CLONE_NEWIPC,
	specs.UTSNamespace:     unix.CLONE_NEWUTS,
	specs.CgroupNamespace:  unix.CLONE_NEWCGROUP,
}

// joinNamespaces moves the calling thread into existing namespaces.
func (c *container) joinNamespaces() error {
	for _, ns := range c.Spec.Linux.Namespaces {
		flag, ok := namespaceFlags[ns.Type]
		if !ok || ns.Path == "" {
			continue
		}
		fd, err := unix.Open(ns.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("opening the %s namespace %q: %w", ns.Type, ns.Path, err)
		}
		err = unix.Setns(fd, flag)
		closeFD(fd)
		if err != nil {
			return fmt.Errorf("joining the %s namespace %q: %w", ns.Type, ns.Path, err)
		}
	}
	return nil
}

// separate keeps our mounts from the host and puts the root file system on top
// of the old root: there it hides the host even where pivoting is impossible.
func (c *container) separate() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, "")
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("separating the mounts from the host's: the root directory is no mount, as in a plain chroot; `mount --bind DIR DIR` before `chroot DIR` helps: %w", err)
	}
	if err != nil {
		return fmt.Errorf("separating the mounts from the host's: %w", err)
	}
	fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the old root: %w", err)
	}
	defer closeFD(fd)
	if err := attach(rootFD, fd); err != nil {
		return fmt.Errorf("mounting the root file system: %w", err)
	}
	c.root = rootFD
	c.devices, err = unix.Open("/dev", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the host's devices: %w", err)
	}
	return nil
}

// isNew tells whether the container has a new namespace of its own.
func isNew(spec *specs.Spec, kind specs.LinuxNamespaceType) bool {
	return slices.ContainsFunc(spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool {
		return ns.Type == kind && ns.Path == ""
	})
}

// configureKernel sets what the kernel keeps in namespaces.
func (c *container) configureKernel() error {
	if isNew(c.Spec, specs.NetworkNamespace) {
		if err := loopbackUp(); err != nil {
			return err
		}
	}
	if isNew(c.Spec, specs.UTSNamespace) {
		if err := unix.Sethostname([]byte(c.Spec.Hostname)); err != nil && !filtered(err) {
			return fmt.Errorf("setting the host name %q: %w", c.Spec.Hostname, err)
		}
		if err := unix.Setdomainname([]byte(c.Spec.Domainname)); err != nil && !filtered(err) {
			return fmt.Errorf("setting the domain name %q: %w", c.Spec.Domainname, err)
		}
	}
	for key, value := range c.Spec.Linux.Sysctl {
		// check made sure that these belong to a new namespace.
		name := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
		if err := os.WriteFile(name, []byte(value), 0); err != nil {
			return fmt.Errorf("setting the kernel parameter %q: %w", key, err)
		}
	}
	if adj := c.Spec.Process.OOMScoreAdj; adj != nil {
		if err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(*adj)), 0); err != nil {
			return fmt.Errorf("setting the OOM score adjustment: %w", err)
		}
	}
	return nil
}

// filtered tells whether the seccomp filter of a container around us refused a call
// that its capabilities at its start did not allow, whatever we may do in our own
// namespace. The name of the container around us then stays.
func filtered(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS)
}

// mountAll attaches the mounts of the spec, in its order.
func (c *container) mountAll() error {
	mounts := c.Spec.Mounts
	for i, m := range mounts {
		if err := c.mount(m, c.Sources[i]); err != nil {
			return fmt.Errorf("mounting at %q: %w", m.Destination, err)
		}
	}
	return nil
}

func (c *container) mount(m specs.Mount, source int) error {
	if m.Type == "cgroup" && source == 0 {
		return nil // a host without cgroups
	}
	o, err := parseOptions(m)
	if err != nil {
		return err
	}
	kernel := m.Type == "proc" || m.Type == "sysfs"
	if kernel {
		if err := c.ordinary(m.Destination); err != nil {
			return err
		}
	}
	if source == 0 {
		if source, err = c.fresh(m, o); err != nil {
			return err
		}
	}
	defer closeFD(source)
	target, err := c.root.target(m.Destination, isDir(source))
	if err != nil {
		return err
	}
	defer closeFD(target)
	if o.CopyUp && isDir(target) {
		if err := copyUp(target, source); err != nil {
			return err
		}
	}
	if m.Type == "devpts" && path.Clean(m.Destination) == "/dev/pts" {
		c.devpts = true
	}
	return attach(source, target)
}

// ordinary refuses a link in the way to a mount of /proc or /sys: what is
// hidden below these later must not be reachable under a second name.
func (c *container) ordinary(name string) error {
	fd, err := c.root.open(name, unix.O_PATH|unix.O_DIRECTORY, unix.RESOLVE_NO_SYMLINKS)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return errors.New("it is a symbolic link or a file in the image, and has to be a directory")
	case err != nil:
		return err
	}
	return unix.Close(fd)
}

// fresh makes the mount of a new file system.
func (c *container) fresh(m specs.Mount, o mountOptions) (int, error) {
	source := m.Source
	if source == "" {
		source = m.Type
	}
	fd, err := create(m.Type, source, o)
	if m.Type == "devpts" && errors.Is(err, unix.EINVAL) {
		// The group of terminals (5) may have no id in our user namespace.
		o.Data = slices.DeleteFunc(o.Data, func(v string) bool { return strings.HasPrefix(v, "gid=") })
		fd, err = create(m.Type, source, o)
	}
	if err == nil || m.Type != "proc" && m.Type != "sysfs" {
		return fd, err
	}
	refused := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
	switch {
	case !refused:
		return fd, err
	case m.Type == "proc" && !c.HostPIDs:
		return -1, fmt.Errorf("%w: %w", errNoProc, err)
	}
	// The host's own, which nobody may change.
	if fd, err = clonePath("/"+strings.TrimSuffix(m.Type, "fs"), false); err != nil {
		return -1, err
	}
	o.Set |= unix.MOUNT_ATTR_RDONLY
	o.Propagation = unix.MS_PRIVATE
	if err := change(fd, mountOptions{Set: o.Set, Propagation: o.Propagation}); err != nil {
		closeFD(fd)
		return -1, err
	}
	return fd, nil
}

// hide covers what the container must not see, and protects what it must not
// change. Only existing names are covered.
func (c *container) hide() error {
	for _, name := range c.Spec.Linux.ReadonlyPaths {
		if err := c.protect(name); err != nil {
			return fmt.Errorf("making %q read-only: %w", name, err)
		}
	}
	if len(c.Spec.Linux.MaskedPaths) == 0 {
		return nil
	}
	null, err := openDevice(c.devices, "null")
	if err != nil {
		return err
	}
	defer closeFD(null)
	empty, err := create("tmpfs", "tmpfs", mountOptions{
		Set:  unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC,
		Data: []string{"size=0", "mode=755"},
	})
	if err != nil {
		return err
	}
	defer closeFD(empty)
	for _, name := range c.Spec.Linux.MaskedPaths {
		if err := c.cover(name, empty, null); err != nil {
			return fmt.Errorf("masking %q: %w", name, err)
		}
	}
	return nil
}

// protect makes what is at name read-only.
func (c *container) protect(name string) error {
	target, err := c.root.path(name)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer closeFD(target)
	return c.coverWith(target, target)
}

// cover puts an empty directory or an empty file on name.
func (c *container) cover(name string, dir, file int) error {
	target, err := c.root.path(name)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer closeFD(target)
	if isDir(target) {
		return c.coverWith(target, dir)
	}
	return c.coverWith(target, file)
}

// coverWith attaches a read-only clone of what fd shows to a target.
func (c *container) coverWith(target, fd int) error {
	mount, err := clone(fd, false)
	if err != nil {
		return err
	}
	defer closeFD(mount)
	if err := change(mount, mountOptions{Set: unix.MOUNT_ATTR_RDONLY, Propagation: unix.MS_PRIVATE}); err != nil {
		return err
	}
	return attach(mount, target)
}

func absent(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
}

func isDir(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// setLabels asks the kernel to give the next program that this thread, or a
// child of it, executes an AppArmor profile or SELinux label. It has to be done
// through the host's /proc.
func (c *container) setLabels() error {
	p := c.Spec.Process
	if p.ApparmorProfile != "" {
		text := []byte("exec " + p.ApparmorProfile)
		err := os.WriteFile("/proc/thread-self/attr/apparmor/exec", text, 0)
		if errors.Is(err, os.ErrNotExist) { // kernels before 5.8
			err = os.WriteFile("/proc/thread-self/attr/exec", text, 0)
		}
		if err != nil {
			return fmt.Errorf("applying the AppArmor profile %q: %w", p.ApparmorProfile, err)
		}
	}
	if p.SelinuxLabel != "" {
		if err := os.WriteFile("/proc/thread-self/attr/exec", []byte(p.SelinuxLabel), 0); err != nil {
			return fmt.Errorf("applying the SELinux label %q: %w", p.SelinuxLabel, err)
		}
	}
	return nil
}

// enter makes the assembled root the root of this process, and lets go of the
// host's mounts.
func (c *container) enter() error {
	if c.Spec.Root.Readonly {
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(int(c.root), "", unix.AT_EMPTY_PATH, &attr); err != nil {
			return fmt.Errorf("making the root file system read-only: %w", err)
		}
	}
	if err := unix.Fchdir(int(c.root)); err != nil {
		return fmt.Errorf("changing to the root file system: %w", err)
	}
	pivoted := !c.NoPivot && unix.PivotRoot(".", ".") == nil
	if pivoted {
		// The old root is now on top of the new one; it goes away.
		if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
			return fmt.Errorf("letting go of the host's mounts: %w", err)
		}
	} else if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("changing to the root: %w", err)
	}
	closeFD(c.devices)
	return unix.Close(int(c.root))
}
