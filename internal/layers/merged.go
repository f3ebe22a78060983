package layers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/idtools"
	"golang.org/x/sys/unix"
)

// fromMerged compares the mounted trees of the container and of what it stands
// on: all that every driver has, and what tells the truth about an upper
// directory that refers to lower ones.
func (f *freezer) fromMerged(ctx context.Context, w *walker) (err error) {
	merged, done, err := f.store.Use(f.container.ID, f.container.MountLabel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	base, ids, doneBase, err := f.mountParent()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, doneBase()) }()
	w.ids = idtools.NewIDMappingsFromMaps(f.layer.UIDMap, f.layer.GIDMap)
	changes, err := archive.ChangesDirs(merged, w.ids, base, ids)
	if err != nil {
		return fmt.Errorf("comparing %q with its base: %w", f.container.ID, err)
	}
	l := newChangeList(w, changes)
	for _, open := range []struct {
		to   *int
		path string
	}{{&l.root, merged}, {&l.base, base}} {
		dir, err := os.Open(open.path)
		if err != nil {
			return err
		}
		defer dir.Close()
		*open.to = int(dir.Fd())
	}
	if err := l.addLists(ctx, l.root, ""); err != nil {
		return fmt.Errorf("comparing %q with its base: %w", f.container.ID, err)
	}
	return l.write(ctx)
}

// mountParent mounts what the container stands on, only to be read: an upper
// directory is marked by being one. It is an empty directory when it is scratch.
func (f *freezer) mountParent() (path string, ids *idtools.IDMappings, done func() error, err error) {
	raw := f.store.Raw()
	if f.parent == "" {
		dir, err := os.MkdirTemp(f.store.RunRoot(), "buildah-empty-")
		return dir, &idtools.IDMappings{}, func() error { return os.Remove(dir) }, err
	}
	layer, err := raw.Layer(f.parent)
	if err == nil {
		path, err = raw.MountImage(f.container.ImageID, []string{"ro"}, "")
	}
	if err != nil {
		return "", nil, nil, fmt.Errorf("mounting the base of %q: %w", f.container.ID, err)
	}
	done = func() error { _, err := raw.UnmountImage(f.container.ImageID, false); return err }
	return path, idtools.NewIDMappingsFromMaps(layer.UIDMap, layer.GIDMap), done, nil
}

// changeList writes what is different in a tree.
type changeList struct {
	w          *walker
	root, base int // descriptors of the trees
	kinds      map[string]archive.ChangeType
}

func newChangeList(w *walker, changes []archive.Change) *changeList {
	l := &changeList{w: w, kinds: map[string]archive.ChangeType{}}
	for _, c := range changes {
		l.kinds[strings.TrimPrefix(filepath.Clean(c.Path), "/")] = c.Kind
	}
	return l
}

// addLists adds the entries whose access control lists are not those of the base:
// the library compares all but these. A list that only the base has is no change,
// as there are drivers that lose it when they copy.
func (l *changeList) addLists(ctx context.Context, dir int, at string) error {
	fd, err := openDir(dir, ".")
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), at)
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(at, e.Name())
		if e.Type()&os.ModeSymlink != 0 {
			continue
		}
		if err := l.compareLists(fd, e.Name(), name); err != nil {
			return err
		}
		if !e.IsDir() {
			continue
		}
		below, err := openDir(fd, e.Name())
		if err != nil {
			return err
		}
		err = l.addLists(ctx, below, name)
		if err = errors.Join(err, unix.Close(below)); err != nil {
			return err
		}
	}
	return nil
}

func (l *changeList) compareLists(dir int, name, at string) error {
	if _, known := l.kinds[at]; known {
		return nil
	}
	xattrs, err := listXattrs(proc(dir, name))
	if err != nil {
		return fmt.Errorf("listing the attributes of %q: %w", at, err)
	}
	for _, x := range []string{aclAccess, aclDefault} {
		if !slices.Contains(xattrs, x) {
			continue
		}
		now, err := getXattr(proc(dir, name), x)
		if err != nil {
			return fmt.Errorf("reading attribute %q of %q: %w", x, at, err)
		}
		if bytes.Equal(now, l.inBase(at, x)) {
			continue
		}
		for ; at != "."; at = path.Dir(at) { // with its directories, as all others
			if _, known := l.kinds[at]; !known {
				l.kinds[at] = archive.ChangeModify
			}
		}
		return nil
	}
	return nil
}

// inBase reads an attribute of an entry of the base; nil when it has none.
func (l *changeList) inBase(at, xattr string) []byte {
	dir, err := openBeneath(l.base, path.Dir(at))
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(dir) }()
	value, err := getXattr(proc(dir, path.Base(at)), xattr)
	if err != nil {
		return nil
	}
	return value
}

// openBeneath opens a directory of a tree by a path that has no links in it.
func openBeneath(root int, name string) (int, error) {
	return unix.Openat2(root, name, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
}

// write writes all changes, directories before what is in them.
func (l *changeList) write(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(l.kinds))
	drop, err := l.stubs(names)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.writeOne(name, drop); err != nil {
			return err
		}
	}
	return l.w.tar.Close()
}

func (l *changeList) writeOne(name string, drop map[string]verdict) error {
	if l.kinds[name] == archive.ChangeDelete {
		if under(name, drop) {
			return nil // it goes with its directory
		}
		return l.w.deleted(name)
	}
	switch v := drop[name]; {
	case v == leaveOut && l.has(l.base, name):
		return l.w.deleted(name) // or it would come back
	case v != keep:
		return nil
	}
	n, done, err := l.node(name)
	if err != nil {
		return err
	}
	defer done()
	if n.st.Mode&unix.S_IFMT == unix.S_IFSOCK {
		return nil
	}
	if err := l.w.check(n); err != nil {
		return err
	}
	return l.w.entry(n, l.w.clamp.apply(n.fi.ModTime()))
}

// node looks at an entry of the container's tree.
func (l *changeList) node(name string) (n *node, done func(), err error) {
	dir, err := openBeneath(l.root, path.Dir(name))
	if err != nil {
		return nil, nil, fmt.Errorf("opening the directory of %q: %w", name, err)
	}
	done = func() { _ = unix.Close(dir) }
	if n, err = lookAt(dir, path.Base(name), name); err != nil {
		done()
		return nil, nil, err
	}
	above, err := listXattrs(fmt.Sprintf("/proc/self/fd/%d/.", dir))
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("listing the attributes of the directory of %q: %w", name, err)
	}
	n.inherits = path.Dir(name) != "." && slices.Contains(above, aclDefault)
	return n, done, nil
}

// has tells whether a tree has an entry.
func (l *changeList) has(tree int, name string) bool {
	dir, err := openBeneath(tree, path.Dir(name))
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(dir) }()
	var st unix.Stat_t
	return unix.Fstatat(dir, path.Base(name), &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// stubs finds the changes that are mount stubs, and nothing else: a directory only
// if all that is below it is left out too.
func (l *changeList) stubs(names []string) (map[string]verdict, error) {
	drop := map[string]verdict{}
	if l.w.stubs.empty() {
		return drop, nil
	}
	var kept []string
	for _, name := range names {
		if l.kinds[name] == archive.ChangeDelete {
			continue
		}
		n, done, err := l.node(name)
		if err != nil {
			return nil, err
		}
		done()
		if v := l.w.stubs.lookAlone(n); v != keep {
			drop[name] = v
			continue
		}
		kept = append(kept, name)
	}
	for _, name := range kept {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			delete(drop, dir)
		}
	}
	// What is deleted below a stub was deleted with the directory in whose place it stands.
	for _, name := range names {
		for dir := path.Dir(name); l.kinds[name] == archive.ChangeDelete && dir != "."; dir = path.Dir(dir) {
			if drop[dir] == leavePulled {
				delete(drop, dir)
			}
		}
	}
	return drop, nil
}

// under tells whether a directory above is left out.
func under(name string, drop map[string]verdict) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if drop[dir] == leaveOut {
			return true
		}
	}
	return false
}
