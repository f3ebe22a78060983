package chroot

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// tree is the root directory of a container, by descriptor. Every name given to
// it is resolved inside: symbolic links cannot lead out.
type tree int

// resolveFlags keep a resolution inside the root and off /proc's magic links.
const resolveFlags = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS

// open opens a name. The flags O_CLOEXEC and, unless the file is opened for
// reading or writing, O_PATH are added by the caller.
func (t tree) open(name string, flags uint64, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolveFlags | resolve}
	for {
		fd, err := unix.Openat2(int(t), name, &how)
		// EAGAIN: something was renamed meanwhile; the kernel asks to try again.
		if err != unix.EAGAIN && err != unix.EINTR {
			return fd, err //nolint:wrapcheck // callers compare it and add the name
		}
	}
}

// path resolves a name to an O_PATH descriptor.
func (t tree) path(name string) (int, error) {
	return t.open(name, unix.O_PATH, 0)
}

// target resolves the place for a mount and makes what is missing of it:
// directories, and a directory or an empty file in the last place. A link that
// leads nowhere is followed, inside the root, and its target is made.
func (t tree) target(name string, dir bool) (int, error) {
	fd, err := t.path(name)
	if err == nil || !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	w := &walk{pending: strings.Split(name, "/"), dir: dir}
	defer w.close()
	if err := w.enter(int(t), "."); err != nil {
		return -1, err
	}
	for len(w.pending) > 0 {
		if err := w.step(); err != nil {
			return -1, fmt.Errorf("making %q: %w", name, err)
		}
	}
	last := w.stack[len(w.stack)-1]
	w.stack = w.stack[:len(w.stack)-1]
	return last, nil
}

// maxLinks is the kernel's own limit.
const maxLinks = 40

// walk goes through a path one component at a time.
type walk struct {
	stack   []int    // the directories from the root to here; ".." pops one
	pending []string // components still to go
	links   int
	dir     bool // make a directory in the last place, not a file
}

func (w *walk) close() {
	for _, fd := range w.stack {
		closeFD(fd)
	}
}

// enter opens a component without following it and goes there.
func (w *walk) enter(dir int, name string) error {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	w.stack = append(w.stack, fd)
	return nil
}

// step takes the next component.
func (w *walk) step() error {
	here, name := w.stack[len(w.stack)-1], w.pending[0]
	w.pending = w.pending[1:]
	switch name {
	case "", ".":
		return nil
	case "..":
		if len(w.stack) > 1 {
			closeFD(here)
			w.stack = w.stack[:len(w.stack)-1]
		}
		return nil
	}
	err := w.enter(here, name)
	if errors.Is(err, unix.ENOENT) {
		if err := w.make(here, name); err != nil {
			return err
		}
		err = w.enter(here, name)
	}
	if err != nil {
		return err
	}
	return w.follow()
}

// make makes a component. Nothing more is made when another process was faster.
func (w *walk) make(dir int, name string) error {
	var err error
	if w.dir || w.more() {
		err = unix.Mkdirat(dir, name, 0o755)
	} else {
		err = unix.Mknodat(dir, name, unix.S_IFREG|0o644, 0)
	}
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// more tells whether a component of substance is still to come.
func (w *walk) more() bool {
	for _, name := range w.pending {
		if name != "" && name != "." {
			return true
		}
	}
	return false
}

// follow replaces a link that was entered by what it says.
func (w *walk) follow() error {
	here := w.stack[len(w.stack)-1]
	var st unix.Stat_t
	if err := unix.Fstat(here, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return nil
	}
	if w.links++; w.links > maxLinks {
		return unix.ELOOP
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(here, "", buf)
	if err != nil {
		return err
	}
	closeFD(here)
	w.stack = w.stack[:len(w.stack)-1]
	link := string(buf[:n])
	if strings.HasPrefix(link, "/") {
		for _, fd := range w.stack[1:] {
			closeFD(fd)
		}
		w.stack = w.stack[:1]
	}
	w.pending = append(strings.Split(link, "/"), w.pending...)
	return nil
}
