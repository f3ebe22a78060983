package copier

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Root is a directory that was opened once. Every path given to it is resolved
// inside it, and what was resolved is used through its descriptor, so that
// nobody can exchange it in between. A Root may be used by several goroutines.
type Root struct {
	dir      *os.File // opened with O_PATH
	path     string
	walkOnly atomic.Bool // openat2 is not to be had
	ids      IDMap       // of the container whose root it is; nil for one with the ids of the disk
}

// OpenRoot opens a directory of the host as a root. The caller closes it.
func OpenRoot(path string) (*Root, error) {
	dir, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &Root{dir: dir, path: path}, nil
}

// TranslateOwners says that the root is that of a container with ids of its own:
// [Copy], [CopyStream], [Extract] and [Tar] read and write the owners that the
// container sees, unless their options have other maps.
func (r *Root) TranslateOwners(ids IDMap) { r.ids = ids }

// Close gives the root's descriptor back.
func (r *Root) Close() error { return r.dir.Close() }

// Path is the host's path of the root. It is for messages: opening what lies
// below it by name would leave the root through links.
func (r *Root) Path() string { return r.path }

// Sub opens a directory of the root as a root of its own.
func (r *Root) Sub(name string) (*Root, error) {
	fd, err := r.open(name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, r.fail("opening", name, err)
	}
	below := path.Join(r.path, path.Clean("/"+name))
	sub := &Root{dir: os.NewFile(uintptr(fd), below), path: below, ids: r.ids}
	sub.walkOnly.Store(r.walkOnly.Load())
	return sub, nil
}

// OpenPath gives an O_PATH descriptor, with which a file can be mounted or asked
// about but not read. Links are followed inside the root.
func (r *Root) OpenPath(name string) (*os.File, error) {
	return r.OpenFile(name, unix.O_PATH, 0)
}

// OpenFile opens a file with the flags of open(2). Links are followed inside the
// root unless O_NOFOLLOW is among the flags. mode is subject to the umask.
func (r *Root) OpenFile(name string, flags int, mode uint32) (*os.File, error) {
	fd, err := r.open(name, flags, mode)
	if err != nil {
		return nil, r.fail("opening", name, err)
	}
	return os.NewFile(uintptr(fd), path.Join(r.path, path.Clean("/"+name))), nil
}

// Stat tells about a file, following links inside the root.
func (r *Root) Stat(name string) (Info, error) { return r.stat(name, 0) }

// Lstat tells about a file; a link as the last component is not followed.
func (r *Root) Lstat(name string) (Info, error) { return r.stat(name, unix.O_NOFOLLOW) }

func (r *Root) stat(name string, flag int) (Info, error) {
	fd, err := r.open(name, unix.O_PATH|flag, 0)
	if err != nil {
		return Info{}, r.fail("looking at", name, err)
	}
	defer closeFD(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Info{}, r.fail("looking at", name, err)
	}
	return infoOf(path.Base(path.Clean("/"+name)), &st), nil
}

// Readlink gives the target of a link.
func (r *Root) Readlink(name string) (string, error) {
	fd, err := r.open(name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return "", r.fail("reading the link", name, err)
	}
	defer closeFD(fd)
	target, err := readlinkAt(fd, "")
	if errors.Is(err, unix.ENOENT) {
		err = unix.EINVAL
	}
	if err != nil {
		return "", r.fail("reading the link", name, err)
	}
	return target, nil
}

// ReadDir gives the names in a directory, in no particular order.
func (r *Root) ReadDir(name string) ([]string, error) {
	dir, err := r.openDir(name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, r.fail("reading", name, err)
	}
	return names, nil
}

// ErrTooLarge says that a file is larger than the caller is ready to read.
var ErrTooLarge = errors.New("file is too large")

// ReadFile reads a regular file of at most limit bytes. It never waits: anything
// that is no regular file, such as a FIFO, is an error.
func (r *Root) ReadFile(name string, limit int64) ([]byte, error) {
	file, err := r.OpenFile(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, r.fail("reading", name, err)
	}
	if info.IsDir() {
		return nil, r.fail("reading", name, unix.EISDIR)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %q below %q: not a regular file", name, r.path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("reading %q below %q: %w: %d bytes, at most %d", name, r.path, ErrTooLarge, info.Size(), limit)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, r.fail("reading", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("reading %q below %q: %w: more than %d bytes", name, r.path, ErrTooLarge, limit)
	}
	return data, nil
}

// EvalSymlinks gives the cleaned path, beginning with a slash, that name leads
// to inside the root. The file must exist.
func (r *Root) EvalSymlinks(name string) (string, error) {
	at, err := r.walk(name, walkHow{})
	if err != nil {
		return "", r.fail("resolving", name, err)
	}
	defer at.close()
	if at.missing {
		return "", r.fail("resolving", name, unix.ENOENT)
	}
	return at.path, nil
}
