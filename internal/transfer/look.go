package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/transports"
	"go.podman.io/image/v5/types"
)

// LookOptions adjusts [Client.Look].
type LookOptions struct {
	Registry Registry
	Platform Platform // which member of a list is wanted
	All      bool     // all members are
}

// Look is what a name outside the store stands for: a list or an image, without
// layers.
type Look struct {
	Manifest  []byte
	MediaType string
	Config    []byte          // of an image; nil for a list and for an artifact
	Members   []digest.Digest // of a list: those that are wanted
	ref       types.ImageReference
}

// Place is where the image is, or that member of the list. The name of a registry
// may stand for something else tomorrow, so it becomes a digest.
func (l *Look) Place(d digest.Digest) string {
	named := l.ref.DockerReference()
	if l.ref.Transport().Name() == registryTransport && named != nil {
		if exact, err := reference.WithDigest(reference.TrimNamed(named), d); err == nil {
			return registryTransport + "://" + exact.String()
		}
	}
	return transports.ImageName(l.ref)
}

// Look reads what a name or a reference with a transport stands for outside the
// store. The signature policy judges the images that are wanted.
func (c *Client) Look(ctx context.Context, name string, o LookOptions) (Look, error) {
	l, err := c.lookAt(ctx, name, func(ctx context.Context, sys *types.SystemContext, ref types.ImageReference) (Look, error) {
		return look(ctx, sys, ref, o)
	}, o)
	if err != nil {
		return Look{}, inOneLine(fmt.Errorf("reading %q: %w", name, err))
	}
	return l, nil
}

// LookManifest reads only the manifest, which is shown and not used.
func (c *Client) LookManifest(ctx context.Context, name string, o LookOptions) (Look, error) {
	l, err := c.lookAt(ctx, name, func(ctx context.Context, sys *types.SystemContext, ref types.ImageReference) (Look, error) {
		data, err := readManifest(ctx, sys, ref)
		return Look{Manifest: data, MediaType: manifest.GuessMIMEType(data), ref: ref}, err
	}, o)
	if err != nil {
		return Look{}, inOneLine(fmt.Errorf("reading the manifest of %q: %w", name, err))
	}
	return l, nil
}

type reader func(context.Context, *types.SystemContext, types.ImageReference) (Look, error)

// lookAt reads the first of the things that a name may stand for.
func (c *Client) lookAt(ctx context.Context, name string, read reader, o LookOptions) (Look, error) {
	sys, err := c.SystemContext(o.Registry, o.Platform)
	if err != nil {
		return Look{}, err
	}
	refs, err := c.lookReferences(ctx, sys, name)
	if err != nil {
		return Look{}, err
	}
	var errs candidateErrors
	for _, ref := range refs {
		l, err := c.lookOnce(ctx, sys, ref, read, o.Registry)
		if err == nil {
			return l, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil || errors.Is(err, errNoPolicy) {
			return Look{}, err
		}
	}
	if len(errs) == 1 {
		return Look{}, errs[0]
	}
	return Look{}, errs
}

func (c *Client) lookOnce(ctx context.Context, sys *types.SystemContext, ref types.ImageReference, read reader, r Registry) (l Look, err error) {
	if sys, err = c.permit(sys, ref); err != nil {
		return Look{}, err
	}
	if named := ref.DockerReference(); named != nil && hostFor(sys, named) == LocalHost {
		r.Retries = 0
	}
	err = c.retry(ctx, r, func() error {
		l, err = read(ctx, sys, ref)
		return err
	})
	return l, c.atPlace(sys, ref, err)
}

// lookReferences are the references that a name may stand for.
func (c *Client) lookReferences(ctx context.Context, sys *types.SystemContext, name string) ([]types.ImageReference, error) {
	if t, rest := splitTransport(name); t != nil {
		ref, err := c.parse(t, rest)
		return []types.ImageReference{ref}, err
	}
	j := &pullJob{c: c, sys: sys}
	candidates, err := j.candidates(ctx, name, nil)
	if err != nil {
		return nil, err
	}
	refs := make([]types.ImageReference, len(candidates))
	for i, candidate := range candidates {
		if refs[i], err = docker.NewReference(reference.TagNameOnly(candidate.named)); err != nil {
			return nil, err
		}
	}
	return refs, nil
}

// look reads the manifest and what belongs to it.
func look(ctx context.Context, sys *types.SystemContext, ref types.ImageReference, o LookOptions) (l Look, err error) {
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	l.ref = ref
	if l.Manifest, l.MediaType, err = topManifest(ctx, src); err != nil {
		return l, err
	}
	if len(l.Manifest) > manifestLimit {
		return l, fmt.Errorf("its manifest has %d bytes, %d are the most", len(l.Manifest), manifestLimit)
	}
	if !manifest.MIMETypeIsMultiImage(l.MediaType) {
		if err := allowed(ctx, sys, ref, image.UnparsedInstance(src, nil)); err != nil {
			return l, err
		}
		l.Config, err = lookConfig(ctx, sys, src, l)
		return l, err
	}
	if l.Members, err = chooseMembers(l.Manifest, l.MediaType, sys, o.All); err != nil {
		return l, err
	}
	for _, member := range l.Members {
		if err := allowed(ctx, sys, ref, image.UnparsedInstance(src, &member)); err != nil {
			return l, err
		}
	}
	return l, nil
}

func allowed(ctx context.Context, sys *types.SystemContext, ref types.ImageReference, img *image.UnparsedImage) error {
	policy, err := pullPolicy(sys)
	if err != nil {
		return err
	}
	defer func() { _ = policy.Destroy() }()
	if ok, err := policy.IsRunningImageAllowed(ctx, img); !ok {
		return &PolicyError{Rule: ruleFor(policy.Policy, ref), File: policyFile(sys), cause: fmt.Errorf("the signature policy does not allow it: %w", err)}
	}
	return nil
}

// lookConfig reads the configuration of an image, which says for which machines it
// is. That of an artifact says something else, and is not read.
func lookConfig(ctx context.Context, sys *types.SystemContext, src types.ImageSource, l Look) ([]byte, error) {
	m, err := manifest.FromBlob(l.Manifest, manifest.NormalizedMIMEType(l.MediaType))
	if err != nil {
		return nil, err
	}
	switch m.ConfigInfo().MediaType {
	case imgspec.MediaTypeImageConfig, manifest.DockerV2Schema2ConfigMediaType, "":
	default:
		return nil, nil
	}
	img, err := image.FromUnparsedImage(ctx, sys, image.UnparsedInstance(src, nil))
	if err != nil {
		return nil, err
	}
	return img.ConfigBlob(ctx)
}

// chooseMembers finds the members of a list that are wanted: all, or the one for
// the platform.
func chooseMembers(data []byte, mediaType string, sys *types.SystemContext, all bool) ([]digest.Digest, error) {
	list, err := manifest.ListFromBlob(data, mediaType)
	if err != nil {
		return nil, fmt.Errorf("reading the list of images: %w", err)
	}
	if all {
		return list.Instances(), nil
	}
	chosen, err := list.ChooseInstance(sys)
	if err != nil {
		return nil, fmt.Errorf("choosing an image of the list: %w", err)
	}
	return []digest.Digest{chosen}, nil
}

// ChooseMembers finds the members of a list that are wanted: all, or the one for
// the platform.
func (c *Client) ChooseMembers(list []byte, o LookOptions) ([]digest.Digest, error) {
	sys, err := c.SystemContext(Registry{}, o.Platform)
	if err != nil {
		return nil, err
	}
	return chooseMembers(list, manifest.GuessMIMEType(list), sys, o.All)
}

// Local gives the name by which something may be found in the client's store, and
// false for a reference to somewhere else.
func (c *Client) Local(name string) (string, bool) {
	t, rest := splitTransport(name)
	switch {
	case t == nil, t.Name() == storeTransport && !strings.HasPrefix(rest, "["):
		return name, true
	case c.InStore(name):
		_, inside, _ := strings.Cut(rest, "]")
		return storeTransport + ":" + inside, true
	}
	return name, false
}
