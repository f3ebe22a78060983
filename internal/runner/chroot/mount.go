package chroot

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// clone makes a detached mount of what fd shows, with all that is mounted below
// it unless flat. Its changes of mounts go to nobody, and none come in.
func clone(fd int, flat bool) (int, error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH)
	if !flat {
		flags |= unix.AT_RECURSIVE
	}
	tree, err := unix.OpenTree(fd, "", flags)
	if err != nil {
		return -1, fmt.Errorf("cloning a mount: %w", err)
	}
	return tree, nil
}

// clonePath makes a detached mount of a file of the host.
func clonePath(path string, flat bool) (int, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("opening %q: %w", path, err)
	}
	defer closeFD(fd)
	return clone(fd, flat)
}

// change sets and clears attributes of a mount and of all below it. Clearing
// what a more privileged namespace has set is refused by the kernel; then the
// mount stays as strict as it was.
func change(fd int, o mountOptions) error {
	const flags = unix.AT_EMPTY_PATH | unix.AT_RECURSIVE
	attr := unix.MountAttr{Attr_set: o.Set, Attr_clr: o.Clear, Propagation: o.Propagation}
	err := unix.MountSetattr(fd, "", flags, &attr)
	if errors.Is(err, unix.EPERM) && o.Clear != 0 {
		attr.Attr_clr = 0
		attr.Attr_set &^= atimeBits // to change this field means to clear it
		err = unix.MountSetattr(fd, "", flags, &attr)
	}
	if err != nil {
		return fmt.Errorf("setting attributes of a mount: %w", err)
	}
	return nil
}

// attach puts a detached mount onto a resolved target.
func attach(mount, target int) error {
	const flags = unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH
	if err := unix.MoveMount(mount, "", target, "", flags); err != nil {
		return fmt.Errorf("attaching a mount: %w", err)
	}
	return nil
}

// create makes a detached mount of a new file system.
func create(fstype, source string, o mountOptions) (int, error) {
	fs, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("opening file system %q: %w", fstype, err)
	}
	defer closeFD(fs)
	if source != "" && fstype != "overlay" { // an overlay has only its layers
		if err := unix.FsconfigSetString(fs, "source", source); err != nil {
			return -1, fmt.Errorf("naming file system %q: %w%s", fstype, err, complaint(fs))
		}
	}
	for _, option := range o.Data {
		key, value, found := strings.Cut(option, "=")
		if found {
			err = unix.FsconfigSetString(fs, key, value)
		} else {
			err = unix.FsconfigSetFlag(fs, key)
		}
		if err != nil {
			return -1, fmt.Errorf("giving file system %q the option %q: %w%s", fstype, option, err, complaint(fs))
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, fmt.Errorf("making file system %q: %w%s", fstype, err, complaint(fs))
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, int(o.Set))
	if err != nil {
		return -1, fmt.Errorf("mounting file system %q: %w", fstype, err)
	}
	if o.Propagation == 0 {
		return mount, nil
	}
	if err := change(mount, mountOptions{Propagation: o.Propagation}); err != nil {
		closeFD(mount)
		return -1, err
	}
	return mount, nil
}

// complaint is what the kernel says about a file system that it refuses.
func complaint(fs int) string {
	buf := make([]byte, 1024)
	n, err := unix.Read(fs, buf)
	if err != nil || n < 2 {
		return ""
	}
	return " (" + strings.TrimSpace(string(buf[2:n])) + ")" // "e overlay: ..."
}

// closeFD closes a descriptor that nothing was written through, so that its
// error says nothing.
func closeFD(fd int) { _ = unix.Close(fd) }
