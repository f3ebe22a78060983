package copier

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// dirNode is a pair of directories, source and destination, between which files
// are being copied. It is closed, and the destination gets its metadata, when
// its last file is in place.
type dirNode struct {
	parent *dirNode
	src    int    // -1 when files come from elsewhere
	dst    int    // -1 until something is put there
	name   string // in the parent's destination
	path   string // relative to the item, for the digest
	from   string // in the source root, for the Excluder
	where  string // in the destination root, for hard links and messages
	meta   *meta  // nil leaves the destination as it is
	entry  *entry // nil once it has been emitted
	users  atomic.Int32
}

func (d *dirNode) hold() { d.users.Add(1) }

// release gives one use back; the last one finishes the directory.
func (d *dirNode) release() error { return d.giveBack(true) }

// drop gives one use back after an error.
func (d *dirNode) drop() { d.giveBack(false) } //nolint:errcheck // nothing is written then

func (d *dirNode) giveBack(finish bool) error {
	if d.users.Add(-1) > 0 {
		return nil
	}
	var err error
	if finish && d.dst >= 0 && d.meta != nil {
		if err = d.meta.applyTo(d.dst); err != nil {
			err = fmt.Errorf("finishing the directory %q: %w", d.where, err)
		}
	}
	for _, fd := range []int{d.src, d.dst} {
		if fd >= 0 {
			closeFD(fd)
		}
	}
	if d.parent == nil {
		return err
	}
	if above := d.parent.giveBack(finish); err == nil {
		err = above
	}
	return err
}

// intoDir makes or opens a directory of the destination; what is no directory
// makes room for it.
func intoDir(parent int, name string) (int, error) {
	for range 3 {
		err := unix.Mkdirat(parent, name, 0o700)
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return -1, err
		}
		fd, err := openAt(parent, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) {
			return fd, err
		}
		if err := removeTree(parent, name); err != nil {
			return -1, err
		}
	}
	return -1, unix.ENOTDIR
}

// readNames lists an open directory, sorted by the caller if need be.
func readNames(fd int) ([]string, error) {
	buf := make([]byte, 16<<10)
	var names []string
	for {
		n, err := unix.ReadDirent(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// metaOf gives what a copy gets besides its content, and notes it for the digest.
func (r *run) metaOf(st *unix.Stat_t, xattrs []xattr, e *entry) (*meta, error) {
	m := &meta{mode: st.Mode & modeAll, mtime: &st.Mtim}
	if r.o.StripSetID {
		m.mode &^= modeSetID
	}
	if r.o.Chmod != nil && !isType(st, unix.S_IFLNK) {
		m.mode = uint32(r.o.Chmod.Apply(Mode(m.mode), isType(st, unix.S_IFDIR)))
	}
	if r.o.Times != nil {
		m.setTime(r.o.Times)
	}
	owner, err := r.ownerOf(Owner{int(st.Uid), int(st.Gid)})
	if err != nil {
		return nil, err
	}
	if err := translateACLs(xattrs, func(o Owner) (Owner, error) { return toContainer(r.o.SrcIDs, o) }); err != nil {
		return nil, err
	}
	e.made, e.xattrs = look{m.mode, owner}, xattrs
	if e.found, err = r.lookOf(st); err != nil {
		return nil, err
	}
	if m.owner, err = r.onDisk(owner); err != nil {
		return nil, err
	}
	if r.o.DstIDs == nil {
		m.xattrs = xattrs
		return m, nil
	}
	for _, x := range xattrs {
		m.xattrs = append(m.xattrs, xattr{x.name, append([]byte(nil), x.value...)})
	}
	return m, translateACLs(m.xattrs, r.o.DstIDs.ToHost)
}

// lookOf is what a source has, whatever it is copied as. Owners that are not kept
// are not looked at.
func (r *run) lookOf(st *unix.Stat_t) (l look, err error) {
	l.mode = st.Mode & modeAll
	if r.o.KeepOwner {
		l.owner, err = toContainer(r.o.SrcIDs, Owner{int(st.Uid), int(st.Gid)})
	}
	return l, err
}

// ownerOf gives the owner of a copy, as in the container.
func (r *run) ownerOf(onDisk Owner) (Owner, error) {
	switch {
	case r.o.Chown != nil:
		return *r.o.Chown, nil
	case r.o.KeepOwner:
		return toContainer(r.o.SrcIDs, onDisk)
	}
	return Owner{}, nil
}

func (r *run) onDisk(o Owner) (*Owner, error) {
	o, err := toHost(r.o.DstIDs, o)
	return &o, err
}

// firstLink is the copy of a file that has further names in the source.
type firstLink struct {
	where string
	name  string // for the digest, which knows nothing of destinations
	made  unix.Stat_t
}

// sameFile tells whether a name still is what was copied there: a later source
// may have replaced it, and its inode number may be in use again.
func (f firstLink) sameFile(st *unix.Stat_t) bool {
	return inodeOf(st) == inodeOf(&f.made) && st.Size == f.made.Size && st.Mtim == f.made.Mtim
}

// linkTo makes a further name of a file that was copied before; false means that
// it must be copied again.
func (r *run) linkTo(first firstLink, dir int, name string) (bool, error) {
	up, base := splitLast(first.where)
	from, err := r.to.Root.open(up, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return false, err
	}
	defer closeFD(from)
	var st, old unix.Stat_t
	if fstatat(from, base, &st) != nil || !first.sameFile(&st) {
		return false, nil
	}
	err = unix.Linkat(from, base, dir, name, 0)
	if errors.Is(err, unix.EEXIST) {
		// rename does nothing between two names of one file, so look first.
		if fstatat(dir, name, &old) == nil && inodeOf(&old) == inodeOf(&st) {
			return true, nil
		}
		err = replace(dir, name, func(temporary string) error { return unix.Linkat(from, base, dir, temporary, 0) })
	}
	if errors.Is(err, unix.EMLINK) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EXDEV) {
		return false, nil
	}
	return err == nil, err
}
