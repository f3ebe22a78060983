package layers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/docker/go-units"
	"go.podman.io/storage"
	drivers "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// This file is all that uses storage's experimental Differ interface.

// rename makes the upper directory the layer. No file data is written.
//
// The walk brings the directory into the state that the tar describes and hashes
// it; then storage records the layer as incomplete, renames the directory to its
// place under its own lock, and records it as complete.
func (f *freezer) rename(ctx context.Context, p place) (Layer, error) {
	if err := f.cleanRoot(p.upper, p.lowers); err != nil {
		return Layer{}, err
	}
	out, err := f.digest(ctx, p, &inPlace{})
	if err != nil {
		return Layer{}, err
	}
	out.Target = p.upper
	return f.apply(&out, PathRename)
}

// clone copies the upper directory into a staging directory of the store.
func (f *freezer) clone(ctx context.Context, p place) (Layer, error) {
	raw := f.store.Raw()
	out, err := raw.PrepareStagedLayer(nil, &differ{ctx: ctx, freezer: f, place: p})
	if err != nil {
		if out.Target != "" {
			err = errors.Join(err, raw.CleanupStagedLayer(out))
		}
		return Layer{}, needed(err, p.upper)
	}
	l, err := f.apply(out, PathClone)
	if err != nil || l.Reused {
		return l, errors.Join(err, raw.CleanupStagedLayer(out))
	}
	tidyStaging(out.Target)
	return l, nil
}

// needed adds to an error about a full disk what a copy of the directory takes.
func needed(err error, dir string) error {
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return err
	}
	total := int64(0)
	walk := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err == nil {
			total += fi.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if walk != nil {
		return err // which says enough
	}
	return fmt.Errorf("%w: the layer needs %s", err, units.BytesSize(float64(total)))
}

// differ fills a staging directory for storage.
type differ struct {
	ctx     context.Context //nolint:containedctx // storage's interface hands none on
	freezer *freezer
	place   place
}

func (d *differ) Close() error { return nil }

func (d *differ) ApplyDiff(dest string, _ *archive.TarOptions, _ *drivers.DifferOptions) (drivers.DriverWithDifferOutput, error) {
	if err := d.freezer.cleanRoot(dest, d.place.lowers); err != nil {
		return drivers.DriverWithDifferOutput{}, err
	}
	c, err := newClone(dest)
	if err != nil {
		return drivers.DriverWithDifferOutput{}, err
	}
	defer c.close()
	return d.freezer.digest(d.ctx, d.place, c)
}

// digest walks the upper directory once.
func (f *freezer) digest(ctx context.Context, p place, t target) (out drivers.DriverWithDifferOutput, err error) {
	notes, err := unlinked(f.store.GraphRoot())
	if err != nil {
		return out, err
	}
	defer func() {
		if err != nil {
			notes.Close()
		}
	}()
	buffered := bufio.NewWriterSize(notes, chunkSize)
	d := newDigester(buffered)
	defer d.abort()
	w := newWalker(d, t)
	w.convert = archive.GetWhiteoutConverter(archive.OverlayWhiteoutFormat, p.lowers)
	w.lowers, w.stubs, w.clamp = p.lowers, &f.stubs, f.opts.Clamp
	if err := w.walk(ctx, p.upper); err != nil {
		return out, err
	}
	sum, err := d.finish()
	if err = errors.Join(err, buffered.Flush()); err != nil {
		return out, err
	}
	return drivers.DriverWithDifferOutput{
		UncompressedDigest: sum, CompressedDigest: sum, Size: d.size,
		UIDs: sorted(w.uids), GIDs: sorted(w.gids), TarSplit: notes,
	}, nil
}

func sorted(set map[uint32]bool) []uint32 {
	list := make([]uint32, 0, len(set))
	for id := range set {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// apply hands a directory over to the store, unless it has the layer. Look and
// apply are under one lock: on an ID that exists storage would replace the
// directory that containers have mounted.
func (f *freezer) apply(out *drivers.DriverWithDifferOutput, how string) (Layer, error) {
	defer func() {
		if out.TarSplit != nil {
			out.TarSplit.Close()
			out.TarSplit = nil
		}
	}()
	l := Layer{
		ID: ChainID(f.parent, out.UncompressedDigest), DiffID: out.UncompressedDigest, Size: out.Size,
		Parent: f.parent, Path: how,
	}
	if err := f.store.Claim(l.ID); err != nil { // until an image names it
		return Layer{}, err
	}
	unlock, err := f.store.LockLayer(l.ID)
	if err != nil {
		return Layer{}, err
	}
	defer unlock()
	l, found, err := existing(f.store, l)
	if err != nil || found {
		return l, err
	}
	_, err = f.store.Raw().ApplyStagedLayer(storage.ApplyStagedLayerOptions{
		ID: l.ID, ParentLayer: l.Parent, LayerOptions: unmapped(), DiffOutput: out,
	})
	if err != nil {
		return Layer{}, fmt.Errorf("storing layer %q: %w", l.ID, err)
	}
	return l, nil
}

// unmapped are the options of a layer whose owners on disk are those of the tar.
func unmapped() *storage.LayerOptions {
	return &storage.LayerOptions{IDMappingOptions: storage.LayerIDMappingOptions{HostUIDMapping: true, HostGIDMapping: true}}
}

// cleanRoot gives the root directory of a layer what it has after a pull. The tar
// has no entry for it, so it has the owner and the mode of the one below it:
// storage sets the mode when RootDirMode is nil, and only if there is a parent.
func (f *freezer) cleanRoot(root string, lowers []string) error {
	owner := unix.Stat_t{Mode: 0o555}
	if len(lowers) > 0 {
		if err := unix.Stat(lowers[0], &owner); err != nil {
			return fmt.Errorf("looking at the layer below: %w", err)
		}
	}
	err := os.Chown(root, int(owner.Uid), int(owner.Gid))
	if err = errors.Join(err, unix.Chmod(root, owner.Mode&0o7777)); err != nil {
		return fmt.Errorf("preparing the root of the layer: %w", err)
	}
	names, err := listXattrs(root)
	if err != nil {
		return fmt.Errorf("listing the attributes of %q: %w", root, err)
	}
	for _, name := range names {
		if name == "security.selinux" {
			continue
		}
		if err := unix.Lremovexattr(root, name); err != nil {
			return fmt.Errorf("removing attribute %q of %q: %w", name, root, err)
		}
	}
	return nil
}
