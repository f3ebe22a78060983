package layers

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// reader is the target that leaves the tree alone.
type reader struct{ buf []byte }

func (r *reader) enter(*node, string) error    { return nil }
func (r *reader) leave(*node, time.Time) error { return nil }
func (r *reader) drop(*node, bool) error       { return nil }
func (r *reader) content(_ *node, src *os.File, size int64, w *tar.Writer) error {
	return copyExactly(w, src, size, &r.buf)
}

// copyExactly copies size bytes: a file that grows meanwhile is cut, one that
// shrinks is an error.
func copyExactly(w io.Writer, src io.Reader, size int64, buf *[]byte) error {
	if *buf == nil {
		*buf = make([]byte, chunkSize)
	}
	// hides ReadFrom and WriteTo, which would bring small buffers of their own
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{io.LimitReader(src, size)}, *buf)
	if err == nil && n != size {
		err = fmt.Errorf("it shrank meanwhile from %d to %d bytes", size, n)
	}
	return err
}

// inPlace is the target that makes the tree say what the tar says, and no more:
// what nobody could pull must not be in the layer here either.
type inPlace struct{ reader }

func (t *inPlace) enter(n *node, _ string) error {
	for _, name := range n.xattrs {
		if mayStay(name) {
			continue
		}
		if err := unix.Lremovexattr(proc(n.dir, n.name), name); err != nil {
			return fmt.Errorf("removing attribute %q of %q: %w", name, n.path, err)
		}
	}
	return nil
}

// leave sets the time, after what is below a directory has disturbed it.
func (t *inPlace) leave(n *node, mtime time.Time) error {
	if mtime.Equal(n.fi.ModTime()) && !n.fi.IsDir() {
		return nil
	}
	if n.fi.IsDir() && mtime.Equal(n.fi.ModTime()) {
		var now unix.Stat_t
		if err := unix.Fstatat(n.dir, n.name, &now, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("looking at %q: %w", n.path, err)
		}
		if time.Unix(now.Mtim.Unix()).Equal(mtime) {
			return nil
		}
	}
	return setTime(n.dir, n.name, mtime)
}

// setTime sets the modification time of the entry itself.
func setTime(dir int, name string, mtime time.Time) error {
	ts, err := unix.TimeToTimespec(mtime) // nanoseconds in one number end in 2262
	if err == nil {
		err = unix.UtimesNanoAt(dir, name, []unix.Timespec{{Nsec: unix.UTIME_OMIT}, ts}, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		return fmt.Errorf("setting the time of %q: %w", name, err)
	}
	return nil
}

func (t *inPlace) drop(n *node, whiteout bool) error {
	if err := removeAt(n.dir, n.name, n.fi.IsDir()); err != nil {
		return fmt.Errorf("removing %q: %w", n.path, err)
	}
	if !whiteout {
		return nil
	}
	return makeWhiteout(n)
}

func makeWhiteout(n *node) error {
	if err := unix.Mknodat(n.dir, n.name, unix.S_IFCHR, 0); err != nil {
		return fmt.Errorf("making a whiteout of %q: %w", n.path, err)
	}
	return nil
}

// removeAt removes an entry with everything below it. Nothing is followed.
func removeAt(dir int, name string, isDir bool) error {
	if !isDir {
		return unix.Unlinkat(dir, name, 0)
	}
	fd, err := openDir(dir, name)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	entries, err := f.ReadDir(-1)
	for _, e := range entries {
		err = errors.Join(err, removeAt(fd, e.Name(), e.IsDir()))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
}
