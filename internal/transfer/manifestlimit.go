package transfer

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/types"
)

// manifestLimit is what a manifest may have, in bytes: as much as registries take.
const manifestLimit = 4 << 20

// limitedSource refuses manifests that are larger than any honest one. Registries'
// own sources do that already, and lose partial pulls when they are wrapped.
type limitedSource struct{ types.ImageSource }

func (s limitedSource) GetManifest(ctx context.Context, instance *digest.Digest) ([]byte, string, error) {
	data, mediaType, err := s.ImageSource.GetManifest(ctx, instance)
	if err == nil && len(data) > manifestLimit {
		return nil, "", manifestSizeError(len(data))
	}
	return data, mediaType, err
}

// checkDigest refuses a layer that a manifest names by what is no digest: it would be
// written to the terminal, and become the name of a file.
func checkDigest(layer types.BlobInfo) error {
	if err := layer.Digest.Validate(); err != nil {
		return fmt.Errorf("reading the manifest: layer %q: %w", layer.Digest, err)
	}
	return nil
}

// manifestSizeError is a manifest of so many bytes.
type manifestSizeError int

func (e manifestSizeError) Error() string {
	return fmt.Sprintf("the manifest has %d bytes, more than the %d that are allowed", int(e), manifestLimit)
}
