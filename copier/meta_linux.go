package copier

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// meta is what a file has besides its content. The order in which it is written
// is forced by the kernel: chown clears set-user-ID bits and capabilities, and
// all of it changes no modification time but the last.
type meta struct {
	mode   uint32         // twelve bits
	owner  *Owner         // on disk; nil leaves it
	xattrs []xattr        // sorted by name
	mtime  *unix.Timespec // nil leaves it
}

// applyTo writes to an open file or directory (not one opened with O_PATH). What
// is right already is not written again: on overlay and ext4 a look costs a
// tenth of a change.
func (m *meta) applyTo(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	given := m.owner != nil && (*m.owner != Owner{int(st.Uid), int(st.Gid)})
	if given {
		if err := checkOwner(*m.owner); err != nil {
			return err
		}
		if err := retry(func() error { return unix.Fchown(fd, m.owner.UID, m.owner.GID) }); err != nil {
			return fmt.Errorf("giving it to %d:%d: %w", m.owner.UID, m.owner.GID, err)
		}
	}
	if given || st.Mode&modeAll != m.mode {
		if err := retry(func() error { return unix.Fchmod(fd, m.mode) }); err != nil {
			return fmt.Errorf("changing its mode to %o: %w", m.mode, err)
		}
	}
	for _, x := range m.xattrs {
		if err := x.refused(unix.Fsetxattr(fd, x.name, x.value, 0)); err != nil {
			return err
		}
	}
	return futimens(fd, m.mtime)
}

// applyAt writes to what cannot be opened: links, devices, FIFOs.
func (m *meta) applyAt(dir int, name string) error {
	fd, err := openAt(dir, name, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer closeFD(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if m.owner != nil {
		if err := checkOwner(*m.owner); err != nil {
			return err
		}
		if err := unix.Fchownat(fd, "", m.owner.UID, m.owner.GID, unix.AT_EMPTY_PATH); err != nil {
			return fmt.Errorf("giving it to %d:%d: %w", m.owner.UID, m.owner.GID, err)
		}
	}
	if isType(&st, unix.S_IFLNK) {
		return m.touchAt(dir, name)
	}
	// The magic link leads to this very inode, whatever its name is by now.
	self := procPath(fd)
	if err := unix.Chmod(self, m.mode); err != nil {
		return fmt.Errorf("changing its mode to %o: %w", m.mode, err)
	}
	for _, x := range m.xattrs {
		if err := x.refused(unix.Setxattr(self, x.name, x.value, 0)); err != nil {
			return err
		}
	}
	return m.touchAt(dir, name)
}

func (m *meta) touchAt(dir int, name string) error {
	if m.mtime == nil {
		return nil
	}
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{*m.mtime, *m.mtime}, unix.AT_SYMLINK_NOFOLLOW)
}

// futimens is utimensat(2) without a path, which the kernel has had since long
// before it learned AT_EMPTY_PATH there.
func futimens(fd int, mtime *unix.Timespec) error {
	if mtime == nil {
		return nil
	}
	times := [2]unix.Timespec{*mtime, *mtime}
	return retry(func() error {
		_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
}

// checkOwner refuses ids that chown(2) would read as "leave it".
func checkOwner(o Owner) error {
	const most = 1<<32 - 2
	if o.UID < 0 || o.GID < 0 || o.UID > most || o.GID > most {
		return fmt.Errorf("owner %d:%d is out of range", o.UID, o.GID)
	}
	return nil
}

func procPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }
