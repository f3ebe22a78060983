package copier

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// tree copies what is in a source directory. It owns no use of the node.
func (r *run) tree(ctx context.Context, d *dirNode, number int) error {
	if err := r.enter(d.src, d.from); err != nil {
		return err
	}
	names, err := readNames(d.src)
	if err != nil {
		return fmt.Errorf("reading the directory %q: %w", d.from, err)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.child(ctx, d, name, number); err != nil {
			return err
		}
	}
	return nil
}

// child copies one file of a directory, or the whole directory that it is.
func (r *run) child(ctx context.Context, d *dirNode, name string, number int) error {
	var st unix.Stat_t
	from := path.Join(d.from, name)
	if err := fstatat(d.src, name, &st); err != nil {
		return fmt.Errorf("looking at %q: %w", from, err)
	}
	dir := isType(&st, unix.S_IFDIR)
	out, prune := false, false
	if r.o.Exclude != nil {
		out, prune = r.o.Exclude.Excluded(from, dir)
	}
	if out && (prune || !dir) {
		return nil
	}
	if dir {
		return r.subtree(ctx, d, name, subtree{number: number, lazy: out})
	}
	if isType(&st, unix.S_IFSOCK) {
		r.note("skipping %q: a socket cannot be copied", from)
		return nil
	}
	if err := r.ensure(ctx, d); err != nil {
		return err
	}
	e := &entry{item: number, kind: "dir", path: path.Join(d.path, name)}
	s := source{dir: d, name: name, base: name, fd: -1, entry: e}
	return r.one(ctx, s, &st)
}

// source is a file that is no directory, found and not yet read.
type source struct {
	dir   *dirNode // where it goes and, with fd < 0, where it is
	name  string   // its name in dir's source
	base  string   // the name that it gets
	fd    int      // its O_PATH descriptor if it is not in dir's source; stays open
	entry *entry
}

// one copies a file of any kind but a directory.
func (r *run) one(ctx context.Context, s source, st *unix.Stat_t) error {
	if !isType(st, unix.S_IFREG) {
		return r.special(ctx, s, st)
	}
	s.entry.typ = 'f'
	j := &job{dir: s.dir, name: s.base, from: s.name, fd: -1, entry: s.entry}
	if s.fd >= 0 {
		var err error
		if j.fd, err = unix.Open(procPath(s.fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
	}
	if st.Nlink > 1 {
		return r.linked(ctx, j, st)
	}
	return r.queue(ctx, j)
}

// linked copies a file that has several names, or gives the copy one more. The
// copy is made at once, since the next name may come up in a moment.
func (r *run) linked(ctx context.Context, j *job, st *unix.Stat_t) error {
	first, known := r.links[inodeOf(st)]
	if known {
		done, err := r.linkTo(first, j.dir.dst, j.name)
		if (done || err != nil) && j.fd >= 0 {
			closeFD(j.fd)
		}
		if err != nil {
			return fmt.Errorf("linking %q to %q: %w", j.entry.path, first.where, err)
		}
		if done {
			r.files.Add(1)
			j.entry.typ, j.entry.link = 'h', first.name
			return r.emit(ctx, j.entry)
		}
	}
	if err := r.walker.file(ctx, j); err != nil {
		return fmt.Errorf("copying %q to %q: %w", j.entry.path, path.Join(j.dir.where, j.name), err)
	}
	made := firstLink{where: path.Join(j.dir.where, j.name), name: fmt.Sprintf("%d:%s", j.entry.item, j.entry.path)}
	if err := fstatat(j.dir.dst, j.name, &made.made); err != nil {
		return err
	}
	r.links[inodeOf(st)] = made
	return r.emit(ctx, j.entry)
}

// subtree says how a directory is entered.
type subtree struct {
	number int
	lazy   bool // it is excluded, and only made if something in it is not
}

// subtree copies a directory below another.
func (r *run) subtree(ctx context.Context, up *dirNode, name string, how subtree) error {
	src, err := openAt(up.src, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("opening %q: %w", path.Join(up.from, name), err)
	}
	up.hold()
	d := &dirNode{
		parent: up, src: src, dst: -1, name: name,
		path: path.Join(up.path, name), from: path.Join(up.from, name), where: path.Join(up.where, name),
		entry: &entry{item: how.number, kind: "dir", typ: 'd'},
	}
	d.hold()
	d.entry.path = d.path
	if err := r.fill(ctx, d, how); err != nil {
		d.drop()
		return err
	}
	return d.release()
}

func (r *run) fill(ctx context.Context, d *dirNode, how subtree) error {
	var st unix.Stat_t
	if err := unix.Fstat(d.src, &st); err != nil {
		return err
	}
	if inodeOf(&st) == r.into {
		return fmt.Errorf("%q holds the destination: a directory cannot be copied into itself", d.from)
	}
	xattrs, err := fdXattrs(d.src)
	if err == nil {
		d.meta, err = r.metaOf(&st, xattrs, d.entry)
	}
	if err == nil && !how.lazy {
		err = r.ensure(ctx, d)
	}
	if err != nil {
		return fmt.Errorf("copying the directory %q: %w", d.from, err)
	}
	return r.tree(ctx, d, how.number)
}

// ensure makes the destination of a node, and of those above it, if it is not there.
func (r *run) ensure(ctx context.Context, d *dirNode) error {
	if d.dst >= 0 {
		return r.announce(ctx, d)
	}
	if err := r.ensure(ctx, d.parent); err != nil {
		return err
	}
	fd, err := intoDir(d.parent.dst, d.name)
	if err != nil {
		return fmt.Errorf("making the directory %q: %w", d.where, err)
	}
	d.dst = fd
	return r.announce(ctx, d)
}

// announce tells the digest of a directory, once.
func (r *run) announce(ctx context.Context, d *dirNode) error {
	e := d.entry
	if e == nil {
		return nil
	}
	d.entry = nil
	return r.emit(ctx, e)
}

// special copies a link, a device or a FIFO.
func (r *run) special(ctx context.Context, s source, st *unix.Stat_t) error {
	at, name := s.fd, ""
	if s.fd < 0 {
		at, name = s.dir.src, s.name
	}
	e := s.entry
	var xattrs []xattr
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		e.typ = 'l'
		e.link, err = readlinkAt(at, name)
	case unix.S_IFIFO, unix.S_IFCHR, unix.S_IFBLK:
		e.typ, e.rdev = specialTypes[st.Mode&unix.S_IFMT], st.Rdev
		xattrs, err = nodeXattrs(at, name)
	default:
		r.note("skipping %q: a socket cannot be copied", e.path)
		return nil
	}
	if err != nil {
		return err
	}
	m, err := r.metaOf(st, xattrs, e)
	if err != nil {
		return err
	}
	made, err := makeSpecial(s.dir.dst, s.base, special{mode: st.Mode, link: e.link, rdev: st.Rdev, meta: m})
	if err != nil {
		return fmt.Errorf("making %q: %w", path.Join(s.dir.where, s.base), err)
	}
	if !made {
		r.note("skipping %q: devices cannot be made in a user namespace", e.path)
		return nil
	}
	r.files.Add(1)
	return r.emit(ctx, e)
}

var specialTypes = map[uint32]byte{unix.S_IFIFO: 'p', unix.S_IFCHR: 'c', unix.S_IFBLK: 'b'}

// special is what a link, a device or a FIFO consists of.
type special struct {
	mode uint32 // its type is what counts
	link string
	rdev uint64
	meta *meta
}

// makeSpecial makes one, in place of whatever has the name; false means that the
// kernel makes no devices here.
func makeSpecial(dir int, name string, s special) (made bool, err error) {
	create := func(name string) error {
		if s.mode&unix.S_IFMT == unix.S_IFLNK {
			return unix.Symlinkat(s.link, dir, name)
		}
		return unix.Mknodat(dir, name, s.mode&unix.S_IFMT|0o600, int(s.rdev))
	}
	err = create(name)
	if errors.Is(err, unix.EEXIST) {
		err = replace(dir, name, create)
	}
	device := s.mode&unix.S_IFMT == unix.S_IFCHR || s.mode&unix.S_IFMT == unix.S_IFBLK
	if errors.Is(err, unix.EPERM) && device {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.meta.applyAt(dir, name)
}

// nodeXattrs reads those of a device or FIFO, which must not be opened for
// reading. With no name it is the O_PATH descriptor itself.
func nodeXattrs(at int, name string) ([]xattr, error) {
	if name != "" {
		fd, err := openAt(at, name, unix.O_PATH, 0)
		if err != nil {
			return nil, err
		}
		defer closeFD(fd)
		at = fd
	}
	self := procPath(at)
	return xattrsOf(
		func(buf []byte) (int, error) { return unix.Listxattr(self, buf) },
		func(name string, buf []byte) (int, error) { return unix.Getxattr(self, name, buf) })
}
