package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containers/ocicrypt"
	"github.com/containers/ocicrypt/config"
	"github.com/containers/ocicrypt/helpers"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
)

// Encryption is for whom layers are encrypted.
type Encryption struct {
	Keys   []string // PROTOCOL:KEY; none means no encryption
	Layers []int    // 0 is the first, -1 the last; empty means all
}

func (e Encryption) config() (*config.EncryptConfig, *[]int, error) {
	if len(e.Keys) == 0 {
		return nil, nil, nil
	}
	cc, err := helpers.CreateCryptoConfig(e.Keys, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the encryption keys: %w", err)
	}
	layers := append([]int{}, e.Layers...) // the library takes nil for "none" and empty for "all"
	return cc.EncryptConfig, &layers, nil
}

// checkLayers refuses layers that an image of so many has not. The library would
// encrypt none for them, and say nothing.
func (e Encryption) checkLayers(count int) error {
	if len(e.Keys) == 0 {
		return nil
	}
	for _, n := range e.Layers {
		if n >= count || n < -count {
			return fmt.Errorf("encrypting layer %d: the image has %d layers: they are called 0 to %d, or -%d to -1", n, count, count-1, count)
		}
	}
	return nil
}

// decryption makes the library's configuration of keys; nil without keys.
func decryption(keys []string) (*config.DecryptConfig, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	cc, err := helpers.CreateCryptoConfig(nil, keys)
	if err != nil {
		return nil, fmt.Errorf("reading the decryption keys: %w", err)
	}
	return cc.DecryptConfig, nil
}

// EncryptedError is an image whose layers cannot be read with the keys that were given.
type EncryptedError struct{ cause error }

func (e *EncryptedError) Error() string {
	if e.cause == nil {
		return "the image is encrypted"
	}
	return "the image is encrypted: " + oneLine(e.cause)
}
func (e *EncryptedError) Unwrap() error { return e.cause }

// encryptedType tells whether a layer of a media type is encrypted.
func encryptedType(mediaType string) bool { return strings.HasSuffix(mediaType, "+encrypted") }

// undecrypted recognizes that no key fits.
func undecrypted(err error) error {
	var known *EncryptedError
	if err == nil || errors.As(err, &known) || !strings.Contains(err.Error(), "decrypting layer") {
		return err
	}
	return &EncryptedError{err}
}

// readable finds out before anything is stored whether the layers can be named and decrypted. What
// else may be wrong with the manifest is the copier's to say.
func (j *pullJob) readable(ctx context.Context, sys *types.SystemContext, src types.ImageSource) error {
	m, err := chosenManifest(ctx, sys, src)
	var size manifestSizeError
	if errors.As(err, &size) {
		return err
	}
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	keys, err := decryption(j.o.Registry.DecryptionKeys)
	if err != nil {
		return err
	}
	for _, layer := range m.LayerInfos() {
		if err := checkDigest(layer.BlobInfo); err != nil {
			return err
		}
		if !encryptedType(layer.MediaType) {
			continue
		}
		if keys == nil {
			return &EncryptedError{}
		}
		if _, _, err := ocicrypt.DecryptLayer(keys, nil, imgspec.Descriptor{Annotations: layer.Annotations}, true); err != nil {
			return &EncryptedError{fmt.Errorf("decrypting layer %q: %w", layer.Digest, err)}
		}
	}
	return nil
}

// chosenManifest reads the manifest of the image for the platform.
func chosenManifest(ctx context.Context, sys *types.SystemContext, src types.ImageSource) (manifest.Manifest, error) {
	instance, err := chooseInstance(ctx, sys, src)
	if err != nil {
		return nil, err
	}
	data, mediaType, err := src.GetManifest(ctx, instance)
	if err != nil {
		return nil, err
	}
	return manifest.FromBlob(data, manifest.NormalizedMIMEType(mediaType))
}

// encrypted tells whether any layer of an image is.
func encrypted(img types.Image) bool {
	return slices.ContainsFunc(img.LayerInfos(), func(l types.BlobInfo) bool { return encryptedType(l.MediaType) })
}
