package builder

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/manifests"
	"github.com/projectatomic/buildah/internal/transfer"
)

// CheckPush finds out before the work whether its result could be pushed so.
func (e *Engine) CheckPush(o PushOptions) error { return e.Images.CheckPush(o) }

// CheckPublish finds out before the work whether an image could be pushed to the
// registries that its names name.
func (e *Engine) CheckPublish(names []string, o PushOptions) error {
	if len(names) == 0 {
		return errors.New("pushing the image: it has no name that says where to: give one with --tag REGISTRY/NAME")
	}
	d, err := e.Destination(names[0], names[1:])
	if err != nil {
		return err
	}
	if d.Push != "" {
		return fmt.Errorf("pushing the image: %q is where --tag writes it already: use names of registries without a transport, or leave --push out", d.Push)
	}
	for i, name := range d.Names {
		if rest, local := strings.CutPrefix(name, "localhost/"); local {
			return fmt.Errorf("pushing %q: it names no registry: use --tag REGISTRY/%s", names[i], rest)
		}
	}
	return e.CheckPush(o)
}

// Deliver copies images of the store to another place, one as it is, several as a list
// that is made for that, and tells what manifest is there now.
func (e *Engine) Deliver(ctx context.Context, images []string, dest string, o PushOptions) (Descriptor, error) {
	if len(images) == 1 {
		pushed, err := e.Images.Push(ctx, images[0], dest, o)
		return describe(pushed), err
	}
	entries, err := e.listEntries(images)
	if err != nil {
		return Descriptor{}, fmt.Errorf("pushing to %q: %w", dest, err)
	}
	pushed, err := e.deliverList(ctx, entries, dest, o)
	return describe(pushed), err
}

// deliverList pushes a list that is in the store only for that time.
func (e *Engine) deliverList(ctx context.Context, entries []manifests.Entry, dest string, o PushOptions) (transfer.Pushed, error) {
	id, err := manifests.Create(e.Store, manifests.List{Entries: entries})
	if err != nil {
		return transfer.Pushed{}, err
	}
	pushed, err := e.PushList(ctx, id, dest, o)
	return pushed, errors.Join(err, e.Store.DeleteImage(id, true))
}

// Publish pushes images to the registries that names name, and tells what manifest is
// there now.
func (e *Engine) Publish(ctx context.Context, images, names []string, o PushOptions) (d Descriptor, err error) {
	there := map[string]digest.Digest{} // what was pushed, by repositories
	for _, name := range names {
		repository := name[:strings.LastIndexAny(name, ":@")]
		before, known := there[repository]
		if known && !o.Registry.Sign.IsZero() {
			pushed, err := e.Images.PushAgain(ctx, repository+"@"+before.String(), name, o)
			if err != nil {
				return Descriptor{}, err
			}
			d = describe(pushed)
			continue
		}
		if d, err = e.Deliver(ctx, images, "docker://"+name, o); err != nil {
			return Descriptor{}, err
		}
		there[repository] = d.Digest
	}
	return d, nil
}
