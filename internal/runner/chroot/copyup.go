package chroot

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// copyUp copies what a directory holds into a new file system that is about to
// be mounted on it. Both are given by descriptor, links are copied as links,
// and other file systems mounted below are not entered.
func copyUp(from, to int) error {
	source, err := reopen(from)
	if err != nil {
		return fmt.Errorf("copying up: %w", err)
	}
	defer source.Close()
	target, err := reopen(to)
	if err != nil {
		return fmt.Errorf("copying up: %w", err)
	}
	defer target.Close()
	if err := copyEntries(source, target); err != nil {
		return fmt.Errorf("copying up: %w", err)
	}
	return nil
}

// reopen opens the directory of an O_PATH descriptor for reading.
func reopen(fd int) (*os.File, error) {
	return openDirectory(fd, ".")
}

func openDirectory(dir int, name string) (*os.File, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the directory %q: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func copyEntries(from, to *os.File) error {
	names, err := from.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("listing %q: %w", from.Name(), err)
	}
	for _, name := range names {
		if err := copyEntry(from, to, name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(from.Fd()), &st); err != nil {
		return err
	}
	return copyMetadata(int(to.Fd()), ".", &st)
}

func copyEntry(from, to *os.File, name string) error {
	var st unix.Stat_t
	src, dst := int(from.Fd()), int(to.Fd())
	if err := unix.Fstatat(src, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return copyDirectory(from, to, name)
	case unix.S_IFREG:
		if err := copyFile(src, dst, name); err != nil {
			return err
		}
	case unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(src, name, buf)
		if err != nil {
			return err
		}
		if err := unix.Symlinkat(string(buf[:n]), dst, name); err != nil {
			return err
		}
	case unix.S_IFSOCK:
		return nil // nobody listens on the copy
	default:
		if err := unix.Mknodat(dst, name, st.Mode, int(st.Rdev)); err != nil {
			return err
		}
	}
	return copyMetadata(dst, name, &st)
}

func copyDirectory(from, to *os.File, name string) error {
	if err := unix.Mkdirat(int(to.Fd()), name, 0o700); err != nil {
		return err
	}
	source, err := openDirectory(int(from.Fd()), name)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := openDirectory(int(to.Fd()), name)
	if err != nil {
		return err
	}
	defer target.Close()
	return copyEntries(source, target)
}

func copyFile(from, to int, name string) (err error) {
	in, err := unix.Openat(from, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	source := os.NewFile(uintptr(in), name)
	defer source.Close()
	out, err := unix.Openat(to, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	target := os.NewFile(uintptr(out), name)
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = target.ReadFrom(source)
	return err
}

// copyMetadata sets owner, then mode (which a change of owner cuts), then times.
func copyMetadata(dir int, name string, st *unix.Stat_t) error {
	if err := unix.Fchownat(dir, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Fchmodat(dir, name, st.Mode&0o7777, 0); err != nil {
			return err
		}
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	return unix.UtimesNanoAt(dir, name, times, unix.AT_SYMLINK_NOFOLLOW)
}
