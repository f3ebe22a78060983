package copier

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxLinks is the kernel's own limit of links in one resolution.
const maxLinks = 40

// walkHow says what a walk does where the path is at its end or goes no further.
type walkHow struct {
	keepLast bool          // a link as the last component is not followed
	parents  *MkdirOptions // missing directories on the way are made
	all      bool          // with parents: also the last component is a directory
}

// place is where a walk ended: a name in a directory, which may be missing or
// anything but a followed link. base is "" when the path is the directory itself.
type place struct {
	dir     int // O_PATH or more, closed by close
	base    string
	path    string   // cleaned, from the root, with all links resolved
	missing bool     // there is no such name
	created []string // directories made, outermost first
}

func (p place) close() { closeFD(p.dir) }

// walker resolves a path with one descriptor for every directory it is in, so
// that ".." is a step back on its own way and never a question to the disk.
type walker struct {
	how   walkHow
	fds   []int    // the first belongs to the root
	names []string // one less than fds
	todo  []string
	links int
	made  []string
}

// walk resolves name inside the root, following links also where they dangle.
func (r *Root) walk(name string, how walkHow) (place, error) {
	w := &walker{how: how, fds: []int{int(r.dir.Fd())}, todo: splitPath(name)}
	defer w.close()
	for len(w.todo) > 0 {
		end, err := w.step()
		if err != nil {
			return place{created: w.made}, err
		}
		if end != nil {
			return *end, nil
		}
	}
	return w.end("", false)
}

// end describes where the walk is, with a descriptor of its own.
func (w *walker) end(base string, missing bool) (place, error) {
	fd, err := unix.FcntlInt(uintptr(w.top()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return place{}, err
	}
	names := w.names
	if base != "" {
		names = append(names[:len(names):len(names)], base)
	}
	return place{dir: fd, base: base, path: "/" + strings.Join(names, "/"), missing: missing, created: w.made}, nil
}

func (w *walker) top() int { return w.fds[len(w.fds)-1] }

func (w *walker) push(fd int, name string) {
	w.fds, w.names = append(w.fds, fd), append(w.names, name)
}

// back leaves n directories; the root is never left.
func (w *walker) back(n int) {
	for ; n > 0 && len(w.fds) > 1; n-- {
		closeFD(w.top())
		w.fds, w.names = w.fds[:len(w.fds)-1], w.names[:len(w.names)-1]
	}
}

func (w *walker) close() { w.back(len(w.fds)) }

// step goes one component further; a place is given when the walk ends there.
func (w *walker) step() (*place, error) {
	name := w.todo[0]
	w.todo = w.todo[1:]
	if name == ".." {
		w.back(1)
		return nil, nil
	}
	last := len(w.todo) == 0
	fd, err := openAt(w.top(), name, unix.O_PATH, 0)
	if errors.Is(err, unix.ENOENT) {
		return w.absent(name, last)
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		closeFD(fd)
		return nil, err
	}
	switch {
	case isType(&st, unix.S_IFDIR):
		w.push(fd, name)
		return nil, nil
	case isType(&st, unix.S_IFLNK) && (!last || !w.how.keepLast):
		defer closeFD(fd)
		return nil, w.follow(fd)
	}
	closeFD(fd)
	if !last || w.how.all {
		return nil, fmt.Errorf("%q already exists but is not a directory: %w", "/"+strings.Join(append(w.names, name), "/"), unix.ENOTDIR)
	}
	end, err := w.end(name, false)
	return &end, err
}

func (w *walker) follow(link int) error {
	if w.links++; w.links > maxLinks {
		return unix.ELOOP
	}
	target, err := readlinkAt(link, "")
	if err != nil {
		return err
	}
	if strings.HasPrefix(target, "/") {
		w.back(len(w.fds))
	}
	w.todo = append(splitPath(target), w.todo...)
	return nil
}

// absent makes a missing directory, or ends the walk where it may end.
func (w *walker) absent(name string, last bool) (*place, error) {
	if w.how.parents != nil && (!last || w.how.all) {
		fd, made, err := makeDir(w.top(), name, *w.how.parents)
		if err != nil {
			return nil, err
		}
		w.push(fd, name)
		if made {
			w.made = append(w.made, "/"+strings.Join(w.names, "/"))
		}
		return nil, nil
	}
	if !last {
		return nil, unix.ENOENT
	}
	end, err := w.end(name, true)
	return &end, err
}

// makeDir makes and opens one directory; one that appeared meanwhile is taken as it is.
func makeDir(parent int, name string, o MkdirOptions) (fd int, made bool, err error) {
	err = unix.Mkdirat(parent, name, 0o700)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return -1, false, err
	}
	made = err == nil
	fd, err = openAt(parent, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil || !made {
		return fd, false, err
	}
	if err := o.meta().applyTo(fd); err != nil {
		closeFD(fd)
		return -1, true, err
	}
	return fd, true, nil
}

func (o MkdirOptions) meta() *meta {
	m := &meta{mode: uint32(o.Mode), owner: o.Owner}
	if m.mode == 0 {
		m.mode = 0o755
	}
	m.setTime(o.Time)
	return m
}

func (m *meta) setTime(t *time.Time) {
	if t != nil {
		ts := unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
		m.mtime = &ts
	}
}

// splitPath gives the components that matter. A trailing slash is not kept.
func splitPath(name string) []string {
	parts := strings.Split(name, "/")
	kept := parts[:0]
	for _, part := range parts {
		if part != "" && part != "." {
			kept = append(kept, part)
		}
	}
	return kept
}
