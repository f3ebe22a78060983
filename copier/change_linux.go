package copier

import (
	"crypto/rand"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// MkdirOptions adjusts MkdirAll. It only concerns directories that are made.
type MkdirOptions struct {
	Mode  Mode       // 0 means 0755
	Owner *Owner     // on disk; nil means the calling process
	Time  *time.Time // of modification; nil means now
}

// MkdirAll makes a directory and those above it. Links are followed inside the
// root; one that leads nowhere gets its target made. created has the paths that
// were made, with links resolved, outermost first; after an error it has what
// was made until then.
func (r *Root) MkdirAll(name string, o MkdirOptions) (created []string, err error) {
	at, err := r.mkdirAll(name, o)
	if err != nil {
		return at.created, err
	}
	at.close()
	return at.created, nil
}

// mkdirAll gives the place of the directory itself, to be closed by the caller.
func (r *Root) mkdirAll(name string, o MkdirOptions) (place, error) {
	at, err := r.walk(name, walkHow{parents: &o, all: true})
	if err != nil {
		return at, r.fail("making the directory", name, err)
	}
	if o.Time == nil || len(at.created) == 0 {
		return at, nil
	}
	// Each one made inside another changed the time of that one.
	for _, path := range at.created {
		if err := r.touch(path, *o.Time); err != nil {
			at.close()
			return at, err
		}
	}
	return at, nil
}

// touch sets the time of modification of a directory.
func (r *Root) touch(name string, t time.Time) error {
	dir, err := r.openDir(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	ts, err := unix.TimeToTimespec(t)
	if err == nil {
		err = futimens(int(dir.Fd()), &ts)
	}
	if err != nil {
		return r.fail("setting the time of", name, err)
	}
	return nil
}

// FileOptions adjusts WriteFile.
type FileOptions struct {
	Mode  Mode       // 0 means 0644
	Owner *Owner     // on disk; nil means the calling process
	Time  *time.Time // of modification; nil means now
}

func (o FileOptions) meta() *meta {
	m := &meta{mode: uint32(o.Mode), owner: o.Owner}
	if m.mode == 0 {
		m.mode = 0o644
	}
	m.setTime(o.Time)
	return m
}

// WriteFile writes a file, which appears whole or not at all. A link in the last
// component is followed inside the root, also to a target that is missing.
func (r *Root) WriteFile(name string, data []byte, o FileOptions) error {
	at, err := r.walk(name, walkHow{})
	if err != nil {
		return r.fail("writing", name, err)
	}
	defer at.close()
	if at.base == "" {
		return r.fail("writing", name, unix.EISDIR)
	}
	err = replaceFile(at.dir, at.base, o.meta(), func(fd int) error { return writeAll(fd, data) })
	if err != nil {
		return r.fail("writing", name, err)
	}
	return nil
}

// Remove removes a file, a link or an empty directory.
func (r *Root) Remove(name string) error {
	at, err := r.walk(name, walkHow{keepLast: true})
	if err != nil {
		return r.fail("removing", name, err)
	}
	defer at.close()
	dir, base, done, err := at.parent(r)
	if err != nil {
		return r.fail("removing", name, err)
	}
	defer done()
	err = unix.Unlinkat(dir, base, 0)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
		err = unix.Unlinkat(dir, base, unix.AT_REMOVEDIR)
	}
	if err != nil {
		return r.fail("removing", name, err)
	}
	return nil
}

// RemoveAll removes a file or a whole directory; a missing one is no error. A
// link is removed, not what it leads to.
func (r *Root) RemoveAll(name string) error {
	at, err := r.walk(name, walkHow{keepLast: true})
	if errors.Is(err, unix.ENOENT) || err == nil && at.missing {
		if err == nil {
			at.close()
		}
		return nil
	}
	if err != nil {
		return r.fail("removing", name, err)
	}
	defer at.close()
	dir, base, done, err := at.parent(r)
	if err != nil {
		return r.fail("removing", name, err)
	}
	defer done()
	if err := removeTree(dir, base); err != nil {
		return r.fail("removing", name, err)
	}
	return nil
}

// parent gives the directory that a place is in and its name there, also for a
// place that is a directory. The root itself has none.
func (p place) parent(r *Root) (dir int, base string, done func(), err error) {
	if p.base != "" {
		return p.dir, p.base, func() {}, nil
	}
	if p.path == "/" {
		return -1, "", nil, unix.EBUSY
	}
	up, base := splitLast(p.path)
	dir, err = r.open(up, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return -1, "", nil, err
	}
	return dir, base, func() { closeFD(dir) }, nil
}

// removeTree removes a name with all that is below it, never through a link.
func removeTree(dir int, name string) error {
	err := unix.Unlinkat(dir, name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
		return err
	}
	fd, err := openAt(dir, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	below := os.NewFile(uintptr(fd), name)
	names, err := below.Readdirnames(-1)
	for _, child := range names {
		if err == nil {
			err = removeTree(fd, child)
		}
	}
	below.Close()
	if err != nil {
		return err
	}
	return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
}

// createFile makes a new file with the metadata m around what write writes, and
// puts it under its name. The common case, a name that is free, costs no rename;
// an existing file is replaced in one step, a directory is removed first.
func createFile(dir int, name string, m *meta, write func(fd int) error) error {
	err := newFile(dir, name, m, write)
	if errors.Is(err, errTaken) {
		return replaceFile(dir, name, m, write)
	}
	return err
}

// replaceFile writes beside name and then renames.
func replaceFile(dir int, name string, m *meta, write func(fd int) error) error {
	return replace(dir, name, func(temporary string) error { return newFile(dir, temporary, m, write) })
}

// errTaken says that the name of a new file is in use.
var errTaken = errors.New("the name is taken")

// newFile writes a file whose name is free; after an error there is none.
func newFile(dir int, name string, m *meta, write func(fd int) error) error {
	fd, err := openAt(dir, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, m.mode&0o777)
	if errors.Is(err, unix.EEXIST) {
		return errTaken
	}
	if err != nil {
		return err
	}
	if err = write(fd); err == nil {
		err = m.applyTo(fd)
	}
	if closing := unix.Close(fd); err == nil {
		err = closing
	}
	if err != nil {
		return errors.Join(err, unix.Unlinkat(dir, name, 0))
	}
	return nil
}

// replace lets create make something under a temporary name and moves it to its own.
func replace(dir int, name string, create func(temporary string) error) error {
	temporary := ".buildah-" + rand.Text()
	if err := create(temporary); err != nil {
		return err
	}
	err := unix.Renameat(dir, temporary, dir, name)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
		if err = removeTree(dir, name); err == nil {
			err = unix.Renameat(dir, temporary, dir, name)
		}
	}
	if err != nil {
		return errors.Join(err, unix.Unlinkat(dir, temporary, 0))
	}
	return nil
}

func writeAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}
