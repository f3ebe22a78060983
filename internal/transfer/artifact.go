package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

const (
	// textInside is the size of a text that lies in the manifest too, so that one
	// request gets both. Registries take manifests of 4 MiB.
	textInside = 256 << 10
	// layersOfArtifact bounds the layers of one.
	layersOfArtifact = 64
)

func noBlobCache() types.BlobInfoCache { return none.NoCache }

// parseArtifact reads the manifest of an artifact that came from elsewhere.
func parseArtifact(data []byte) (imgspec.Manifest, error) {
	var m imgspec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	switch {
	case m.MediaType != imgspec.MediaTypeImageManifest || m.ArtifactType == "" || m.ArtifactType != m.Config.MediaType:
		return m, errors.New("it is not that of a cached step")
	case len(m.Layers) > layersOfArtifact:
		return m, fmt.Errorf("it has %d layers", len(m.Layers))
	}
	for _, d := range append([]imgspec.Descriptor{m.Config}, m.Layers...) {
		if err := d.Digest.Validate(); err != nil {
			return m, err
		}
		if d.Size < 0 || d.Digest.Algorithm() != digest.Canonical {
			return m, fmt.Errorf("it names blob %q, of %d bytes", d.Digest, d.Size)
		}
	}
	return m, nil
}

// renderArtifact writes the manifest of an artifact whose layers are at the place.
func renderArtifact(a Artifact, layers []imgspec.Descriptor) ([]byte, error) {
	m := imgspec.Manifest{
		MediaType:    imgspec.MediaTypeImageManifest,
		ArtifactType: a.Type,
		Config:       imgspec.Descriptor{MediaType: a.Type, Digest: digest.FromBytes(a.Text), Size: int64(len(a.Text))},
		Layers:       layers,
		Annotations:  map[string]string{imgspec.AnnotationCreated: a.Created.UTC().Format(time.RFC3339)},
	}
	m.SchemaVersion = 2
	if len(a.Text) <= textInside {
		m.Config.Data = a.Text
	}
	return json.Marshal(m)
}

// descriptor is a compressed layer as a manifest names it.
func (b *blob) descriptor() imgspec.Descriptor {
	mediaType := imgspec.MediaTypeImageLayerGzip
	if strings.HasPrefix(b.Format, "zstd") {
		mediaType = imgspec.MediaTypeImageLayerZstd
	}
	return imgspec.Descriptor{MediaType: mediaType, Digest: b.Digest, Size: b.Size, Annotations: b.Annotations}
}
