package builder

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/layers"
	"github.com/projectatomic/buildah/internal/layertree"
	"github.com/projectatomic/buildah/internal/transfer"
)

// LayerReport is what the layers of an image or of a working container come to.
type LayerReport struct {
	Name      string               `json:"name"`
	ID        string               `json:"id"`
	Layers    []ReportedLayer      `json:"layers"`
	Files     []layertree.File     `json:"files,omitempty"`     // the largest
	Whiteouts []layertree.Whiteout `json:"whiteouts,omitempty"` // those that hide most
	Size      int64                `json:"size"`                // bytes in files, of all layers
	Hidden    int64                `json:"hidden"`              // those of Size that nobody sees
	Counted   bool                 `json:"counted"`             // the layers were read; those of a remote image are only if asked
}

// Counts is what a layer does to those below it.
type Counts = layertree.Layer

// ReportedLayer is one layer. What is counted in it is nil unless the layer was read.
type ReportedLayer struct {
	Layer     int           `json:"layer"`              // 1 is the base
	ID        string        `json:"id,omitempty"`       // in the store
	Digest    digest.Digest `json:"digest,omitempty"`   // of its tar, or of the blob of a remote image
	BlobSize  int64         `json:"blobsize,omitempty"` // of a remote image
	CreatedBy string        `json:"createdby"`          // "" when the history does not tell
	Created   *time.Time    `json:"created,omitempty"`
	*Counts
}

// ReportOptions adjusts the reports.
type ReportOptions struct {
	Files    int               // how many of the largest files, and of the whiteouts that hide most
	Platform transfer.Platform // of a list
}

// ReportImage looks into the layers of an image of the store.
func (e *Engine) ReportImage(ctx context.Context, name string, o ReportOptions) (LayerReport, error) {
	img, matched, err := e.Images.Lookup(name, transfer.LookupOptions{Platform: o.Platform})
	if err != nil {
		return LayerReport{}, err
	}
	r := LayerReport{Name: matched, ID: img.ID}
	entries, err := e.imageEntries(ctx, &r, img.ID)
	if err == nil {
		err = r.count(entries, o.Files)
	}
	if err != nil {
		return r, fmt.Errorf("looking into the layers of %q: %w", name, err)
	}
	return r, nil
}

// Report looks into the layers of the container. The last one is its own.
func (b *Builder) Report(ctx context.Context, o ReportOptions) (LayerReport, error) {
	r := LayerReport{Name: b.Name(), ID: b.ID()}
	entries, err := b.reportedEntries(ctx, &r)
	if err == nil {
		err = r.count(entries, o.Files)
	}
	if err != nil {
		return r, fmt.Errorf("looking into the layers of %q: %w", b.Name(), err)
	}
	return r, nil
}

// ownLayer stands where the instruction of a layer does.
const ownLayer = "(what the container has changed)"

func (b *Builder) reportedEntries(ctx context.Context, r *LayerReport) ([][]layertree.Entry, error) {
	c, err := b.engine.Store.Container(b.ID())
	if err != nil {
		return nil, err
	}
	var entries [][]layertree.Entry
	if c.ImageID != "" {
		if entries, err = b.engine.imageEntries(ctx, r, c.ImageID); err != nil {
			return nil, err
		}
	}
	headers, err := layers.List(ctx, b.engine.Store, b.ID())
	if err != nil {
		return nil, err
	}
	own := make([]layertree.Entry, len(headers))
	for i, h := range headers {
		own[i] = layertree.EntryOf(h)
	}
	r.Layers = append(r.Layers, ReportedLayer{Layer: len(r.Layers) + 1, ID: c.LayerID, CreatedBy: ownLayer})
	return append(entries, own), nil
}

// imageEntries fills in the layers of an image, and reads what is in them.
func (e *Engine) imageEntries(ctx context.Context, r *LayerReport, id string) ([][]layertree.Entry, error) {
	if err := e.Store.Pin(id); err != nil {
		return nil, err
	}
	img, err := e.Store.Image(id)
	if err != nil {
		return nil, err
	}
	chain, err := e.Store.LayerChain(img.TopLayer)
	if err != nil {
		return nil, err
	}
	for i, l := range chain {
		r.Layers = append(r.Layers, ReportedLayer{Layer: i + 1, ID: l.ID, Digest: l.DiffID})
	}
	if config, err := e.Store.Config(id); err == nil {
		r.instructions(config)
	}
	entries := make([][]layertree.Entry, len(chain))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range chain {
		g.Go(func() (err error) {
			if err = ctx.Err(); err == nil {
				entries[i], err = e.layerEntries(l.ID)
			}
			return err
		})
	}
	return entries, g.Wait()
}

// layerEntries reads what a store keeps of the tar of a layer. Where that does not
// tell, the driver makes the tar anew.
func (e *Engine) layerEntries(id string) (entries []layertree.Entry, err error) {
	headers, err := e.Store.OpenHeaders(id)
	if err == nil {
		defer headers.Close()
		entries, err = layertree.ReadHeaders(headers)
	}
	if err == nil {
		return entries, nil
	}
	kept := err
	tar, err := e.Store.LayerTar(id)
	if err != nil {
		return nil, errors.Join(err, kept)
	}
	defer func() { err = errors.Join(err, tar.Close()) }()
	if entries, err = layertree.ReadTar(tar); err != nil {
		return nil, fmt.Errorf("layer %q: %w", id, err)
	}
	return entries, nil
}

// instructions tells of each layer what made it, if the history has an entry for each.
func (r *LayerReport) instructions(config []byte) {
	parsed, err := imageconfig.Parse(config, "")
	if err != nil {
		return
	}
	var made []History
	for _, h := range parsed.OCI.History {
		if !h.EmptyLayer {
			made = append(made, h)
		}
	}
	if len(parsed.OCI.History) == len(r.Layers) {
		made = parsed.OCI.History // images of before 2016 have a layer for each entry
	}
	if len(made) != len(r.Layers) {
		return
	}
	for i, h := range made {
		r.Layers[i].CreatedBy, r.Layers[i].Created = h.CreatedBy, h.Created
	}
}

// count puts the layers on each other.
func (r *LayerReport) count(entries [][]layertree.Entry, files int) error {
	var s layertree.Survey
	for _, layer := range entries {
		if err := s.Add(layer); err != nil {
			return err
		}
	}
	for i, l := range s.Layers() {
		r.Layers[i].Counts = &l
		r.Size += l.Size
		r.Hidden += l.Hidden
	}
	r.Counted, r.Files, r.Whiteouts = true, s.Largest(files), s.Whiteouts(files)
	return nil
}
