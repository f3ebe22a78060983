package copier

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// scanner is one Digest under way: the walk of a run that makes nothing. It emits
// the entries that the run would emit, in the same order.
type scanner struct {
	*run
	sums   Sums
	unread chan unread
}

// unread is an open file whose content is not known.
type unread struct {
	fd    int
	entry *entry
}

// scanDir is a directory of the source.
type scanDir struct {
	parent *scanDir
	src    int
	path   string // relative to the item
	from   string // in the source root
	entry  *entry // nil once it has been emitted
}

func (s *scanner) all(ctx context.Context, items []item) (Result, error) {
	s.unread = make(chan unread, window)
	group, ctx := errgroup.WithContext(ctx)
	for range max(2, min(4, runtime.GOMAXPROCS(0))) {
		group.Go(func() error { return s.read(ctx) })
	}
	sum := summary{each: s.o.each(items)}
	group.Go(func() error { return sum.collect(ctx, s.entries) })
	group.Go(func() error {
		defer close(s.unread)
		defer s.closeQueues()
		for i := range items {
			if err := s.put(ctx, i, items[i]); err != nil {
				return fmt.Errorf("reading %q: %w", items[i].name, err)
			}
		}
		return nil
	})
	err := group.Wait()
	for u := range s.unread { // those that an error left over
		closeFD(u.fd)
	}
	if err != nil {
		return Result{}, err
	}
	result := sum.result()
	result.Files, result.Bytes = int(s.files.Load()), s.bytes.Load()
	return result, nil
}

// put looks at one item.
func (s *scanner) put(ctx context.Context, number int, it item) error {
	flags := unix.O_PATH
	if s.o.NoLinks {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := s.src.open(it.name, flags, 0)
	if err != nil {
		return err
	}
	defer closeFD(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if isType(&st, unix.S_IFDIR) {
		return s.putDir(ctx, number, it, fd)
	}
	e := &entry{item: number, kind: "file", path: path.Base(it.name)}
	if s.o.Parents {
		if err := s.parents(ctx, number, it, path.Dir(it.kept)); err != nil {
			return err
		}
		e.path = it.kept
	}
	if isType(&st, unix.S_IFREG) && s.o.Extract {
		if is, err := isArchiveAt(fd); err != nil || is {
			return errors.Join(err, s.archive(ctx, e, fd))
		}
	}
	return s.one(ctx, e, fd, &st)
}

// putDir looks at the content of a directory.
func (s *scanner) putDir(ctx context.Context, number int, it item, fd int) error {
	kept := ""
	if s.o.Parents {
		kept = it.kept
		if err := s.parents(ctx, number, it, kept); err != nil {
			return err
		}
	}
	src, err := openAt(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer closeFD(src)
	top := &scanDir{src: src, path: kept, from: it.name}
	out := false
	if it.name != "." && s.o.Exclude != nil {
		out, _ = s.o.Exclude.Excluded(it.name, true)
	}
	if out {
		s.lazy++
	} else {
		top.entry = &entry{item: number, kind: "dir", typ: 'd', path: kept}
	}
	if top.entry != nil && s.o.Whole {
		if err := s.look(src, top.entry); err != nil {
			return err
		}
	}
	if err := s.announce(ctx, top); err != nil {
		return err
	}
	return s.tree(ctx, top, number)
}

// parents looks at the directories that lead to an item, once each.
func (s *scanner) parents(ctx context.Context, number int, it item, kept string) error {
	parts := splitPath(kept)
	before := splitPath(it.name)
	before = before[:max(0, len(before)-len(splitPath(it.kept)))]
	for i := range parts {
		name := path.Join(parts[:i+1]...)
		if _, ok := s.known[name]; ok {
			continue
		}
		s.known[name] = struct{}{}
		dir, err := s.src.openDir(path.Join(path.Join(before...), name))
		if err != nil {
			return err
		}
		e := &entry{item: number, kind: "dir", typ: 'd', path: name}
		err = s.look(int(dir.Fd()), e)
		dir.Close()
		if err != nil {
			return err
		}
		if err := s.emit(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// look notes what a directory has.
func (s *scanner) look(fd int, e *entry) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	xattrs, err := fdXattrs(fd)
	if err != nil {
		return err
	}
	_, err = s.metaOf(&st, xattrs, e)
	return err
}

// tree looks at what is in a directory.
func (s *scanner) tree(ctx context.Context, d *scanDir, number int) error {
	if err := s.enter(d.src, d.from); err != nil {
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
		if err := s.child(ctx, d, name, number); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) child(ctx context.Context, d *scanDir, name string, number int) error {
	var st unix.Stat_t
	from := path.Join(d.from, name)
	if err := fstatat(d.src, name, &st); err != nil {
		return fmt.Errorf("looking at %q: %w", from, err)
	}
	dir := isType(&st, unix.S_IFDIR)
	out, prune := false, false
	if s.o.Exclude != nil {
		out, prune = s.o.Exclude.Excluded(from, dir)
	}
	switch {
	case out && (prune || !dir), isType(&st, unix.S_IFSOCK):
		return nil
	case dir:
		return s.subtree(ctx, d, name, subtree{number: number, lazy: out})
	}
	if err := s.announce(ctx, d); err != nil {
		return err
	}
	e := &entry{item: number, kind: "dir", path: path.Join(d.path, name)}
	if isType(&st, unix.S_IFREG) && st.Nlink == 1 && s.recall(&st, e) {
		s.count(e)
		return s.emit(ctx, e)
	}
	fd, err := openAt(d.src, name, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer closeFD(fd)
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	return s.one(ctx, e, fd, &st)
}

func (s *scanner) subtree(ctx context.Context, up *scanDir, name string, how subtree) error {
	src, err := openAt(up.src, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("opening %q: %w", path.Join(up.from, name), err)
	}
	defer closeFD(src)
	d := &scanDir{parent: up, src: src, path: path.Join(up.path, name), from: path.Join(up.from, name)}
	d.entry = &entry{item: how.number, kind: "dir", typ: 'd', path: d.path}
	if err := s.look(src, d.entry); err != nil {
		return fmt.Errorf("reading the directory %q: %w", d.from, err)
	}
	if !how.lazy {
		if err := s.announce(ctx, d); err != nil {
			return err
		}
	}
	return s.tree(ctx, d, how.number)
}

// announce emits a directory, and those above it, once.
func (s *scanner) announce(ctx context.Context, d *scanDir) error {
	if d.parent != nil {
		if err := s.announce(ctx, d.parent); err != nil {
			return err
		}
	}
	e := d.entry
	if e == nil {
		return nil
	}
	d.entry = nil
	return s.emit(ctx, e)
}
