package layers

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"

	"github.com/projectatomic/buildah/internal/store"
)

// Redate makes a layer on parent that has the files of another layer with other times.
func Redate(ctx context.Context, s *store.Store, parent, id string, c Clamp) (Layer, error) {
	spool, err := newSpool(s)
	if err != nil {
		return Layer{}, fmt.Errorf("changing the times of layer %q: %w", id, err)
	}
	defer spool.file.Close()
	err = spool.fill(func(to io.Writer) (err error) {
		none := archive.Uncompressed
		r, err := s.Raw().Diff("", id, &storage.DiffOptions{Compression: &none})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		if err := (&rewriter{clamp: c}).rewrite(to, &ctxReader{ctx, r}); err != nil {
			return err
		}
		// Storage's reader must not be closed while it makes what follows the archive's end.
		_, err = io.Copy(io.Discard, r)
		return err
	})
	if err != nil {
		return Layer{}, fmt.Errorf("changing the times of layer %q: %w", id, err)
	}
	return spool.put(ctx, s, parent)
}
