package builder

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/projectatomic/buildah/internal/mountflag"
)

// lockCaches takes the caches of all mounts before anything else, in the order of
// their names: of two commands that want the same ones, in whatever order, neither
// waits for the other while it has what that one waits for.
func (m *mounting) lockCaches(ctx context.Context) error {
	type wanted struct {
		name, text string
		mount      mountflag.Mount
	}
	var list []wanted
	for _, text := range m.o.Mounts.Mounts {
		mf, err := m.parseMount(text)
		if err != nil || mf.Kind != mountflag.Cache || mf.From != "" {
			continue // what is wrong is said when it is mounted
		}
		list = append(list, wanted{cacheName(m.o.Mounts.CacheNamespace + mf.Identity()), text, mf})
	}
	slices.SortStableFunc(list, func(a, b wanted) int { return cmp.Compare(a.name, b.name) })
	for _, w := range list {
		if _, err := m.shareCache(ctx, w.name, w.mount); err != nil {
			return fmt.Errorf("mount %q: %w", w.text, err)
		}
	}
	return nil
}
