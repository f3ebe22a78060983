package layers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"go.podman.io/storage/pkg/idtools"

	"github.com/projectatomic/buildah/internal/store"
)

// Squash makes one layer without a parent of the whole root file system of a
// container, which may be mounted and in use.
func Squash(ctx context.Context, s *store.Store, containerID string, o Options) (Layer, error) {
	l, err := squash(ctx, s, containerID, o)
	if err != nil {
		return Layer{}, fmt.Errorf("squashing container %q: %w", containerID, err)
	}
	return l, nil
}

func squash(ctx context.Context, s *store.Store, containerID string, o Options) (l Layer, err error) {
	f, err := newFreezer(s, containerID, o)
	if err != nil {
		return l, err
	}
	root, done, err := s.Use(f.container.ID, f.container.MountLabel)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, done()) }()
	spool, err := newSpool(s)
	if err != nil {
		return l, err
	}
	defer spool.file.Close()
	err = spool.fill(func(to io.Writer) error { return f.squashTo(ctx, to, filepath.Clean(root)) })
	if err != nil {
		return l, err
	}
	return spool.put(ctx, s, "")
}

// squashTo writes the mounted tree with the owners that the container sees.
func (f *freezer) squashTo(ctx context.Context, to io.Writer, root string) error {
	w := newWalker(to, &reader{})
	// A directory that was only disturbed is the base's, and there is no base below this layer.
	w.stubs, w.clamp, w.extra = &stubSet{made: f.stubs.made}, f.opts.Clamp, f.opts.Extra
	w.ids = idtools.NewIDMappingsFromMaps(f.container.UIDMap, f.container.GIDMap)
	return w.walk(ctx, root)
}

// AddTar stores an uncompressed tar stream as a layer on parent; "" makes it the first.
func AddTar(ctx context.Context, s *store.Store, parent string, r io.Reader) (Layer, error) {
	return AddTarClamped(ctx, s, parent, r, Clamp{})
}

// AddTarClamped is AddTar with other modification times.
func AddTarClamped(ctx context.Context, s *store.Store, parent string, r io.Reader, c Clamp) (Layer, error) {
	spool, err := newSpool(s)
	if err != nil {
		return Layer{}, fmt.Errorf("adding a layer: %w", err)
	}
	defer spool.file.Close()
	err = spool.fill(func(to io.Writer) error {
		from := &ctxReader{ctx, r}
		if c.Mode != Keep {
			return (&rewriter{clamp: c}).rewrite(to, from)
		}
		_, err := io.CopyBuffer(to, from, make([]byte, chunkSize))
		return err
	})
	if err != nil {
		return Layer{}, fmt.Errorf("adding a layer: %w", err)
	}
	return spool.put(ctx, s, parent)
}
