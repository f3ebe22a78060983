package layers

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/projectatomic/buildah/internal/store"
)

// List tells of everything that a container changed, entry by entry, as the layer that
// Freeze makes of it would have it. No content is read.
func List(ctx context.Context, s *store.Store, containerID string) ([]*tar.Header, error) {
	f, err := newFreezer(s, containerID, Options{})
	if err != nil {
		return nil, fmt.Errorf("listing the changes of container %q: %w", containerID, err)
	}
	list, err := f.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the changes of container %q: %w", containerID, err)
	}
	return list, nil
}

func (f *freezer) list(ctx context.Context) ([]*tar.Header, error) {
	p, ok, err := f.overlay()
	if err != nil {
		return nil, err
	}
	if ok {
		list, err := f.listBy(ctx, f.fromUpper(p))
		if !errors.Is(err, errNeedsPlain) {
			return list, err
		}
	}
	return f.listBy(ctx, f.fromMerged)
}

func (f *freezer) listBy(ctx context.Context, write func(context.Context, *walker) error) ([]*tar.Header, error) {
	var list []*tar.Header
	w := newWalker(io.Discard, &reader{})
	w.stubs, w.list = &f.stubs, func(h *tar.Header) { list = append(list, h) }
	err := write(ctx, w)
	return list, err
}
