package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/types"

	"github.com/projectatomic/buildah/internal/store"
)

// ReadList reads what an image name stands for, without fetching an image: a list
// of the store, or what the registry has, which may be a list or an image.
func (c *Client) ReadList(ctx context.Context, name string, o PullOptions) ([]byte, error) {
	data, err := c.readList(ctx, name, o)
	if err != nil {
		return nil, inOneLine(fmt.Errorf("reading the manifest of %q: %w", name, err))
	}
	return data, nil
}

func (c *Client) readList(ctx context.Context, name string, o PullOptions) ([]byte, error) {
	t, rest := splitTransport(name)
	if t != nil && t.Name() != registryTransport {
		return nil, fmt.Errorf("only images of the store and of registries are possible here, not %q", t.Name()+":")
	}
	if t != nil {
		name = strings.TrimPrefix(rest, "//")
	}
	if o.Policy != PullAlways {
		m, err := c.find(name, LookupOptions{Lists: true})
		if err == nil && m.img.IsList() {
			data, _, _, err := c.Store.Manifest(m.img.ID)
			return data, err
		}
		if err != nil && !errors.Is(err, store.ErrImageUnknown) {
			return nil, err
		}
	}
	if o.Policy == PullNever {
		return nil, fmt.Errorf("it is no list of the store: %w", store.ErrImageUnknown)
	}
	sys, err := c.SystemContext(o.Registry, Platform{})
	if err != nil {
		return nil, err
	}
	j := &pullJob{c: c, o: o, sys: sys}
	candidates, err := j.candidates(ctx, name, nil)
	if err != nil {
		return nil, err
	}
	var errs candidateErrors
	for _, candidate := range candidates {
		data, err := j.readCandidate(ctx, candidate.named)
		if err == nil {
			return data, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 1 {
		return nil, errs[0]
	}
	return nil, errs
}

// readCandidate reads the manifest that a registry has for a name.
func (j *pullJob) readCandidate(ctx context.Context, named reference.Named) (data []byte, err error) {
	ref, err := docker.NewReference(reference.TagNameOnly(named))
	if err != nil {
		return nil, err
	}
	sys, err := j.c.permit(j.sys, ref)
	if err != nil {
		return nil, err
	}
	err = j.c.retry(ctx, j.o.Registry, func() error {
		data, err = readManifest(ctx, sys, ref)
		return err
	})
	return data, j.c.atRegistry(sys, ref.DockerReference(), err)
}

func readManifest(ctx context.Context, sys *types.SystemContext, ref types.ImageReference) (data []byte, err error) {
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	data, _, err = topManifest(ctx, src)
	return data, err
}
