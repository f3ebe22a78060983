package builder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/projectatomic/buildah/internal/layers"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
)

// RemoveOptions adjusts [Engine.RemoveImages].
type RemoveOptions struct {
	All   bool // every image, instead of the named ones
	Prune bool // the dangling ones, instead of the named ones
	Force bool // with the containers that use them, and with all their names
}

// Removed tells what went away, in the order it went.
type Removed struct {
	Untagged []string
	Deleted  []string // image IDs
	// Cached is how many of all images the build cache kept: with --all they are
	// gone, else they were left alone.
	Cached int
}

// RemoveImages takes names off images and deletes the images that have none
// left, with their unnamed parents. It goes on after an error; the errors come
// together at the end, beside what was removed. Prune leaves what the build cache
// keeps.
func (e *Engine) RemoveImages(ctx context.Context, names []string, o RemoveOptions) (Removed, error) {
	r := removal{engine: e, force: o.Force}
	var errs []error
	errs = append(errs, e.sweepAbandoned())
	if o.All || o.Prune {
		errs = append(errs, r.sweep(ctx, o.All))
	}
	for _, name := range names {
		if err := r.one(ctx, name); err != nil {
			errs = append(errs, err)
		}
	}
	return r.removed, errors.Join(errs...)
}

// PruneOptions adjusts [Engine.Prune].
type PruneOptions struct {
	All   bool // every image that no container uses
	Force bool // with the containers that use them
}

// Prune removes images that nobody needs: the dangling ones and the unnamed ones
// under them, but for those that the build cache keeps; or every one that no
// container uses. What commits left that were killed goes first: torn images and
// half copied layers.
func (e *Engine) Prune(ctx context.Context, o PruneOptions) (Removed, error) {
	if err := e.sweepAbandoned(); err != nil {
		return Removed{}, err
	}
	torn, err := e.Store.ReapTorn()
	if err != nil {
		return Removed{}, fmt.Errorf("removing torn images: %w", err)
	}
	layers.Tidy(e.Store)
	r := removal{engine: e, force: o.Force, skipUsed: !o.Force}
	r.removed.Deleted = torn
	err = r.sweep(ctx, o.All)
	return r.removed, err
}

// removal is one removing of images under way.
type removal struct {
	engine   *Engine
	force    bool
	skipUsed bool            // images that containers use are left alone, without an error
	cached   map[string]bool // images that the build cache keeps, which are left alone
	named    string          // ID of the image that was asked for
	removed  Removed
}

// sweep removes all images, or the dangling ones that the build cache does not keep.
func (r *removal) sweep(ctx context.Context, everything bool) error {
	all, err := r.engine.imageInfos(unnamed)
	if err != nil {
		return err
	}
	cached, err := r.engine.cachedImages(all)
	if err != nil {
		return err
	}
	if r.removed.Cached = len(cached); !everything {
		r.cached = cached
	}
	var errs []error
	for _, img := range all {
		if img.ReadOnly || !everything && !img.Dangling() || r.cached[img.ID] || slices.Contains(r.removed.Deleted, img.ID) {
			continue
		}
		used, err := r.users(img.ID)
		if err != nil {
			return err
		}
		if r.skipUsed && len(used) > 0 || slices.ContainsFunc(used, ofBuild) {
			continue
		}
		if err := r.delete(ctx, img, used); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// ofBuild tells whether a container belongs to a build that runs: what is abandoned
// was swept before.
func ofBuild(c store.Container) bool { return strings.HasPrefix(c.Metadata, ownedMark) }

// one removes what a name or an ID stands for.
func (r *removal) one(ctx context.Context, name string) error {
	found, matched, err := r.engine.Images.Lookup(name, transfer.LookupOptions{Lists: true})
	if err != nil {
		return err
	}
	img := infoOf(found)
	if img.ReadOnly {
		return fmt.Errorf("removing %q: image %q is in a read-only store", name, img.ID)
	}
	byID := strings.HasPrefix(img.ID, strings.TrimPrefix(name, "sha256:"))
	if byID && len(img.Names) > 1 && !r.force {
		return fmt.Errorf("removing %q: image %q has several names (%q): remove them one by one, or use --force", name, img.ID, img.Names)
	}
	if !byID && len(img.Names) > 1 {
		if err := r.engine.Store.RemoveImageName(img.ID, matched); err != nil {
			return fmt.Errorf("removing %q: %w", name, err)
		}
		r.removed.Untagged = append(r.removed.Untagged, matched)
		return nil
	}
	used, err := r.users(img.ID)
	if err != nil {
		return err
	}
	children, err := r.children(img.ID)
	if err != nil {
		return err
	}
	if children > 0 && len(used) == 0 {
		return r.untagParent(img, name)
	}
	r.named = img.ID
	return r.delete(ctx, img, used)
}

// untagParent takes the names off an image that others stand on; it stays as theirs.
func (r *removal) untagParent(img ImageInfo, name string) error {
	if len(img.Names) == 0 {
		return fmt.Errorf("removing %q: image %q is the base of other images: remove those first", name, img.ID)
	}
	if err := r.engine.Store.RemoveImageName(img.ID, img.Names...); err != nil {
		return fmt.Errorf("removing %q: %w", name, err)
	}
	r.removed.Untagged = append(r.removed.Untagged, img.Names...)
	return nil
}

// users are the containers on an image.
func (r *removal) users(id string) ([]store.Container, error) {
	all, err := r.engine.Store.Containers()
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	return slices.DeleteFunc(all, func(c store.Container) bool { return c.ImageID != id }), nil
}

// children is the number of images that stand on an image.
func (r *removal) children(id string) (int, error) {
	all, err := r.engine.imageInfos(func(i *ImageInfo) bool { return i.ID == id })
	if err != nil {
		return 0, err
	}
	for _, img := range all {
		if img.ID == id {
			return img.Children, nil
		}
	}
	return 0, nil
}

// delete removes an image and then its unnamed parents that nothing needs any more.
func (r *removal) delete(ctx context.Context, img ImageInfo, used []store.Container) error {
	if len(used) > 0 && !r.force {
		return fmt.Errorf("removing image %q: %w %q: remove it first, or use --force", img.ID, ErrInUse, used[0].Names)
	}
	for _, c := range used {
		if err := r.engine.deleteContainer(c.ID, c.ID); err != nil {
			return err
		}
	}
	above, err := r.engine.ancestors(img)
	if err != nil {
		return err
	}
	if gone, err := r.deleteRecord(img); err != nil || !gone {
		return err
	}
	r.removed.Untagged = append(r.removed.Untagged, img.Names...)
	r.removed.Deleted = append(r.removed.Deleted, img.ID)
	if len(above) == 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	return r.deleteOrphans(ctx, above)
}

// deleteRecord removes an image by itself. One that was not asked for, and that
// another process works with or has given a name, stays.
func (r *removal) deleteRecord(img ImageInfo) (gone bool, err error) {
	if img.ID == r.named {
		gone, err = true, r.engine.Store.DeleteImage(img.ID, true)
	} else {
		gone, err = r.engine.Store.DeleteIdle(img.ID, func(now store.Image) bool { return slices.Equal(now.Names, img.Names) })
	}
	if err != nil {
		return false, fmt.Errorf("removing image %q: %w", img.ID, err)
	}
	return gone, nil
}

// deleteOrphans removes those of the former ancestors that nothing stands on any more.
func (r *removal) deleteOrphans(ctx context.Context, ancestors []string) error {
	all, err := r.engine.imageInfos(unnamed)
	if err != nil {
		return err
	}
	for _, img := range all {
		if !slices.Contains(ancestors, img.ID) || !img.Dangling() || img.ReadOnly || r.cached[img.ID] {
			continue
		}
		used, err := r.users(img.ID)
		if err != nil {
			return err
		}
		if len(used) > 0 {
			continue
		}
		before := len(r.removed.Deleted)
		if err := r.delete(ctx, img, nil); err != nil || len(r.removed.Deleted) > before {
			return err // it has gone on with the next, with fresh counts
		}
	}
	return nil
}

// ancestors are the unnamed images that img stands on, directly or not.
func (e *Engine) ancestors(img ImageInfo) ([]string, error) {
	parents, err := e.Store.LayerParents()
	if err != nil {
		return nil, fmt.Errorf("listing layers: %w", err)
	}
	below := map[string]bool{}
	for layer := img.TopLayer; layer != ""; layer = parents[layer] {
		below[layer] = true
	}
	all, err := e.imageInfos(unnamed)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, other := range all {
		if other.ID != img.ID && other.Intermediate() && below[other.TopLayer] {
			ids = append(ids, other.ID)
		}
	}
	return ids, nil
}
