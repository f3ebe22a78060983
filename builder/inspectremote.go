package builder

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/projectatomic/buildah/internal/layertree"
	"github.com/projectatomic/buildah/internal/transfer"
)

// RemoteImage is an image that is not in the store, opened to be looked at.
type RemoteImage struct {
	engine *Engine
	*transfer.Remote
}

// OpenRemote opens an image outside of the store: its manifest and its configuration
// are read, and no layer. The caller closes it.
func (e *Engine) OpenRemote(ctx context.Context, name string, r Registry, p transfer.Platform) (*RemoteImage, error) {
	opened, err := e.Images.OpenRemote(ctx, name, r, p)
	if err != nil {
		return nil, err
	}
	for _, text := range opened.Warnings {
		e.warn("%s", text)
	}
	return &RemoteImage{engine: e, Remote: opened}, nil
}

// checkImage refuses a list without an image for the platform.
func (i *RemoteImage) checkImage() error {
	if !i.HasImage() {
		return fmt.Errorf("inspecting %q: the list has no image for the platform: --type manifest shows what it has", i.Name)
	}
	return nil
}

// Inspect shows the image the way a container on it would look.
func (i *RemoteImage) Inspect() (Inspection, error) {
	if err := i.checkImage(); err != nil {
		return Inspection{}, err
	}
	st, err := newState(i.Config, i.Manifest, i.MediaType)
	if err != nil {
		return Inspection{}, fmt.Errorf("inspecting %q: %w", i.Name, err)
	}
	st.ImageName, st.ImageDigest = i.Name, i.Digest
	st.ImageID = digest.FromBytes(i.Config).Encoded()
	return i.engine.newBuilder(st, FromOptions{}).Inspect(), nil
}

// Report tells of the layers what the image says of them, and with read what is in
// them, which means to fetch them. Nothing is kept.
func (i *RemoteImage) Report(ctx context.Context, read bool, o ReportOptions) (LayerReport, error) {
	r := LayerReport{Name: i.Name, ID: digest.FromBytes(i.Config).Encoded()}
	if err := i.checkImage(); err != nil {
		return r, err
	}
	for n, l := range i.Layers {
		r.Layers = append(r.Layers, ReportedLayer{Layer: n + 1, Digest: l.Digest, BlobSize: max(l.Size, 0)})
	}
	r.instructions(i.Config)
	if !read {
		return r, nil
	}
	entries := make([][]layertree.Entry, len(i.Layers))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(runtime.GOMAXPROCS(0), 2))
	for n := range i.Layers {
		g.Go(func() error {
			return i.ReadLayer(ctx, n, func(tar io.Reader) (err error) {
				entries[n], err = layertree.ReadTar(tar)
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		return r, err
	}
	if err := r.count(entries, o.Files); err != nil {
		return r, fmt.Errorf("looking into the layers of %q: %w", i.Name, err)
	}
	return r, nil
}
