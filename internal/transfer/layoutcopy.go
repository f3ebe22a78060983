package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/pkg/shortnames"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

// Layout is an image in a directory in the OCI layout.
type Layout struct {
	Dir string
	Ref string // its name there, "" for the only image
}

// FetchLayout copies an image of a registry, byte for byte, into a layout, past the
// store. Accept sees the manifest before anything is copied, and may refuse it.
func (c *Client) FetchLayout(ctx context.Context, image string, to Layout, r Registry, accept func(manifest []byte) error) error {
	err := c.fetchLayout(ctx, image, to, r, accept)
	if err != nil {
		return inOneLine(fmt.Errorf("pulling %q: %w", image, err))
	}
	return nil
}

func (c *Client) fetchLayout(ctx context.Context, image string, to Layout, r Registry, accept func(manifest []byte) error) error {
	src, sys, err := c.fullReference(image, r)
	if err != nil {
		return err
	}
	dest, err := layout.NewReference(to.Dir, to.Ref)
	if err != nil {
		return err
	}
	policy, err := pullPolicy(sys)
	if err != nil {
		return err
	}
	defer func() { _ = policy.Destroy() }()
	err = c.retry(ctx, r, func() error {
		opened, err := openAccepted(ctx, sys, src, accept)
		if err != nil {
			return err
		}
		defer opened.close()
		options := c.layoutOptions(ctx, sys)
		options.RemoveSignatures = true // they are judged, and layouts have no place for them
		_, err = copy.Image(ctx, policy, dest, opened, options)
		return rejected(err, sys, policy.Policy, src)
	})
	return c.atPlace(sys, src, err)
}

// openAccepted opens an image whose manifest is to one's liking.
func openAccepted(ctx context.Context, sys *types.SystemContext, ref types.ImageReference, accept func([]byte) error) (*openedReference, error) {
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return nil, err
	}
	opened := &openedReference{ImageReference: ref, src: src} // unwrapped: else signatures for sigstore are lost
	data, _, err := opened.src.GetManifest(ctx, nil)
	if err == nil {
		err = accept(data)
	}
	if err != nil {
		opened.close()
		return nil, err
	}
	return opened, nil
}

// SendLayout copies an image from a layout to a registry, byte for byte, past the store.
func (c *Client) SendLayout(ctx context.Context, from Layout, image string, r Registry) (Pushed, error) {
	p, err := c.sendLayout(ctx, from, image, r)
	if err != nil {
		return p, inOneLine(fmt.Errorf("pushing to %q: %w", image, err))
	}
	return p, nil
}

func (c *Client) sendLayout(ctx context.Context, from Layout, image string, r Registry) (p Pushed, err error) {
	dest, sys, err := c.fullReference(image, r)
	if err != nil {
		return p, err
	}
	src, err := layout.NewReference(from.Dir, from.Ref)
	if err != nil {
		return p, err
	}
	// What is the caller's own is not judged, as with images of the store.
	policy, err := newPolicy(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	if err != nil {
		return p, err
	}
	defer func() { _ = policy.Destroy() }()
	err = c.retry(ctx, r, func() error {
		p.Manifest, err = copy.Image(ctx, policy, dest, src, c.layoutOptions(ctx, sys))
		return err
	})
	if err != nil {
		return p, c.atDestination(sys, dest, err)
	}
	p.ManifestDigest, err = manifest.Digest(p.Manifest)
	return p, err
}

func (c *Client) layoutOptions(ctx context.Context, sys *types.SystemContext) *copy.Options {
	return &copy.Options{
		ReportWriter: c.report(ctx), SourceCtx: sys, DestinationCtx: sys, PreserveDigests: true,
		MaxParallelDownloads: uint(max(c.System.ParallelCopies, 0)),
	}
}

// fullReference is a name at a registry that leaves nothing to guess.
func (c *Client) fullReference(image string, r Registry) (types.ImageReference, *types.SystemContext, error) {
	name := strings.TrimPrefix(image, registryTransport+"://")
	if t, _ := splitTransport(name); t != nil {
		return nil, nil, fmt.Errorf("only registries are possible here, not %q", t.Name()+":")
	}
	if name == image && shortnames.IsShortName(name) {
		return nil, nil, errors.New("it is a short name: say which registry, as in registry.example.com/NAME:TAG")
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, nil, err
	}
	ref, err := docker.NewReference(reference.TagNameOnly(withoutTag(named)))
	if err != nil {
		return nil, nil, err
	}
	sys, err := c.SystemContext(r, Platform{})
	if err != nil {
		return nil, nil, err
	}
	sys, err = c.permit(sys, ref)
	return ref, sys, err
}
