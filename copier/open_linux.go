package copier

import (
	"errors"
	"fmt"
	"os"
	"path"

	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"
)

// open resolves name inside the root and opens it. The kernel does all of it in
// one call, openat2(2); where that is missing or forbidden by a seccomp profile,
// the path is walked in user space.
func (r *Root) open(name string, flags int, mode uint32) (int, error) {
	if name == "" {
		name = "."
	}
	if !r.walkOnly.Load() {
		fd, err := openat2(int(r.dir.Fd()), name, flags, mode)
		switch {
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
			// An old seccomp profile answers EPERM to calls it does not know.
			if r.openat2Missing() {
				r.walkOnly.Store(true)
			}
		case errors.Is(err, unix.EAGAIN):
			// The tree is renamed under us faster than the kernel will accept.
		default:
			return fd, err
		}
	}
	return r.openWalking(name, flags, mode)
}

// openat2Missing tells a kernel without openat2 from one that refused one file.
func (r *Root) openat2Missing() bool {
	fd, err := openat2(int(r.dir.Fd()), ".", unix.O_PATH, 0)
	if err != nil {
		return true
	}
	closeFD(fd)
	return false
}

func openat2(dir int, name string, flags int, mode uint32) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	if flags&unix.O_CREAT != 0 {
		how.Mode = uint64(mode)
	}
	// The kernel gives EAGAIN when a rename or mount anywhere raced with "..".
	for again := 0; ; {
		fd, err := unix.Openat2(dir, name, &how)
		switch err {
		case unix.EINTR:
		case unix.EAGAIN:
			if again++; again > 100 {
				return -1, err
			}
		default:
			return fd, err
		}
	}
}

// openWalking is open without openat2.
func (r *Root) openWalking(name string, flags int, mode uint32) (int, error) {
	if flags&(unix.O_CREAT|unix.O_NOFOLLOW) == 0 {
		return r.openExisting(name, flags)
	}
	at, err := r.walk(name, walkHow{keepLast: flags&unix.O_NOFOLLOW != 0})
	if err != nil {
		return -1, err
	}
	defer at.close()
	if at.base == "" {
		return openAt(at.dir, ".", flags&^unix.O_CREAT, 0)
	}
	return openAt(at.dir, at.base, flags, mode)
}

func (r *Root) openExisting(name string, flags int) (int, error) {
	handle, err := pathrs.OpenatInRoot(r.dir, name)
	if err != nil {
		return -1, errnoOf(err)
	}
	defer handle.Close()
	if flags&unix.O_PATH != 0 {
		var st unix.Stat_t
		if flags&unix.O_DIRECTORY != 0 {
			if err := unix.Fstat(int(handle.Fd()), &st); err != nil {
				return -1, err
			}
			if !isType(&st, unix.S_IFDIR) {
				return -1, unix.ENOTDIR
			}
		}
		return unix.FcntlInt(handle.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	file, err := pathrs.Reopen(handle, flags)
	if err != nil {
		return -1, errnoOf(err)
	}
	defer file.Close()
	return unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
}

// errnoOf strips the host's paths that a library put around an errno.
func errnoOf(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// openDir opens a directory for reading its names and for calls relative to it.
func (r *Root) openDir(name string) (*os.File, error) {
	fd, err := r.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, r.fail("opening", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// fail words an error of one path of the root.
func (r *Root) fail(doing, name string, err error) error {
	return &FileError{Doing: doing, Name: name, Root: r.path, Err: err}
}

// FileError is what went wrong with one file below a root.
type FileError struct {
	Doing string // "opening"
	Name  string // as it was asked for
	Root  string // the path of the root
	Err   error
}

func (e *FileError) Error() string {
	if e.Root == "/" { // the host's own, as the user typed it
		return fmt.Sprintf("%s %q: %v", e.Doing, path.Join("/", e.Name), e.Err)
	}
	return fmt.Sprintf("%s %q below %q: %v", e.Doing, e.Name, e.Root, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }
