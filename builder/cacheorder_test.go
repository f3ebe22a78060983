package builder

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/projectatomic/buildah/internal/mountflag"
)

// TestCachesAreLockedInOneOrder holds that a command has none of the caches that
// come after the one it waits for, in whatever order it names them.
func TestCachesAreLockedInOneOrder(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.busybox()
	ids := []string{"one", "two", "three"}
	name := func(id string) string { return cacheName(id + ":0:0") }
	slices.SortFunc(ids, func(a, b string) int { return -slices.Compare([]byte(name(a)), []byte(name(b))) })
	var mounts []string // the last in order first
	for _, id := range ids {
		mounts = append(mounts, "type=cache,sharing=locked,id="+id+",dst=/"+id)
	}
	first := ids[len(ids)-1]
	holder := v.mountingIn(b)
	if !try(holder.lockCache(t.Context(), name(first), mountflag.SharingLocked))(t) {
		t.Fatal("a free lock was not given")
	}
	waiting := v.mountingIn(b)
	waiting.o.Mounts.Mounts = mounts
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := waiting.lockCaches(ctx); err == nil {
		t.Fatal("a lock was given twice")
	}
	if len(waiting.caches) > 0 {
		t.Errorf("it has %v while it waits for %s", waiting.caches, name(first))
	}
	holder.undoAll(t)
	if err := waiting.lockCaches(t.Context()); err != nil || len(waiting.caches) != len(ids) {
		t.Errorf("it has %v, %v", waiting.caches, err)
	}
}
