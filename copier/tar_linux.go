package copier

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// tarNode is a directory that is being archived.
type tarNode struct {
	fd     int
	rel    string    // in the archive
	from   string    // in the source root
	parent *tarNode  // whose entry comes first
	entry  *tarEntry // not yet written; nil once it is
}

type tarEntry struct {
	header *tar.Header
	fd     int // of a regular file, else -1
}

func (t *tarring) top(ctx context.Context, src *Root, name string) error {
	fd, err := src.open(name, unix.O_PATH, 0)
	if err != nil {
		return src.fail("opening", name, err)
	}
	defer closeFD(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	from := path.Join(splitPath(path.Clean("/" + name))...)
	if !isType(&st, unix.S_IFDIR) {
		e, err := t.entryOf(fd, "", path.Base(from), &st)
		if err != nil {
			return err
		}
		return t.write(ctx, e)
	}
	dir, err := openAt(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer closeFD(dir)
	e, err := t.entryOf(dir, "", "", &st)
	if err != nil {
		return err
	}
	n := &tarNode{fd: dir, from: from, entry: e}
	if err := t.ensure(ctx, n); err != nil {
		return err
	}
	return t.tree(ctx, n)
}

func (t *tarring) tree(ctx context.Context, n *tarNode) error {
	names, err := readNames(n.fd)
	if err != nil {
		return fmt.Errorf("reading the directory %q: %w", n.from, err)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.child(ctx, n, name); err != nil {
			return err
		}
	}
	return nil
}

func (t *tarring) child(ctx context.Context, n *tarNode, name string) error {
	from, rel := path.Join(n.from, name), path.Join(n.rel, name)
	var st unix.Stat_t
	if err := fstatat(n.fd, name, &st); err != nil {
		return fmt.Errorf("looking at %q: %w", from, err)
	}
	dir := isType(&st, unix.S_IFDIR)
	out, prune := t.excluded(from, dir)
	if out && (prune || !dir) {
		return nil
	}
	if isType(&st, unix.S_IFSOCK) {
		t.note("skipping %q: a socket cannot be archived", from)
		return nil
	}
	if dir {
		return t.subtree(ctx, n, name, out)
	}
	if err := t.ensure(ctx, n); err != nil {
		return err
	}
	e, err := t.entryOf(n.fd, name, rel, &st)
	if err == nil {
		err = t.write(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("archiving %q: %w", from, err)
	}
	return nil
}

func (t *tarring) subtree(ctx context.Context, up *tarNode, name string, lazy bool) error {
	fd, err := openAt(up.fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer closeFD(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	n := &tarNode{fd: fd, rel: path.Join(up.rel, name), from: path.Join(up.from, name), parent: up}
	if n.entry, err = t.entryOf(fd, "", n.rel, &st); err != nil {
		return fmt.Errorf("archiving %q: %w", n.from, err)
	}
	if !lazy {
		if err := t.ensure(ctx, n); err != nil {
			return err
		}
	}
	return t.tree(ctx, n)
}

// ensure writes the entries of a directory and of those above it, once.
func (t *tarring) ensure(ctx context.Context, n *tarNode) error {
	if n == nil || n.entry == nil {
		return nil
	}
	if err := t.ensure(ctx, n.parent); err != nil {
		return err
	}
	e := n.entry
	n.entry = nil
	return t.write(ctx, e)
}

var tarTypes = map[uint32]byte{
	unix.S_IFREG: tar.TypeReg, unix.S_IFDIR: tar.TypeDir, unix.S_IFLNK: tar.TypeSymlink,
	unix.S_IFIFO: tar.TypeFifo, unix.S_IFCHR: tar.TypeChar, unix.S_IFBLK: tar.TypeBlock,
}

// entryOf describes a file by its directory and name, or by its own descriptor
// when name is "".
func (t *tarring) entryOf(at int, name, rel string, st *unix.Stat_t) (*tarEntry, error) {
	kind, ok := tarTypes[st.Mode&unix.S_IFMT]
	if !ok {
		return nil, errors.New("a socket cannot be archived")
	}
	h := &tar.Header{Typeflag: kind, Name: t.nameOf(rel, kind == tar.TypeDir), Mode: int64(st.Mode & modeAll)}
	h.ModTime = time.Unix(st.Mtim.Sec, 0)
	if t.o.Times != nil {
		h.ModTime = t.o.Times.Truncate(time.Second)
	}
	owner, err := toContainer(t.o.IDs, Owner{int(st.Uid), int(st.Gid)})
	if err != nil {
		return nil, err
	}
	if t.o.Owner != nil {
		owner = *t.o.Owner
	}
	h.Uid, h.Gid = owner.UID, owner.GID
	e := &tarEntry{header: h, fd: -1}
	switch kind {
	case tar.TypeReg:
		return e, t.regular(e, at, name, st)
	case tar.TypeSymlink:
		h.Linkname, err = readlinkAt(at, name)
		return e, err
	case tar.TypeChar, tar.TypeBlock:
		h.Devmajor, h.Devminor = int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	case tar.TypeDir:
		return e, t.xattrs(h, at)
	}
	return e, nil
}

// regular opens a file, unless it was archived under another name.
func (t *tarring) regular(e *tarEntry, at int, name string, st *unix.Stat_t) error {
	if first, ok := t.links[inodeOf(st)]; ok {
		e.header.Typeflag, e.header.Linkname = tar.TypeLink, first
		return nil
	}
	if st.Nlink > 1 {
		t.links[inodeOf(st)] = e.header.Name
	}
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	var fd int
	var err error
	if name == "" {
		fd, err = unix.Open(procPath(at), flags|unix.O_CLOEXEC, 0)
	} else {
		fd, err = openAt(at, name, flags, 0)
	}
	if err != nil {
		return err
	}
	var now unix.Stat_t
	err = unix.Fstat(fd, &now)
	if err == nil && !isType(&now, unix.S_IFREG) {
		err = errors.New("it was exchanged while it was being archived")
	}
	if err == nil {
		e.header.Size = now.Size
		err = t.xattrs(e.header, fd)
	}
	if err != nil {
		closeFD(fd)
		return err
	}
	e.fd = fd
	return nil
}

func (t *tarring) xattrs(h *tar.Header, fd int) error {
	found, err := fdXattrs(fd)
	if err != nil || len(found) == 0 {
		return err
	}
	if err := translateACLs(found, func(o Owner) (Owner, error) { return toContainer(t.o.IDs, o) }); err != nil {
		return err
	}
	h.PAXRecords = map[string]string{}
	for _, x := range found {
		h.PAXRecords[xattrRecord+x.name] = string(x.value)
	}
	return nil
}

// write writes an entry and closes its file.
func (t *tarring) write(ctx context.Context, e *tarEntry) error {
	if e.fd >= 0 {
		defer closeFD(e.fd)
	}
	if err := t.out.WriteHeader(e.header); err != nil {
		return err
	}
	if e.fd < 0 {
		return nil
	}
	for left := e.header.Size; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := readSome(e.fd, t.buf[:min(int64(len(t.buf)), left)])
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("it lost its last %d bytes while it was being archived: %w", left, io.ErrUnexpectedEOF)
		}
		if _, err := t.out.Write(t.buf[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}
