package transfer

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/blobcache"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// openedReference hands out a source that is open already, once, so that the
// manifest is not fetched a second time by the copier.
type openedReference struct {
	types.ImageReference
	src types.ImageSource // nil once it was handed out
}

func (r *openedReference) NewImageSource(ctx context.Context, sys *types.SystemContext) (types.ImageSource, error) {
	if r.src == nil {
		return r.ImageReference.NewImageSource(ctx, sys)
	}
	src := r.src
	r.src = nil
	return src, nil
}

// close closes the source if nobody took it.
func (r *openedReference) close() {
	if r.src != nil {
		_ = r.src.Close()
		r.src = nil
	}
}

// openedDestination is the same for a destination.
type openedDestination struct {
	types.ImageReference
	dest types.ImageDestination // nil once it was handed out
}

func (r *openedDestination) NewImageDestination(ctx context.Context, sys *types.SystemContext) (types.ImageDestination, error) {
	if r.dest == nil {
		return r.ImageReference.NewImageDestination(ctx, sys)
	}
	dest := r.dest
	r.dest = nil
	return dest, nil
}

func (r *openedDestination) close() {
	if r.dest != nil {
		_ = r.dest.Close()
		r.dest = nil
	}
}

// copy copies an image into the store.
func (j *pullJob) copy(ctx context.Context, sys *types.SystemContext, src, dest types.ImageReference) (Pulled, error) {
	var err error
	if j.policy == nil {
		if j.policy, err = pullPolicy(sys); err != nil {
			return Pulled{}, err
		}
	}
	decrypt, err := decryption(j.o.Registry.DecryptionKeys)
	if err != nil {
		return Pulled{}, err
	}
	target := dest
	if dir := j.o.Registry.BlobCache; dir != "" {
		if opened, ok := src.(*openedReference); ok {
			if err := (blobCache{dir}).mend(ctx, sys, opened.src); err != nil {
				return Pulled{}, err
			}
		}
		if target, err = blobcache.NewBlobCache(dest, dir, types.PreserveOriginal); err != nil {
			return Pulled{}, fmt.Errorf("using the blob cache %q: %w", dir, err)
		}
	}
	var resolved types.ImageReference
	options := &copy.Options{
		RemoveSignatures:        j.o.Registry.RemoveSignatures,
		ReportWriter:            j.c.report(ctx),
		SourceCtx:               sys,
		DestinationCtx:          sys,
		OciDecryptConfig:        decrypt,
		ReportResolvedReference: &resolved,
		MaxParallelDownloads:    uint(max(j.c.System.ParallelCopies, 0)),
	}
	err = j.arrived.noted(options, func() error {
		_, err := copy.Image(ctx, j.policy, target, src, options)
		return err
	})
	if err != nil {
		return Pulled{}, undecrypted(rejected(err, sys, j.policy.Policy, src))
	}
	if resolved == nil {
		resolved = dest
	}
	_, img, err := istorage.ResolveReference(resolved)
	if err != nil {
		return Pulled{}, fmt.Errorf("finding the image in the store: %w", err)
	}
	j.noteBlobs(img, dest.DockerReference(), src.Transport().Name())
	p := Pulled{ID: img.ID, ManifestDigest: img.Digest, Warnings: j.c.mismatch(img.ID, j.o.Platform)}
	if named := dest.DockerReference(); named != nil {
		p.Name = named.String()
	}
	return p, nil
}

// noteBlobs notes from where the blobs of an image came, so that they need not be
// made again for another repository of that registry.
func (j *pullJob) noteBlobs(img *storage.Image, from reference.Named, transport string) {
	if transport != registryTransport || from == nil {
		return
	}
	raw := j.c.Store.Raw()
	data, err := raw.ImageBigData(img.ID, storage.ImageDigestBigDataKey)
	if err != nil {
		return
	}
	m, err := manifest.FromBlob(data, manifest.GuessMIMEType(data))
	if err != nil {
		return
	}
	fetched := map[digest.Digest]bool{}
	for _, l := range m.LayerInfos() {
		fetched[l.Digest] = true
	}
	for id := img.TopLayer; id != ""; {
		layer, err := raw.Layer(id)
		if err != nil {
			return
		}
		// A layer that was there before may have come as another blob.
		if b, ok := original(layer); ok && fetched[b.Digest] {
			newLedger(j.c.Store).note(layer.UncompressedDigest, b, from.Name())
		}
		id = layer.Parent
	}
}
