package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
)

// NewImage is an image to be written.
type NewImage struct {
	Config   []byte // the configuration blob; its digest is the image's ID
	Manifest []byte // must name Config
	TopLayer string // "" when there are no layers
	Names    []string
	Created  time.Time // zero means now
}

// CreateImage writes an image record, laid out as containers/image would, and
// moves the names to it. An image that exists is kept, and repaired if its
// commit had been torn.
//
// Killed at any instruction this leaves at worst a record without names and
// without "manifest", which is written last: listings skip it, and the same
// commit finds the duplicate and adds what is missing.
func (s *Store) CreateImage(o NewImage) (string, error) {
	named, err := configDigest(o.Manifest)
	if err != nil {
		return "", fmt.Errorf("writing an image: %w", err)
	}
	config := digest.FromBytes(o.Config)
	if named != config {
		return "", fmt.Errorf("writing image %q: its manifest names configuration %q", config, named)
	}
	id, items := config.Encoded(), o.items(config)
	if err := s.Pin(id); err != nil {
		return "", fmt.Errorf("writing image %q: %w", id, err)
	}
	opts := storage.ImageOptions{CreationDate: o.Created, BigData: items}
	_, err = s.raw.CreateImage(id, nil, o.TopLayer, "{}", &opts)
	if errors.Is(err, storage.ErrDuplicateID) {
		err = s.repairImage(id, o.TopLayer, items)
	}
	if err != nil {
		return "", fmt.Errorf("writing image %q: %w", id, err)
	}
	s.releaseChain(o.TopLayer)
	if len(o.Names) == 0 {
		return id, nil
	}
	return id, s.AddImageName(id, o.Names...)
}

// items are the big data of the record, in the order in which they are written.
func (o *NewImage) items(config digest.Digest) []storage.ImageBigDataOption {
	d := digest.FromBytes(o.Manifest)
	return []storage.ImageBigDataOption{
		{Key: config.String(), Data: o.Config, Digest: config},
		{Key: manifestKey + "-" + d.String(), Data: o.Manifest, Digest: d},
		{Key: manifestKey, Data: o.Manifest, Digest: d},
	}
}

// repairImage gives the record of the same ID the items that it lacks. Another
// manifest of the same configuration stays under its own digest.
func (s *Store) repairImage(id, topLayer string, items []storage.ImageBigDataOption) error {
	raw, err := s.raw.Image(id)
	if err != nil {
		return err
	}
	if raw.TopLayer != topLayer && !s.sameLayer(raw.TopLayer, topLayer) {
		return fmt.Errorf("it exists already with top layer %q, not %q", raw.TopLayer, topLayer)
	}
	for _, item := range items {
		if slices.Contains(raw.BigDataNames, item.Key) && raw.BigDataDigests[item.Key] == item.Digest {
			continue
		}
		err := s.raw.SetImageBigData(id, item.Key, item.Data, func([]byte) (digest.Digest, error) { return item.Digest, nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// sameLayer tells whether two layers have the same content, as a layer that
// another tool stored under an ID of its own has.
func (s *Store) sameLayer(a, b string) bool {
	la, err := s.raw.Layer(a)
	if err != nil {
		return false
	}
	lb, err := s.raw.Layer(b)
	return err == nil && la.UncompressedDigest != "" && la.UncompressedDigest == lb.UncompressedDigest
}
