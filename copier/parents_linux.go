package copier

import (
	"context"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// parents makes the directories that lead to an item below the destination,
// each with the metadata of its original. The caller gives the use back.
func (d *destination) parents(ctx context.Context, number int, it item, kept string) (*dirNode, error) {
	parts := splitPath(kept)
	before := splitPath(it.name)
	before = before[:max(0, len(before)-len(splitPath(it.kept)))]
	where := d.path
	for i, part := range parts {
		where = path.Join(where, part)
		if _, ok := d.known[where]; ok {
			continue
		}
		original := path.Join(path.Join(before...), path.Join(parts[:i+1]...))
		if err := d.parent(ctx, where, original, &entry{item: number, kind: "dir", typ: 'd', path: path.Join(parts[:i+1]...)}); err != nil {
			return nil, fmt.Errorf("making the parent %q: %w", where, err)
		}
		d.known[where] = struct{}{}
	}
	fd, err := d.to.Root.open(where, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, d.to.Root.fail("opening", where, err)
	}
	dir := &dirNode{src: -1, dst: fd, where: where}
	dir.hold()
	return dir, nil
}

// parent makes one of them; one that is there already is left as it is.
func (d *destination) parent(ctx context.Context, where, original string, e *entry) error {
	src, err := d.src.openDir(original)
	if err != nil {
		return err
	}
	defer src.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(src.Fd()), &st); err != nil {
		return err
	}
	xattrs, err := fdXattrs(int(src.Fd()))
	if err != nil {
		return err
	}
	m, err := d.metaOf(&st, xattrs, e)
	if err != nil {
		return err
	}
	at, err := d.to.Root.mkdirAll(where, MkdirOptions{Mode: 0o700})
	if err != nil {
		return err
	}
	at.close()
	for _, made := range at.created {
		d.late = append(d.late, lateDir{made, m})
	}
	return d.emit(ctx, e)
}
