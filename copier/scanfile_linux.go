package copier

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// one looks at anything but a directory, by its O_PATH descriptor.
func (s *scanner) one(ctx context.Context, e *entry, fd int, st *unix.Stat_t) error {
	if !isType(st, unix.S_IFREG) {
		return s.special(ctx, e, fd, st)
	}
	e.typ = 'f'
	if st.Nlink > 1 {
		if first, known := s.links[inodeOf(st)]; known {
			e.typ, e.link = 'h', first.name
			s.files.Add(1)
			return s.emit(ctx, e)
		}
		s.links[inodeOf(st)] = firstLink{name: fmt.Sprintf("%d:%s", e.item, e.path)}
	}
	if s.recall(st, e) {
		s.count(e)
		return s.emit(ctx, e)
	}
	src, err := reopen(fd)
	if err != nil {
		return err
	}
	e.done = make(chan struct{})
	if err := s.emit(ctx, e); err != nil {
		closeFD(src)
		return err
	}
	select {
	case s.unread <- unread{src, e}:
		return nil
	case <-ctx.Done():
		closeFD(src)
		return ctx.Err()
	}
}

func reopen(fd int) (int, error) {
	return unix.Open(procPath(fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
}

func (s *scanner) count(e *entry) {
	s.files.Add(1)
	s.bytes.Add(e.size)
}

// special looks at a link, a device or a FIFO.
func (s *scanner) special(ctx context.Context, e *entry, fd int, st *unix.Stat_t) error {
	var xattrs []xattr
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		e.typ = 'l'
		e.link, err = readlinkAt(fd, "")
	case unix.S_IFIFO, unix.S_IFCHR, unix.S_IFBLK:
		e.typ, e.rdev = specialTypes[st.Mode&unix.S_IFMT], st.Rdev
		xattrs, err = nodeXattrs(fd, "")
	default:
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := s.metaOf(st, xattrs, e); err != nil {
		return err
	}
	s.files.Add(1)
	return s.emit(ctx, e)
}

// recall fills an entry from what is known of the file, if that is enough.
func (s *scanner) recall(st *unix.Stat_t, e *entry) bool {
	if s.sums == nil {
		return false
	}
	c, ok := s.sums.Known(fileID(st))
	if !ok || c.Xattrs {
		return false
	}
	if _, err := s.metaOf(st, nil, e); err != nil {
		return false
	}
	e.typ, e.size, e.sum = 'f', st.Size, c.Sum
	return true
}

func fileID(st *unix.Stat_t) FileID {
	return FileID{Dev: st.Dev, Ino: st.Ino, Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(), Mode: st.Mode}
}

// read reads files until there are no more.
func (s *scanner) read(ctx context.Context) error {
	var b buffers
	for u := range s.unread {
		err := ctx.Err()
		if err == nil {
			err = s.content(ctx, &b, u.fd, u.entry)
		}
		closeFD(u.fd)
		if err != nil {
			return fmt.Errorf("reading %q: %w", u.entry.path, err)
		}
		s.count(u.entry)
		close(u.entry.done)
	}
	return nil
}

// content reads an open file. What changes meanwhile is not remembered.
func (s *scanner) content(ctx context.Context, b *buffers, fd int, e *entry) error {
	var before, after unix.Stat_t
	if err := unix.Fstat(fd, &before); err != nil {
		return err
	}
	if !isType(&before, unix.S_IFREG) {
		return errors.New("it was exchanged while it was being read")
	}
	xattrs, err := fdXattrs(fd)
	if err != nil {
		return err
	}
	if _, err := s.metaOf(&before, xattrs, e); err != nil {
		return err
	}
	if s.sums != nil {
		if c, ok := s.sums.Known(fileID(&before)); ok {
			e.size, e.sum = before.Size, c.Sum
			return nil
		}
	}
	if e.size, err = b.digest(ctx, fd, &e.sum); err != nil {
		return err
	}
	if err := unix.Fstat(fd, &after); err != nil {
		return err
	}
	if s.sums != nil && fileID(&before) == fileID(&after) && e.size == after.Size {
		s.sums.Learn(fileID(&after), Content{Sum: e.sum, Xattrs: len(xattrs) > 0})
	}
	return nil
}

// digest reads src to its end.
func (b *buffers) digest(ctx context.Context, src int, sum *[sha256.Size]byte) (int64, error) {
	buf, n := b.get(0), 0
	for n < len(buf) {
		more, err := readSome(src, buf[n:])
		if err != nil {
			return 0, err
		}
		if more == 0 {
			*sum = sha256.Sum256(buf[:n])
			return int64(n), nil
		}
		n += more
	}
	h := sha256.New()
	h.Write(buf)
	total, err := b.pump(ctx, -1, src, h)
	h.Sum(sum[:0])
	return total + int64(n), err
}

func isArchiveAt(fd int) (bool, error) {
	f, err := os.OpenFile(procPath(fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return IsArchive(f)
}

// archive is known by its bytes alone.
func (s *scanner) archive(ctx context.Context, e *entry, fd int) error {
	*e = entry{item: e.item, kind: "file", typ: 'f', path: path.Base(e.path)}
	src, err := reopen(fd)
	if err != nil {
		return err
	}
	defer closeFD(src)
	if err := s.content(ctx, &buffers{}, src, e); err != nil {
		return err
	}
	*e = entry{item: e.item, kind: e.kind, typ: e.typ, path: e.path, sum: e.sum}
	return s.emit(ctx, e)
}
