package store

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/manifest"
)

// oldConfig makes the configuration of an image whose manifest is from before 2016,
// when the manifest was the configuration. Its digest is the image's ID: the library
// computes both from the same text.
func (s *Store) oldConfig(id string, data []byte) ([]byte, error) {
	m, err := manifest.Schema1FromManifest(data)
	if err != nil {
		return nil, fmt.Errorf("parsing its manifest: %w", err)
	}
	img, err := s.raw.Image(id)
	if err != nil {
		return nil, err
	}
	var diffIDs []digest.Digest
	for layer := img.TopLayer; layer != ""; {
		l, err := s.raw.Layer(layer)
		if err != nil {
			return nil, fmt.Errorf("reading layer %q: %w", layer, err)
		}
		diffIDs = append(diffIDs, l.UncompressedDigest)
		layer = l.Parent
	}
	slices.Reverse(diffIDs)
	config, err := m.ToSchema2Config(diffIDs)
	if err != nil {
		return nil, fmt.Errorf("making its configuration of its manifest: %w", err)
	}
	return config, nil
}

// isOld tells manifests from before 2016.
func isOld(data []byte) bool {
	switch manifest.GuessMIMEType(data) {
	case manifest.DockerV2Schema1MediaType, manifest.DockerV2Schema1SignedMediaType:
		return true
	}
	return false
}
