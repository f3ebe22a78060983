package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
)

// Peeked is an image of a registry, without its layers.
type Peeked struct {
	Name           string // that it would have in the store
	Exact          string // the same image, whatever becomes of the name
	Manifest       []byte
	MediaType      string // of the manifest
	ManifestDigest digest.Digest
	Config         []byte
}

// errNoPeek is an image that Pull has to deal with.
var errNoPeek = errors.New("the image has to be pulled as a whole")

// Peek finds the image that Pull would fetch from a registry, and reads what is small
// of it. false means that Pull would not, or that only Pull can say what is wrong.
func (c *Client) Peek(ctx context.Context, name string, o PullOptions) (Peeked, bool) {
	if t, _ := splitTransport(name); t != nil || o.AllTags || o.Registry.BlobCache != "" || len(o.Registry.DecryptionKeys) > 0 {
		return Peeked{}, false
	}
	p, err := c.peek(ctx, name, o)
	return p, err == nil
}

func (c *Client) peek(ctx context.Context, name string, o PullOptions) (Peeked, error) {
	byPlatform := o.Platform != (Platform{}) && o.Policy == PullMissing
	if byPlatform {
		o.Policy = PullNewer // as Pull has it
	}
	sys, err := c.SystemContext(o.Registry, o.Platform)
	if err != nil {
		return Peeked{}, err
	}
	j := &pullJob{c: c, o: o, sys: sys, byPlatform: byPlatform}
	defer j.close()
	local, err := j.local(name)
	if err != nil || isID(name) || o.Policy == PullNever || local != nil && (!j.wanted(local) || local.name == "") {
		return Peeked{}, errors.Join(errNoPeek, err)
	}
	list, err := j.candidates(ctx, name, local)
	if err != nil || len(list) != 1 {
		return Peeked{}, errors.Join(errNoPeek, err) // several are tried, in order
	}
	ref, err := docker.NewReference(reference.TagNameOnly(list[0].named))
	if err != nil {
		return Peeked{}, err
	}
	if sys, err = c.permit(sys, ref); err != nil {
		return Peeked{}, err
	}
	p, err := j.peekAt(ctx, sys, ref) // once: Pull tries again
	if err == nil {
		j.remember(ctx, list[0])
	}
	return p, err
}

// peekAt reads the image for the platform.
func (j *pullJob) peekAt(ctx context.Context, sys *types.SystemContext, ref types.ImageReference) (p Peeked, err error) {
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	instance, err := chooseInstance(ctx, sys, src)
	if err != nil {
		return p, err
	}
	unparsed := image.UnparsedInstance(src, instance)
	if j.policy, err = pullPolicy(sys); err != nil {
		return p, err
	}
	if allowed, err := j.policy.IsRunningImageAllowed(ctx, unparsed); !allowed {
		return p, errors.Join(errNoPeek, err)
	}
	img, err := image.FromUnparsedImage(ctx, sys, unparsed)
	if err != nil {
		return p, err
	}
	if img.ConfigInfo().Digest.Validate() != nil || encrypted(img) {
		return p, errNoPeek // it is from before 2016, or Pull has to say what is wrong
	}
	if _, err := j.c.Store.Image(img.ConfigInfo().Digest.Encoded()); err == nil {
		return p, errNoPeek // to pull it is to name it
	}
	p.Name = ref.DockerReference().String()
	if p.Config, err = img.ConfigBlob(ctx); err != nil {
		return p, err
	}
	if p.Manifest, p.MediaType, err = img.Manifest(ctx); err != nil {
		return p, err
	}
	p.ManifestDigest, err = manifest.Digest(p.Manifest)
	p.Exact = ref.DockerReference().Name() + "@" + p.ManifestDigest.String()
	return p, err
}

// topManifest reads the manifest that a reference leads to. Where that has a digest, it
// is that of the manifest: a list is believed no more than an image.
func topManifest(ctx context.Context, src types.ImageSource) (data []byte, mediaType string, err error) {
	return image.UnparsedInstance(src, nil).Manifest(ctx)
}

// chooseInstance finds the image of a list for the platform; nil when there is no list.
func chooseInstance(ctx context.Context, sys *types.SystemContext, src types.ImageSource) (*digest.Digest, error) {
	data, mediaType, err := topManifest(ctx, src)
	if err != nil || !manifest.MIMETypeIsMultiImage(mediaType) {
		return nil, err
	}
	list, err := manifest.ListFromBlob(data, mediaType)
	if err != nil {
		return nil, fmt.Errorf("reading the list of images: %w", err)
	}
	instance, err := list.ChooseInstance(sys)
	if err != nil {
		return nil, fmt.Errorf("choosing an image of the list: %w", err)
	}
	return &instance, nil
}
