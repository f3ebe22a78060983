package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLayers(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	first, err := s.Raw().CreateLayer("", "", nil, "", false, nil)
	must(t, err)
	second, err := s.Raw().CreateLayer("", first.ID, nil, "", false, nil)
	must(t, err)
	chain, err := s.LayerChain(second.ID)
	must(t, err)
	// an empty tar is its end mark
	want := []Layer{{ID: first.ID, Size: 1024}, {ID: second.ID, Parent: first.ID, Size: 1024}}
	if d := cmp.Diff(want, chain); d != "" {
		t.Error(d)
	}
	if chain, err := s.LayerChain(""); len(chain) != 0 || err != nil {
		t.Errorf("of nothing: %v, %v", chain, err)
	}
	parents, err := s.LayerParents()
	must(t, err)
	if d := cmp.Diff(map[string]string{first.ID: "", second.ID: first.ID}, parents); d != "" {
		t.Error(d)
	}
	must(t, s.DropLayer(first.ID), s.DropLayer("nosuch"))
	if parents, err := s.LayerParents(); len(parents) != 2 || err != nil {
		t.Errorf("a layer that is needed was removed: %v, %v", parents, err)
	}
	must(t, s.DropLayer(second.ID), s.DropLayer(first.ID))
	if parents, err := s.LayerParents(); len(parents) != 0 || err != nil {
		t.Errorf("left %v, %v", parents, err)
	}
}
