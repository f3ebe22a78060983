package store

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
)

// Layer is a layer of the store.
type Layer struct {
	ID     string
	Parent string        // "" for the first
	DiffID digest.Digest // of the uncompressed tar; "" when it is not known
	Size   int64         // of the uncompressed tar in bytes; -1 when it is not known
}

// LayerChain gives the layers from the first to top. It looks up only these.
func (s *Store) LayerChain(top string) ([]Layer, error) {
	var chain []Layer
	for id := top; id != ""; {
		raw, err := s.raw.Layer(id)
		if err != nil {
			return nil, fmt.Errorf("looking up layer %q: %w", id, err)
		}
		chain = append(chain, Layer{ID: raw.ID, Parent: raw.Parent, DiffID: raw.UncompressedDigest, Size: raw.UncompressedSize})
		id = raw.Parent
	}
	for i, j := 0, len(chain)-1; i < j; i, j = i+1, j-1 {
		chain[i], chain[j] = chain[j], chain[i]
	}
	return chain, nil
}

// LayerParents gives the parent of every layer, "" for a first one. It reads the
// list of all layers: it is for listings, not for looking one up.
func (s *Store) LayerParents() (map[string]string, error) {
	all, err := s.raw.Layers()
	if err != nil {
		return nil, fmt.Errorf("listing layers: %w", err)
	}
	parents := make(map[string]string, len(all))
	for i := range all {
		parents[all[i].ID] = all[i].Parent
	}
	return parents, nil
}

// DropLayer removes a layer that no image and no container uses; one that is
// used, or gone, stays as it is.
func (s *Store) DropLayer(id string) error {
	err := s.raw.DeleteLayer(id)
	switch {
	case errors.Is(err, storage.ErrLayerUnknown), errors.Is(err, storage.ErrLayerUsedByImage),
		errors.Is(err, storage.ErrLayerUsedByContainer), errors.Is(err, storage.ErrLayerHasChildren):
		return nil
	case err != nil:
		return fmt.Errorf("removing layer %q: %w", id, err)
	}
	return nil
}
