package builder

import (
	"context"
	"errors"
	"fmt"
)

// RemoveIntermediate deletes images that were only needed on the way to others,
// and gives the IDs of those that are gone. The layers that other images have
// stay. An image that has a name, that a container stands on or that somebody
// else has removed is left alone.
func (e *Engine) RemoveIntermediate(_ context.Context, ids []string) (removed []string, err error) {
	var errs []error
	for _, id := range ids {
		img, err := e.Store.Image(id)
		if err != nil || len(img.Names) > 0 {
			continue
		}
		switch err := e.Store.DeleteImage(img.ID, true); {
		case errors.Is(err, ErrInUse):
		case err != nil:
			errs = append(errs, fmt.Errorf("removing intermediate image %q: %w", img.ID, err))
		default:
			removed = append(removed, img.ID)
		}
	}
	return removed, errors.Join(errs...)
}
