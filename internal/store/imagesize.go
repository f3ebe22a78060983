package store

import (
	"fmt"

	"go.podman.io/storage"
)

// ImageSizes tells the sizes of images, from one look at the records of the store.
type ImageSizes struct {
	store  *Store
	images map[string]*storage.Image
	layers map[string]Layer
	upTo   map[string]int64 // bytes of a layer and of those below it, by ID
}

// ImageSizes looks at all that sizes are made of.
func (s *Store) ImageSizes() (ImageSizes, error) {
	z := ImageSizes{store: s, images: map[string]*storage.Image{}, upTo: map[string]int64{}}
	list, err := s.raw.Images()
	if err != nil {
		return z, fmt.Errorf("listing images: %w", err)
	}
	for i := range list {
		z.images[list[i].ID] = &list[i]
	}
	z.layers, err = s.Layers()
	return z, err
}

// Of is the number of bytes in an image's layers and items. What the records do not
// tell is measured by the storage library, image by image.
func (z ImageSizes) Of(id string) (int64, error) {
	if n, ok := z.recorded(id); ok {
		return n, nil
	}
	n, err := z.store.raw.ImageSize(id)
	if err != nil {
		return 0, fmt.Errorf("measuring image %q: %w", id, err)
	}
	return n, nil
}

func (z ImageSizes) recorded(id string) (int64, bool) {
	img := z.images[id]
	if img == nil || len(img.MappedTopLayers) > 0 {
		return 0, false
	}
	total, ok := z.layersUpTo(img.TopLayer)
	for _, name := range img.BigDataNames {
		n, known := img.BigDataSizes[name]
		ok = ok && known
		total += n
	}
	return total, ok
}

func (z ImageSizes) layersUpTo(top string) (int64, bool) {
	var passed []string
	total := int64(0)
	for id := top; id != ""; {
		if n, ok := z.upTo[id]; ok {
			total = n
			break
		}
		l, ok := z.layers[id]
		if !ok || l.DiffID == "" || l.Size <= 0 || len(passed) > len(z.layers) {
			return 0, false
		}
		passed = append(passed, id)
		id = l.Parent
	}
	for i := len(passed) - 1; i >= 0; i-- {
		total += z.layers[passed[i]].Size
		z.upTo[passed[i]] = total
	}
	return total, true
}
