package store_test

import (
	"bytes"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/testenv"
)

// A failed fetch takes its own layers along, unless others are under way, or something
// stands on them.
func TestAbandonedFetch(t *testing.T) {
	t.Parallel()
	put := func(t *testing.T, s *store.Store, name, parent string) (id string, blob digest.Digest) {
		tar := testenv.Tar(t, testenv.Files{name: name})
		layer, _, err := s.Raw().PutLayer("", parent, nil, "", false, nil, bytes.NewReader(tar))
		if err != nil {
			t.Fatal(err)
		}
		return layer.ID, digest.FromBytes(tar)
	}
	begin := func(t *testing.T, s *store.Store) *store.Fetch {
		f, err := s.BeginFetch()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, tc := range map[string]struct {
		others, image, foreign bool
		want                   int // layers that stay
	}{
		"alone":           {want: 1},
		"beside another":  {others: true, want: 3},
		"with an image":   {image: true, want: 3},
		"of other blobs":  {foreign: true, want: 3},
		"beside and used": {others: true, image: true, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testenv.Store(t, "vfs")
			old, blob := put(t, s, "old", "")
			f := begin(t, s)
			if tc.others {
				defer begin(t, s).End()
			}
			below, first := put(t, s, "below", old)
			above, second := put(t, s, "above", below)
			if tc.image {
				if _, err := s.Raw().CreateImage("", nil, above, "", nil); err != nil {
					t.Fatal(err)
				}
			}
			blobs := map[digest.Digest]bool{blob: true, first: true, second: true}
			if tc.foreign {
				blobs = map[digest.Digest]bool{digest.FromString("x"): true}
			}
			if err := f.Abandon(blobs); err != nil {
				t.Fatal(err)
			}
			if layers, err := s.Layers(); err != nil || len(layers) != tc.want {
				t.Errorf("%d layers stay, want %d: %v", len(layers), tc.want, err)
			}
		})
	}
}
