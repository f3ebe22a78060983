package copier

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// destination is where the items go.
type destination struct {
	*run
	path string   // cleaned, from the root
	into *dirNode // the directory at path; nil as long as path may become a file
}

// join gives the cleaned path of the target and whether it is written as a directory.
func (t Target) join() (full string, isDir bool) {
	workdir := path.Join("/", t.Workdir)
	full = path.Join("/", t.Path)
	if !strings.HasPrefix(t.Path, "/") {
		full = path.Join(workdir, t.Path)
	}
	last := t.Path[strings.LastIndex(t.Path, "/")+1:]
	return full, last == "" || last == "." || last == ".." || full == workdir
}

// destination opens the directory that everything goes into, if it is one
// already by the way it is written.
func (r *run) destination() (*destination, error) {
	full, isDir := r.to.join()
	d := &destination{run: r, path: full}
	if !isDir && !r.several && !r.o.Parents {
		return d, nil
	}
	return d, d.enter()
}

// enter makes the destination a directory, or finds that it is one.
func (d *destination) enter() error {
	if d.into != nil {
		return nil
	}
	at, err := d.mkdir(d.path)
	if err != nil {
		return fmt.Errorf("destination %q: %w", d.path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(at.dir, &st); err != nil {
		at.close()
		return err
	}
	d.run.into = inodeOf(&st)
	d.into = &dirNode{src: -1, dst: at.dir, where: at.path}
	d.into.hold()
	return nil
}

// mkdir makes a directory of the destination with those above it.
func (d *destination) mkdir(name string) (place, error) {
	o, err := d.dirOptions()
	if err != nil {
		return place{}, err
	}
	at, err := d.to.Root.mkdirAll(name, o)
	d.touchLate(at.created)
	return at, err
}

func (d *destination) dirOptions() (MkdirOptions, error) {
	owner := Owner{}
	if d.o.Chown != nil {
		owner = *d.o.Chown
	}
	onDisk, err := d.onDisk(owner)
	return MkdirOptions{Mode: 0o755, Owner: onDisk}, err
}

// touchLate has new directories get the time that was asked for when they are full.
func (d *destination) touchLate(created []string) {
	if d.o.Times == nil {
		return
	}
	for _, where := range created {
		m := &meta{}
		m.setTime(d.o.Times)
		d.late = append(d.late, lateDir{where, m})
	}
}

func (d *destination) close() {
	if d.into != nil {
		d.into.drop()
	}
}

// put copies one item.
func (d *destination) put(ctx context.Context, number int, it item) error {
	flags := unix.O_PATH
	if d.o.NoLinks {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := d.src.open(it.name, flags, 0)
	if err != nil {
		return err
	}
	defer closeFD(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	switch {
	case isType(&st, unix.S_IFDIR):
		return d.putDir(ctx, number, it, fd)
	case isType(&st, unix.S_IFREG) && d.o.Extract:
		done, err := d.putArchive(ctx, number, it, fd)
		if done || err != nil {
			return err
		}
	}
	return d.putFile(ctx, number, it, sourceFile{fd, &st})
}

type sourceFile struct {
	fd int
	st *unix.Stat_t
}

// putDir copies the content of a directory.
func (d *destination) putDir(ctx context.Context, number int, it item, fd int) error {
	if err := d.enter(); err != nil {
		return err
	}
	into, kept := d.into, ""
	into.hold()
	if d.o.Parents {
		into.drop()
		kept = it.kept
		var err error
		if into, err = d.parents(ctx, number, it, it.kept); err != nil {
			return err
		}
	}
	defer into.drop()
	top, err := d.top(fd, into)
	if err != nil {
		return err
	}
	top.path, top.from = kept, it.name
	if d.excluded(it) {
		d.lazy++
	} else { // it counts as an item even if nothing is in it
		top.entry = &entry{item: number, kind: "dir", typ: 'd', path: kept}
	}
	top.hold()
	if err := d.content(ctx, top, number); err != nil {
		top.drop()
		return err
	}
	return top.release()
}

// top pairs a source directory with the one that gets its content.
func (d *destination) top(fd int, into *dirNode) (*dirNode, error) {
	src, err := openAt(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = unix.Fstat(src, &st)
	if err == nil && inodeOf(&st) == d.run.into {
		err = errors.New("it is the destination itself")
	}
	dst := -1
	if err == nil {
		dst, err = unix.FcntlInt(uintptr(into.dst), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		closeFD(src)
		return nil, err
	}
	return &dirNode{src: src, dst: dst, where: into.where}, nil
}

// excluded tells a directory that is only looked through for what is not.
func (d *destination) excluded(it item) bool {
	if it.name == "." || d.o.Exclude == nil {
		return false
	}
	out, _ := d.o.Exclude.Excluded(it.name, true)
	return out
}

func (d *destination) content(ctx context.Context, top *dirNode, number int) error {
	if err := d.announce(ctx, top); err != nil {
		return err
	}
	return d.tree(ctx, top, number)
}

// putFile copies anything but a directory.
func (d *destination) putFile(ctx context.Context, number int, it item, f sourceFile) error {
	e := &entry{item: number, kind: "file", path: path.Base(it.name)}
	dir, base, err := d.place(ctx, number, it, isType(f.st, unix.S_IFLNK))
	if err != nil {
		return err
	}
	if d.o.Parents {
		e.path = it.kept
	}
	if err := d.one(ctx, source{dir: dir, base: base, fd: f.fd, entry: e}, f.st); err != nil {
		dir.drop()
		return err
	}
	return dir.release()
}

// place gives the directory and the name that a file gets; the caller gives the
// directory's use back.
func (d *destination) place(ctx context.Context, number int, it item, link bool) (*dirNode, string, error) {
	base := path.Base(it.name)
	if d.o.Parents {
		dir, err := d.parents(ctx, number, it, path.Dir(it.kept))
		return dir, base, err
	}
	if d.into != nil {
		d.into.hold()
		return d.into, base, nil
	}
	o, err := d.dirOptions()
	if err != nil {
		return nil, "", err
	}
	at, err := d.to.Root.landing(d.path, o, link)
	d.touchLate(at.created)
	if err != nil {
		return nil, "", err
	}
	if at.base != "" {
		base = at.base
	}
	dir := &dirNode{src: -1, dst: at.dir, where: at.path}
	if at.base != "" {
		dir.where, _ = splitLast(at.path)
	}
	dir.hold()
	return dir, base, nil
}

// landing finds where a single file comes to lie. A link to a directory leads
// into it, a dangling one gets its target made, one to a file is replaced, and
// so is any by another link.
func (r *Root) landing(name string, o MkdirOptions, link bool) (place, error) {
	kept, err := r.walk(name, walkHow{parents: &o, keepLast: true})
	if err != nil || kept.base == "" || kept.missing {
		return kept, r.landingError(name, err)
	}
	var st unix.Stat_t
	if err := fstatat(kept.dir, kept.base, &st); err != nil {
		kept.close()
		return kept, r.landingError(name, err)
	}
	if !isType(&st, unix.S_IFLNK) {
		return kept, nil
	}
	followed, err := r.walk(name, walkHow{parents: &o})
	followed.created = append(kept.created, followed.created...)
	switch {
	case errors.Is(err, unix.ELOOP), err == nil && followed.base != "" && (link || !followed.missing):
		if err == nil {
			followed.close()
		}
		return kept, nil
	}
	kept.close()
	return followed, r.landingError(name, err)
}

func (r *Root) landingError(name string, err error) error {
	if err == nil {
		return nil
	}
	return r.fail("finding the destination", name, err)
}
