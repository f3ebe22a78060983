package store

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
)

// Layer is a read-only layer of an image.
type Layer struct {
	ID     string
	Parent string        // "" when it is the first
	DiffID digest.Digest // of the uncompressed tar; "" when nobody noted it
	Size   int64         // of the uncompressed tar
}

// LayerChain lists the layers up to top, the first one first. It is empty for
// the layer "".
func (s *Store) LayerChain(top string) ([]Layer, error) {
	var chain []Layer
	for id := top; id != ""; {
		raw, err := s.raw.Layer(id)
		if err != nil {
			return nil, fmt.Errorf("looking up layer %q: %w", id, err)
		}
		l := Layer{ID: raw.ID, Parent: raw.Parent, DiffID: raw.UncompressedDigest, Size: raw.UncompressedSize}
		if l.DiffID == "" && l.Size <= 0 {
			if l.Size, err = s.measure(l.ID); err != nil {
				return nil, err
			}
		}
		chain = append(chain, l)
		id = raw.Parent
	}
	slices.Reverse(chain)
	return chain, nil
}

// BaseLayer is the layer that a container's own layer stands on, "" when there is none.
func (s *Store) BaseLayer(containerID string) (string, error) {
	c, err := s.raw.Container(containerID)
	if err != nil {
		return "", fmt.Errorf("looking up container %q: %w", containerID, err)
	}
	layer, err := s.raw.Layer(c.LayerID)
	if err != nil {
		return "", fmt.Errorf("looking up the layer of container %q: %w", containerID, err)
	}
	return layer.Parent, nil
}

// measure reads a layer whose size was not noted when it was made.
func (s *Store) measure(id string) (int64, error) {
	r, err := s.LayerTar(id)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return 0, fmt.Errorf("reading layer %q: %w", id, err)
	}
	return n, nil
}

// Layers gives all layers of the store by ID. The size of one that nobody measured
// is 0.
func (s *Store) Layers() (map[string]Layer, error) {
	list, err := s.raw.Layers()
	if err != nil {
		return nil, fmt.Errorf("listing layers: %w", err)
	}
	all := make(map[string]Layer, len(list))
	for i := range list {
		raw := &list[i]
		all[raw.ID] = Layer{ID: raw.ID, Parent: raw.Parent, DiffID: raw.UncompressedDigest, Size: max(raw.UncompressedSize, 0)}
	}
	return all, nil
}

// LayerParents gives the parent of each layer of the store, "" for a first one.
func (s *Store) LayerParents() (map[string]string, error) {
	list, err := s.raw.Layers()
	if err != nil {
		return nil, fmt.Errorf("listing layers: %w", err)
	}
	parents := make(map[string]string, len(list))
	for i := range list {
		parents[list[i].ID] = list[i].Parent
	}
	return parents, nil
}

// DropLayer removes a layer that nothing needs. One that an image, a container or
// another layer stands on, or that is gone already, is left as it is.
func (s *Store) DropLayer(id string) error {
	defer s.Release(id)
	_, err := s.dropUnreferenced(id, func() bool { return false })
	return err
}

// dropUnreferenced removes a layer if it can. It is false for one that only waits
// for the layers above it to go. spare is asked under the lock of the layer.
func (s *Store) dropUnreferenced(id string, spare func() bool) (settled bool, err error) {
	unlock, err := s.LockLayer(id)
	if err != nil {
		return false, err
	}
	defer unlock()
	if spare() {
		return true, nil
	}
	err = s.raw.DeleteLayer(id)
	if errors.Is(err, storage.ErrLayerHasChildren) {
		return false, nil
	}
	for _, fine := range []error{storage.ErrLayerUsedByImage, storage.ErrLayerUsedByContainer, storage.ErrNotALayer, storage.ErrLayerUnknown} {
		if errors.Is(err, fine) {
			return true, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("removing layer %q: %w", id, err)
	}
	return true, nil
}
