package imagebuildah

import (
	"context"
	"slices"
	"sync"
)

// temporaries are the images that are only needed on the way, for all platforms:
// two of them may make the same one.
type temporaries struct {
	mu    sync.Mutex
	known map[string]bool // images that were there before the first of them
	made  []string        // IDs
}

// remember lists the images there are before the first that is only needed on the way.
func (t *temporaries) remember(ctx context.Context, e engine) (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known, err = e.Images(ctx)
	}
	return err
}

// add notes an image that goes when all is done.
func (t *temporaries) add(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.made, id) {
		t.made = append(t.made, id)
	}
}

// remove removes them, but for those that are results, too.
func (t *temporaries) remove(ctx context.Context, e engine, results []string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := slices.DeleteFunc(slices.Clone(t.made), func(id string) bool { return t.known[id] || slices.Contains(results, id) })
	if len(ids) == 0 {
		return nil
	}
	return e.Remove(ctx, ids)
}
