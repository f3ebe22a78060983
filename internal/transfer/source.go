package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/manifest"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"

	"github.com/projectatomic/buildah/internal/store"
)

// StoreReference is an image of the store as a source for the copier. Its layers
// are streamed from where they lie; the library's own source writes each to a
// temporary file first.
func (c *Client) StoreReference(ctx context.Context, id string, withoutSignatures bool) (types.ImageReference, error) {
	raw := c.Store.Raw()
	img, err := raw.Image(id)
	if err != nil {
		return nil, fmt.Errorf("looking up image %q: %w", id, err)
	}
	ref, err := istorage.Transport.NewStoreReference(raw, nil, img.ID)
	if err != nil {
		return nil, err
	}
	if count := signatureCount(img.Metadata); !withoutSignatures && count > 0 && count != countSimple(ctx, ref) {
		// Signatures for sigstore do not pass through a source that is not the library's.
		return ref, nil
	}
	return streamReference{ref, c.Store, img.TopLayer}, nil
}

// countSimple is how many signatures are of the kind that GPG makes: no others are given
// out this way.
func countSimple(ctx context.Context, ref types.ImageReference) int {
	src, err := ref.NewImageSource(ctx, nil)
	if err != nil {
		return 0
	}
	list, err := src.GetSignatures(ctx, nil)
	if errors.Join(err, src.Close()) != nil {
		return 0
	}
	return len(list)
}

// signatureCount is how many signatures are kept with an image, for any of its manifests.
func signatureCount(metadata string) int {
	var m struct {
		Sizes     []int            `json:"signature-sizes"`
		Instances map[string][]int `json:"signatures-sizes"`
	}
	if err := json.Unmarshal([]byte(metadata), &m); err != nil {
		return len(metadata) // whatever it is: not known to be none
	}
	count := len(m.Sizes)
	for _, sizes := range m.Instances {
		count = max(count, len(sizes))
	}
	return count
}

type streamReference struct {
	types.ImageReference
	store    *store.Store
	topLayer string
}

func (r streamReference) NewImageSource(ctx context.Context, sys *types.SystemContext) (types.ImageSource, error) {
	inner, err := r.ImageReference.NewImageSource(ctx, sys)
	if err != nil {
		return nil, err
	}
	s := &streamSource{ImageSource: inner, store: r.store, raw: r.store.Raw(), layers: map[digest.Digest]string{}}
	for id := r.topLayer; id != ""; {
		layer, err := s.raw.Layer(id)
		if err != nil {
			_ = inner.Close()
			return nil, fmt.Errorf("reading layer %q: %w", id, err)
		}
		if layer.UncompressedDigest != "" {
			s.layers[layer.UncompressedDigest] = id
		}
		id = layer.Parent
	}
	return s, nil
}

// streamSource reads layers straight from the storage driver; all else is the
// library's source. Its fields do not change once it is read from by several.
type streamSource struct {
	types.ImageSource
	store  *store.Store
	raw    storage.Store
	layers map[digest.Digest]string // IDs by the digest of the tar
	sent   map[digest.Digest]blob   // by the digest of the tar: what the destination has already
	whole  bool                     // the destination wants to have foreign layers, too
}

// GetBlob may be called by several goroutines. What it returns is checked
// against the digest by the copier.
func (s *streamSource) GetBlob(ctx context.Context, info types.BlobInfo, cache types.BlobInfoCache) (io.ReadCloser, int64, error) {
	id, ok := s.layers[info.Digest]
	if !ok && s.wasSent(info.Digest) {
		return nil, -1, fmt.Errorf("reading blob %q: %w", info.Digest, errVanished)
	}
	if !ok {
		return s.ImageSource.GetBlob(ctx, info, cache)
	}
	r, err := s.stream(id)
	if errors.Is(err, errNotStreamable) {
		return s.ImageSource.GetBlob(ctx, info, cache)
	}
	if err != nil {
		return nil, -1, fmt.Errorf("reading layer %q: %w", id, err)
	}
	return r, info.Size, nil
}

// LayerInfosForCopy names the blobs that the destination has already, so that the
// copier finds them there; else the layers as they are.
func (s *streamSource) LayerInfosForCopy(ctx context.Context, instance *digest.Digest) ([]types.BlobInfo, error) {
	infos, err := s.ImageSource.LayerInfosForCopy(ctx, instance)
	if err != nil {
		return infos, err
	}
	if err := s.keepForeign(ctx, infos); err != nil || len(s.sent) == 0 {
		return infos, err
	}
	for i, info := range infos {
		if b, ok := s.sent[info.Digest]; ok {
			infos[i] = b.info(info.MediaType)
		}
	}
	// As the manifest has them: nothing is to be changed in it, which matters where
	// it may not be changed.
	if own, err := s.manifestLayers(ctx); err == nil && sameBlobs(own, infos) {
		return nil, nil
	}
	return infos, nil
}

// keepForeign names foreign layers as the manifest does, unless the destination wants
// to have them: the store knows them by the digest of the tar, which is not what lies
// at their addresses.
func (s *streamSource) keepForeign(ctx context.Context, infos []types.BlobInfo) error {
	foreign := func(info types.BlobInfo) bool { return len(info.URLs) > 0 }
	if s.whole || !slices.ContainsFunc(infos, foreign) {
		return nil
	}
	own, err := s.manifestLayers(ctx)
	if err != nil {
		return err
	}
	for i := range infos {
		if foreign(infos[i]) && len(own) == len(infos) {
			infos[i] = own[i].BlobInfo
		}
	}
	return nil
}

// manifestLayers are the layers that the image's own manifest names.
func (s *streamSource) manifestLayers(ctx context.Context) ([]manifest.LayerInfo, error) {
	data, mediaType, err := s.GetManifest(ctx, nil)
	if err != nil {
		return nil, err
	}
	m, err := manifest.FromBlob(data, mediaType)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	return m.LayerInfos(), nil
}

// asManifestSays tells whether the layers, uncompressed as they are, are what the image's
// own manifest names: an image that was made here.
func (s *streamSource) asManifestSays(ctx context.Context) bool {
	infos, err := s.ImageSource.LayerInfosForCopy(ctx, nil)
	if err != nil {
		return false
	}
	own, err := s.manifestLayers(ctx)
	return err == nil && (infos == nil || sameBlobs(own, infos))
}

func sameBlobs(own []manifest.LayerInfo, infos []types.BlobInfo) bool {
	return slices.EqualFunc(own, infos, func(a manifest.LayerInfo, b types.BlobInfo) bool { return a.Digest == b.Digest })
}

func (s *streamSource) wasSent(d digest.Digest) bool {
	for _, b := range s.sent {
		if b.Digest == d {
			return true
		}
	}
	return false
}

// errVanished is a blob that the destination had a moment ago. Another attempt
// sends it again.
var errVanished = errors.New("the destination has lost it meanwhile")

// errNotStreamable is a layer whose tar must be made anew by the driver.
var errNotStreamable = errors.New("the layer cannot be streamed")

// stream puts a layer's tar together from the headers that were kept when it was
// applied and the files of the driver. No lock is held meanwhile: a layer never
// changes, and one that is removed meanwhile makes the stream fail.
func (s *streamSource) stream(id string) (io.ReadCloser, error) {
	driver, err := s.raw.GraphDriver()
	if err != nil {
		return nil, err
	}
	differ, ok := driver.(graphdriver.DiffGetterDriver)
	if !ok {
		return nil, errNotStreamable
	}
	headers, err := s.store.OpenHeaders(id)
	if errors.Is(err, store.ErrNoHeaders) {
		return nil, errNotStreamable
	}
	if err != nil {
		return nil, err
	}
	files, err := differ.DiffGetter(id)
	if err != nil {
		headers.Close()
		return nil, err
	}
	l, err := newLayerStream(headers, files)
	if err != nil {
		return nil, errors.Join(err, headers.Close(), files.Close())
	}
	return l, nil
}
