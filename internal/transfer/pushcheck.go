package transfer

import (
	"context"
	"fmt"

	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"

	"github.com/projectatomic/buildah/internal/store"
)

// CheckPush finds out before the work whether its result could be pushed so: formats,
// keys for encrypting, and keys for signing.
func (c *Client) CheckPush(o PushOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if f := o.Compression.Format; f != "" {
		if _, err := compressor(f); err != nil {
			return err
		}
	}
	if _, _, err := o.Encryption.config(); err != nil {
		return err
	}
	_, err := c.signers(o.Registry.Sign)
	return err
}

// checkImage finds out before anything is sent whether an image can be pushed so.
func (c *Client) checkImage(img store.Image, o PushOptions) error {
	if len(o.Encryption.Keys) == 0 {
		return nil
	}
	data, mediaType, _, err := c.Store.Manifest(img.ID)
	if err != nil {
		return err
	}
	m, err := manifest.FromBlob(data, mediaType)
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	return o.Encryption.checkLayers(len(m.LayerInfos()))
}

// checkDestination finds out before anything is sent whether the signatures that there
// are, or will be, could be written.
func (j *pushJob) checkDestination(ctx context.Context, dest types.ImageDestination) error {
	if len(j.opts.Signers) == 0 && !j.o.keepManifest {
		return nil
	}
	err := dest.SupportsSignatures(ctx)
	switch {
	case err == nil:
		return nil
	case len(j.opts.Signers) > 0:
		return fmt.Errorf("signing the image: %w", err)
	}
	return &SignatureLossError{err}
}

// hasSignatures tells whether signatures are kept with an image.
func (c *Client) hasSignatures(id string) bool {
	img, err := c.Store.Raw().Image(id)
	return err == nil && signatureCount(img.Metadata) > 0
}

// SignStored signs an image of the store under names that it has there. The signatures
// are kept beside it.
func (c *Client) SignStored(ctx context.Context, id string, names []string, r Registry) error {
	for _, name := range names {
		if _, err := c.push(ctx, id, storeTransport+":"+name, PushOptions{Registry: r}); err != nil {
			return inOneLine(fmt.Errorf("signing %q: %w", name, err))
		}
	}
	return nil
}
