package builder

import (
	"context"
	"errors"
	"fmt"

	"github.com/projectatomic/buildah/internal/store"
)

// RemoveIntermediate deletes images that were only needed on the way to others,
// and gives the IDs of those that are gone. The layers that other images have
// stay. An image that has a name, that a container stands on, that another process
// works with or that somebody else has removed is left alone.
func (e *Engine) RemoveIntermediate(_ context.Context, ids []string) (removed []string, err error) {
	var errs []error
	for _, id := range ids {
		img, err := e.Store.Image(id)
		if err != nil {
			continue
		}
		gone, err := e.Store.DeleteIdle(img.ID, func(now store.Image) bool { return len(now.Names) == 0 })
		if err != nil {
			errs = append(errs, fmt.Errorf("removing intermediate image %q: %w", img.ID, err))
		}
		if gone {
			removed = append(removed, img.ID)
		}
	}
	return removed, errors.Join(errs...)
}
