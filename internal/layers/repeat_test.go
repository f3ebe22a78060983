package layers

import (
	"os"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/store"
)

// TestRepeats: the same work on two stores, at two times, gives the same digests
// on every driver and by every path.
func TestRepeats(t *testing.T) {
	t.Parallel()
	when := time.Unix(1_600_000_000, 0)
	seen := map[string]map[digest.Digest]bool{}
	for range 2 {
		for _, tc := range []struct {
			name, driver string
			o            Options
		}{
			{"set", "overlay", Options{Owned: true, Clamp: Clamp{Mode: SetTo, Time: when}}},
			{"set", "overlay", Options{Clamp: Clamp{Mode: SetTo, Time: when}}},
			{"clamped", "overlay", Options{Owned: true, Clamp: Clamp{Mode: ClampTo, Time: when}}},
			{"clamped", "overlay", Options{Clamp: Clamp{Mode: ClampTo, Time: when}}},
			{"vfs set", "vfs", Options{Clamp: Clamp{Mode: SetTo, Time: when}}},
			{"vfs clamped", "vfs", Options{Clamp: Clamp{Mode: ClampTo, Time: when}}},
		} {
			s := newStore(t, tc.driver)
			c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: image(t, s, baseTree(t))})
			must(t, err)
			edit(t, s, c.ID, changes(t))
			// all but this one are later than the time
			edit(t, s, c.ID, func(root string) { must(t, os.Chtimes(root+"/d/file", time.Time{}, time.Unix(1_000_000_000, 5))) })
			l, err := Freeze(t.Context(), s, c.ID, tc.o)
			must(t, err)
			if seen[tc.name] == nil {
				seen[tc.name] = map[digest.Digest]bool{}
			}
			seen[tc.name][l.DiffID] = true
		}
		time.Sleep(1100 * time.Millisecond)
	}
	for name, digests := range seen {
		if len(digests) != 1 {
			t.Errorf("%s: %v", name, digests)
		}
	}
}
