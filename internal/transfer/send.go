package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/compression"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/chunked/toc"
	"golang.org/x/sync/errgroup"
)

const (
	// parallelLayers is how many layers are sent at once; the library's default.
	parallelLayers = 6
	// reuseAttempts bounds the blobs of one layer that are looked for.
	reuseAttempts = 4
)

// sender brings the layers of an image to a destination before the copier runs:
// what the destination has, or can mount, stays unread; the rest is compressed and
// uploaded. The copier then finds every layer there and writes configuration and
// manifest.
type sender struct {
	c       *Client
	o       PushOptions
	src     *streamSource
	dest    types.ImageDestination
	ledger  ledger
	cache   blobCache
	place   string               // the repository of a registry, "" for other destinations
	own     []manifest.LayerInfo // what the image's manifest names
	anyZstd bool                 // the manifest that is written may name zstd blobs
	bars    *bars
}

// send fills src.sent. It leaves it empty when the copier has to do the work.
func (c *Client) send(ctx context.Context, src *streamSource, dest types.ImageDestination, o PushOptions) error {
	if dest.DesiredLayerCompression() != types.Compress {
		return nil
	}
	diffIDs, ok, err := src.diffIDs(ctx)
	if err != nil || !ok {
		return err
	}
	s := &sender{c: c, o: o, src: src, dest: dest, ledger: newLedger(c.Store), cache: blobCache{o.Registry.BlobCache}, bars: newBars(c.report(ctx))}
	defer s.bars.wait()
	if ref := dest.Reference(); ref.Transport().Name() == registryTransport {
		s.place = ref.DockerReference().Name()
	}
	if err := s.readManifest(ctx); err != nil {
		return err
	}
	sent := make([]blob, len(diffIDs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(1)
	if dest.HasThreadSafePutBlob() {
		group.SetLimit(cmp.Or(c.System.ParallelCopies, parallelLayers))
	}
	for i, diffID := range diffIDs {
		group.Go(func() (err error) {
			sent[i], err = s.layer(ctx, diffID)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	src.sent = map[digest.Digest]blob{}
	for i, diffID := range diffIDs {
		src.sent[diffID] = sent[i]
	}
	return nil
}

// diffIDs are the layers of the image, each once. false: some layer can't be
// streamed.
func (s *streamSource) diffIDs(ctx context.Context) ([]digest.Digest, bool, error) {
	infos, err := s.ImageSource.LayerInfosForCopy(ctx, nil)
	if err != nil {
		return nil, false, err
	}
	var list []digest.Digest
	for _, info := range infos {
		if len(info.URLs) > 0 && !s.whole {
			continue // it stays where it is
		}
		if s.layers[info.Digest] == "" || len(info.URLs) > 0 {
			return nil, false, nil
		}
		if !slices.Contains(list, info.Digest) {
			list = append(list, info.Digest)
		}
	}
	return list, len(list) > 0, nil
}

// readManifest finds out what the image's manifest says about blobs.
func (s *sender) readManifest(ctx context.Context) error {
	_, mediaType, err := s.src.GetManifest(ctx, nil)
	if err != nil {
		return err
	}
	layers, err := s.src.manifestLayers(ctx)
	if err != nil {
		return err
	}
	s.own = layers
	written := mediaType
	if wanted, err := manifestType(s.o.Format); err == nil && wanted != "" {
		written = wanted
	}
	supported := s.dest.SupportedManifestMIMETypes()
	s.anyZstd = written == imgspec.MediaTypeImageManifest &&
		(len(supported) == 0 || slices.Contains(supported, imgspec.MediaTypeImageManifest))
	return nil
}

// layer brings one layer to the destination.
func (s *sender) layer(ctx context.Context, diffID digest.Digest) (blob, error) {
	for _, b := range s.candidates(diffID) {
		reused, info, err := s.dest.TryReusingBlob(ctx, types.BlobInfo{Digest: b.Digest, Size: b.Size}, mountable(s.dest.Reference(), b), false)
		if err != nil {
			return blob{}, fmt.Errorf("looking for blob %q: %w", b.Digest, err)
		}
		if !reused || info.Digest != b.Digest {
			continue
		}
		if info.Size > 0 {
			b.Size = info.Size
		}
		s.c.say(ctx, "Copying blob %s skipped: already exists", b.Digest)
		s.ledger.note(diffID, b, s.place)
		return b, nil
	}
	if b, ok, err := s.fromCache(ctx, diffID); err != nil || ok {
		if ok {
			s.ledger.note(diffID, b, s.place)
		}
		return b, err
	}
	if s.o.keepManifest {
		return blob{}, &SignatureLossError{errors.New("the destination has not got all layers in the form that is signed, and the store cannot make that form again")}
	}
	b, err := s.upload(ctx, diffID)
	if err != nil {
		return blob{}, err
	}
	s.ledger.note(diffID, b, s.place)
	return b, nil
}

// candidates are the known blobs of a layer that may be used, best first.
func (s *sender) candidates(diffID digest.Digest) []blob {
	list := s.ledger.read(diffID)
	if layer, err := s.src.raw.Layer(s.src.layers[diffID]); err == nil {
		b, ok := original(layer)
		if !ok {
			b, ok = s.fetchedInPart(layer)
		}
		if ok && !slices.ContainsFunc(list, func(have blob) bool { return have.Digest == b.Digest }) {
			list = append(list, b)
		}
	}
	for _, b := range s.cache.noted(diffID) {
		if !slices.ContainsFunc(list, func(have blob) bool { return have.Digest == b.Digest }) {
			list = append(list, b)
		}
	}
	for i := range list {
		s.annotate(&list[i])
	}
	list = slices.DeleteFunc(list, func(b blob) bool { return !s.fits(b) || s.o.keepManifest && s.names(b.Digest) == nil })
	for i := range list {
		// What another tool pulled under a name has been in that repository.
		if list[i].Level == nil {
			list[i].Places = append(list[i].Places, s.o.sourcePlaces...)
		}
	}
	slices.SortStableFunc(list, func(a, b blob) int { return cmp.Compare(s.rank(b), s.rank(a)) })
	return list[:min(len(list), reuseAttempts)]
}

// fits tells whether a blob is what the user asked for.
func (s *sender) fits(b blob) bool {
	want := s.o.Compression
	if want.Format != "" || want.Force {
		format := cmp.Or(want.Format, "gzip")
		if b.Format != format && (format != "zstd" || !strings.HasPrefix(b.Format, format)) {
			return false
		}
	} else if b.Format != "gzip" && !s.anyZstd {
		return false
	}
	return want.Level == nil || b.Level == nil || *want.Level == *b.Level
}

// rank is how likely it is that a blob is at hand.
func (s *sender) rank(b blob) int {
	switch {
	case s.names(b.Digest) != nil:
		return 3
	case slices.Contains(b.Places, s.place):
		return 2
	case slices.ContainsFunc(b.Places, func(p string) bool { return hostOf(p) == hostOf(s.place) }):
		return 1
	}
	return 0
}

// names is what the image's manifest says about a blob, nil if it names it not.
func (s *sender) names(d digest.Digest) *manifest.LayerInfo {
	for i := range s.own {
		if s.own[i].Digest == d {
			return &s.own[i]
		}
	}
	return nil
}

// annotate gives a blob that another tool made the annotations of the image's own
// manifest, which belong to this image and are not remembered for others.
func (s *sender) annotate(b *blob) {
	l := s.names(b.Digest)
	if l == nil || b.Level != nil || len(l.Annotations) == 0 {
		return
	}
	if d, err := toc.GetTOCDigest(l.Annotations); err == nil && d != nil && b.Format == compression.Zstd.Name() {
		b.Format = compression.ZstdChunked.Name()
	}
	b.Annotations = maps.Clone(l.Annotations)
}

// fetchedInPart is the blob of a layer of which only parts were fetched, found by
// their table of contents. It is as trustworthy as the manifest that names both,
// hence for that image only, and not under a signature of the user's.
func (s *sender) fetchedInPart(layer *storage.Layer) (blob, bool) {
	if layer.TOCDigest == "" || !s.o.Registry.Sign.IsZero() {
		return blob{}, false
	}
	for _, l := range s.own {
		if d, err := toc.GetTOCDigest(l.Annotations); err == nil && d != nil && *d == layer.TOCDigest {
			b := blob{Digest: l.Digest, Size: l.Size, Format: compression.Zstd.Name(), unread: true}
			return b, b.valid()
		}
	}
	return blob{}, false
}

func hostOf(place string) string {
	host, _, _ := strings.Cut(place, "/")
	return host
}

// placesOf are the repositories in the names of an image.
func placesOf(names []string) []string {
	var places []string
	for _, name := range names {
		if named, err := reference.ParseNormalizedNamed(name); err == nil && !slices.Contains(places, named.Name()) {
			places = append(places, named.Name())
		}
	}
	return places
}
