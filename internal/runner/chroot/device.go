package chroot

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// standardDevices are those that every container has.
var standardDevices = []specs.LinuxDevice{
	{Path: "/dev/null", Type: "c", Major: 1, Minor: 3},
	{Path: "/dev/zero", Type: "c", Major: 1, Minor: 5},
	{Path: "/dev/full", Type: "c", Major: 1, Minor: 7},
	{Path: "/dev/random", Type: "c", Major: 1, Minor: 8},
	{Path: "/dev/urandom", Type: "c", Major: 1, Minor: 9},
	{Path: "/dev/tty", Type: "c", Major: 5, Minor: 0},
}

// standardLinks are links in /dev that every container has.
var standardLinks = [][2]string{
	{"/proc/self/fd", "fd"},
	{"/proc/self/fd/0", "stdin"},
	{"/proc/self/fd/1", "stdout"},
	{"/proc/self/fd/2", "stderr"},
	{"pts/ptmx", "ptmx"},
}

// ownDev tells whether the spec gives the container a /dev of its own, rather
// than a view of the host's.
func ownDev(spec *specs.Spec) bool {
	i := slices.IndexFunc(spec.Mounts, func(m specs.Mount) bool { return path.Clean(m.Destination) == "/dev" })
	return i >= 0 && !fromHost(spec.Mounts[i])
}

// makeDevices fills the container's own /dev.
func (c *container) makeDevices() error {
	if !ownDev(c.Spec) {
		return nil
	}
	for _, d := range append(slices.Clone(standardDevices), c.Spec.Linux.Devices...) {
		if err := c.makeDevice(d); err != nil {
			return fmt.Errorf("making the device %q: %w", d.Path, err)
		}
	}
	dev, err := c.root.open("/dev", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("opening /dev: %w", err)
	}
	defer closeFD(dev)
	for _, link := range standardLinks {
		err := unix.Symlinkat(link[0], dev, link[1])
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("linking %q: %w", link[1], err)
		}
	}
	return nil
}

var deviceTypes = map[string]uint32{"c": unix.S_IFCHR, "u": unix.S_IFCHR, "b": unix.S_IFBLK, "p": unix.S_IFIFO}

// makeDevice makes a device node, or shows the host's where nodes cannot be
// made. The host's is shown on a read-only mount: it can be written to as a
// device, but its owner and mode cannot be changed.
func (c *container) makeDevice(d specs.LinuxDevice) error {
	dir, err := c.root.target(path.Dir(d.Path), true)
	if err != nil {
		return err
	}
	defer closeFD(dir)
	name, mode := path.Base(d.Path), uint32(0o666)
	if d.FileMode != nil {
		mode = uint32(d.FileMode.Perm())
	}
	kind, ok := deviceTypes[d.Type]
	if !ok {
		return fmt.Errorf("unknown type %q of device", d.Type)
	}
	err = unix.Mknodat(dir, name, kind|mode, int(unix.Mkdev(uint32(d.Major), uint32(d.Minor))))
	switch {
	case errors.Is(err, unix.EEXIST):
		return nil // a mount of the spec, or given twice
	case errors.Is(err, unix.EPERM):
		return c.showDevice(d.Path)
	case err != nil:
		return err
	}
	return c.ownDevice(dir, name, mode, d)
}

// ownDevice sets mode and owner of a node; mknod's mode went through the umask.
func (c *container) ownDevice(dir int, name string, mode uint32, d specs.LinuxDevice) error {
	var uid, gid uint32
	if d.UID != nil {
		uid = *d.UID
	}
	if d.GID != nil {
		gid = *d.GID
	}
	if err := unix.Fchownat(dir, name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	return unix.Fchmodat(dir, name, mode, 0)
}

func (c *container) showDevice(name string) error {
	source, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer closeFD(source)
	target, err := c.root.target(name, false)
	if err != nil {
		return err
	}
	defer closeFD(target)
	return c.coverWith(target, source)
}

// openDevice opens a device of the host by descriptor only.
func openDevice(dir int, name string) (int, error) {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("opening the device %q: %w", name, err)
	}
	return fd, nil
}

// terminal makes a pair of a terminal: in the container's own devpts if it has
// one, so that its name is right inside, else in the host's.
func (c *container) terminal() (master, peer int, err error) {
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	if c.devpts {
		master, err = c.root.open("/dev/pts/ptmx", flags, 0)
	} else {
		master, err = unix.Openat(c.devices, "ptmx", flags, 0)
	}
	if err != nil {
		return -1, -1, fmt.Errorf("opening a terminal: %w", err)
	}
	if err = unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err == nil {
		peer, err = openPeer(master, flags)
	}
	if err != nil {
		closeFD(master)
		return -1, -1, fmt.Errorf("unlocking a terminal: %w", err)
	}
	if !ownDev(c.Spec) {
		return master, peer, nil
	}
	// /dev/console is the same terminal.
	target, err := c.root.target("/dev/console", false)
	if err != nil {
		return master, peer, fmt.Errorf("making the console: %w", err)
	}
	defer closeFD(target)
	console, err := clone(peer, false)
	if err != nil {
		return master, peer, err
	}
	defer closeFD(console)
	return master, peer, attach(console, target)
}

// openPeer opens the other side of a terminal without a name, which the
// container could have replaced.
func openPeer(master int, flags uintptr) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, flags)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// loopbackUp switches the loopback interface of a new network namespace on.
func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("switching on the loopback interface: %w", err)
	}
	defer closeFD(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("switching on the loopback interface: %w", err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("switching on the loopback interface: %w", err)
	}
	return nil
}
