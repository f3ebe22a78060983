package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/compression"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"

	"github.com/projectatomic/buildah/internal/compress"
	"github.com/projectatomic/buildah/internal/suggest"
)

// PushOptions adjusts Push.
type PushOptions struct {
	Registry    Registry
	Format      string // oci, docker, v2s2 or v2s1; "" keeps the image's own, converted where the destination needs it
	Compression Compression
	Encryption  Encryption
	Timestamp   *time.Time // of the entries in an oci-archive
	List        ListPush   // of a list
	SourceName  string     // what a docker-archive without a name calls the image; "" means a name that the image has
	// FurtherNames are what a docker-archive calls the image, too.
	FurtherNames []string

	sourcePlaces []string // repositories that the image was in by its names
	keepManifest bool     // it is signed, so that nothing may change in it
}

// Compression is how layers are written.
type Compression struct {
	Format  string // gzip, zstd or zstd:chunked; "" leaves it to the destination
	Level   *int   // nil means the format's own
	Force   bool   // compress anew what is there in another format; implied by Format
	Disable bool   // leave layers uncompressed where the destination allows it
}

// Pushed is what a push wrote.
type Pushed struct {
	Manifest       []byte
	ManifestDigest digest.Digest
	Source         digest.Digest // of a list as it was in the store; "" when one image went
}

// Push writes an image of the store, found by ID or name, to any destination:
// a transport and its syntax, else a name at a registry.
func (c *Client) Push(ctx context.Context, image, dest string, o PushOptions) (Pushed, error) {
	p, err := c.push(ctx, image, dest, o)
	if err != nil {
		return Pushed{}, inOneLine(fmt.Errorf("pushing %q to %q: %w", image, dest, err))
	}
	return p, nil
}

func (c *Client) push(ctx context.Context, image, dest string, o PushOptions) (Pushed, error) {
	img, name, err := c.Lookup(image, LookupOptions{})
	if err != nil {
		return Pushed{}, err
	}
	if o.SourceName == "" {
		o.SourceName = name
	}
	o.sourcePlaces = placesOf(append(slices.Clone(img.Names), img.NamesHistory...))
	ref, err := c.pushReference(dest, o.SourceName)
	if err != nil {
		return Pushed{}, err
	}
	j, done, err := c.newPush(ctx, ref, o)
	if err != nil {
		return Pushed{}, err
	}
	defer done()
	if err := c.checkImage(img, o); err != nil {
		return Pushed{}, err
	}
	j.o.keepManifest = !o.Registry.RemoveSignatures && c.hasSignatures(img.ID)
	if j.src, err = c.StoreReference(ctx, img.ID, o.Registry.RemoveSignatures); err != nil {
		return Pushed{}, err
	}
	return j.run(ctx)
}

// newPush prepares everything but the source. The caller calls done.
func (c *Client) newPush(ctx context.Context, dest types.ImageReference, o PushOptions) (j *pushJob, done func(), err error) {
	sys, err := c.pushContext(o)
	if err != nil {
		return nil, nil, err
	}
	if sys, err = c.permit(sys, dest); err != nil {
		return nil, nil, err
	}
	opts, err := c.copyOptions(ctx, o, sys)
	if err != nil {
		return nil, nil, err
	}
	policy, err := pushPolicy(sys)
	if err != nil {
		return nil, nil, err
	}
	temp, remove, err := c.tempDir(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, policy.Destroy())
	}
	sys.BigFilesTemporaryDir = temp
	j = &pushJob{c: c, o: o, dest: dest, policy: policy, opts: opts}
	done = func() { remove(); _ = policy.Destroy() }
	if err := j.sign(); err != nil {
		done()
		return nil, nil, err
	}
	return j, done, nil
}

// run copies until it succeeds, or there is no use in trying again.
func (j *pushJob) run(ctx context.Context) (p Pushed, err error) {
	finish, err := j.stage(ctx)
	if err != nil {
		return Pushed{}, err
	}
	err = finish(j.c.retry(ctx, j.o.Registry, func() error {
		p.Manifest, err = j.copy(ctx)
		return loses(err)
	}))
	if err != nil {
		err = j.c.atDestination(j.opts.DestinationCtx, j.dest, err)
		return Pushed{}, j.c.explain(ctx, j.opts.DestinationCtx, j.dest, err)
	}
	if p.ManifestDigest, err = manifest.Digest(p.Manifest); err != nil {
		return Pushed{}, err
	}
	return p, j.c.atDestination(j.opts.DestinationCtx, j.dest, j.enterReferrers(ctx, p))
}

// pushJob is one call of Push.
type pushJob struct {
	c         *Client
	o         PushOptions
	src, dest types.ImageReference
	policy    *signature.PolicyContext
	opts      *copy.Options
}

// copy is one attempt. Layers that can be streamed go first, by way of the sender,
// over the connection that the copier then uses.
func (j *pushJob) copy(ctx context.Context) ([]byte, error) {
	dest, err := j.dest.NewImageDestination(ctx, j.opts.DestinationCtx)
	if err != nil {
		return nil, err
	}
	target := &openedDestination{ImageReference: j.dest, dest: dest}
	defer target.close()
	if err := j.checkDestination(ctx, dest); err != nil {
		return nil, err
	}
	if _, ok := j.src.(streamReference); !ok || len(j.o.Encryption.Keys) > 0 {
		return copy.Image(ctx, j.policy, target, j.src, j.opts)
	}
	src, err := j.src.NewImageSource(ctx, j.opts.SourceCtx)
	if err != nil {
		return nil, err
	}
	opened := &openedReference{ImageReference: j.src, src: src}
	defer opened.close()
	opts := *j.opts
	if stream, ok := src.(*streamSource); ok {
		stream.whole = !dest.AcceptsForeignLayerURLs() || j.o.Format == "v2s1"
		if err := j.sendFirst(ctx, stream, dest); err != nil {
			return nil, err
		}
		if len(stream.sent) > 0 {
			afterSending(&opts, stream, j.c.report(ctx))
		}
	}
	return copy.Image(ctx, j.policy, target, opened, &opts)
}

// sendFirst leaves the layers to the copier for the oldest format, and where the manifest
// may not be changed, and says what they are already.
func (j *pushJob) sendFirst(ctx context.Context, src *streamSource, dest types.ImageDestination) error {
	if j.o.Format == "v2s1" || j.o.keepManifest && src.asManifestSays(ctx) {
		return nil
	}
	return j.c.send(ctx, src, dest, j.o)
}

// noCacheDir can't be made, so that the library keeps what it knows of blobs in
// memory. It would write to a database, and sync it, for each blob it finds.
const noCacheDir = "/dev/null/none"

// afterSending adjusts the options for a copier that will find all layers.
func afterSending(o *copy.Options, src *streamSource, report io.Writer) {
	if report != nil {
		o.ReportWriter = &leaveOut{w: report, src: src}
	}
	sys := *o.DestinationCtx
	sys.BlobInfoCacheDir = noCacheDir
	o.DestinationCtx = &sys
}

// pushReference parses a destination. An archive for docker gets the image's name
// if it is given none, else nobody could load it by name.
func (c *Client) pushReference(dest, sourceName string) (types.ImageReference, error) {
	t, rest := splitTransport(dest)
	if t == nil {
		t, rest = docker.Transport, "//"+dest
	}
	if err := writable(t); err != nil {
		return nil, err
	}
	ref, err := c.parse(t, rest)
	if err != nil || t.Name() != archiveTransport || ref.DockerReference() != nil || strings.Contains(rest, ":") {
		return ref, err
	}
	named, err := reference.ParseNormalizedNamed(sourceName)
	if err != nil {
		return ref, nil //nolint:nilerr // without a usable name the archive stays without one
	}
	tagged, ok := reference.TagNameOnly(named).(reference.NamedTagged)
	if !ok {
		return ref, nil
	}
	return archive.NewReference(rest, tagged)
}

func (c *Client) pushContext(o PushOptions) (*types.SystemContext, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	sys, err := c.SystemContext(o.Registry, Platform{})
	if err != nil {
		return nil, err
	}
	if sys.DockerArchiveAdditionalTags, err = tagged(o.FurtherNames); err != nil {
		return nil, err
	}
	sys.CompressionLevel = o.Compression.Level
	sys.DirForceCompress = !o.Compression.Disable
	sys.OCIAcceptUncompressedLayers = o.Compression.Disable
	format := o.Compression.Format
	if format == "" && o.Compression.Force {
		format = "gzip"
	}
	if format == "" {
		return sys, nil
	}
	algorithm, err := compressor(format)
	if err != nil {
		return nil, err
	}
	sys.CompressionFormat = &algorithm
	return sys, nil
}

// tagged parses names that have a tag, or get the usual one.
func tagged(names []string) (list []reference.NamedTagged, err error) {
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return nil, fmt.Errorf("naming the image %q: %w", name, err)
		}
		if named, ok := reference.TagNameOnly(named).(reference.NamedTagged); ok {
			list = append(list, named)
		}
	}
	return list, nil
}

// compressor finds a format that can be written.
func compressor(format string) (compression.Algorithm, error) {
	const use = "use gzip, zstd or zstd:chunked"
	algorithm, err := compression.AlgorithmByName(format)
	switch {
	case format == "estargz" || format == "bzip2" || format == "xz":
		return algorithm, fmt.Errorf("compression format %q can be read but not written: %s", format, use)
	case err != nil:
		return algorithm, fmt.Errorf("unknown compression format %q%s: %s", format, suggest.Instead(format, "gzip", "zstd", "zstd:chunked"), use)
	}
	return algorithm, nil
}

// check refuses what the formats can't do.
func (o *PushOptions) check() error {
	level := compress.Gzip
	if strings.HasPrefix(o.Compression.Format, "zstd") {
		level = compress.Zstd
	}
	if l := o.Compression.Level; l != nil {
		if err := compress.CheckLevel(level, *l); err != nil {
			return err
		}
	}
	mediaType, err := manifestType(o.Format)
	switch {
	case err != nil || mediaType == "" || mediaType == imgspec.MediaTypeImageManifest:
	case level == compress.Zstd:
		err = fmt.Errorf("images in the format %q have no layers in %s: use --format oci", o.Format, o.Compression.Format)
	case len(o.Encryption.Keys) > 0:
		err = fmt.Errorf("images in the format %q cannot be encrypted: use --format oci", o.Format)
	}
	return err
}

func (c *Client) copyOptions(ctx context.Context, o PushOptions, sys *types.SystemContext) (*copy.Options, error) {
	mediaType, err := manifestType(o.Format)
	if err != nil {
		return nil, err
	}
	encrypt, layers, err := o.Encryption.config()
	if err != nil {
		return nil, err
	}
	return &copy.Options{
		RemoveSignatures:       o.Registry.RemoveSignatures,
		ReportWriter:           c.report(ctx),
		SourceCtx:              sys,
		DestinationCtx:         sys,
		ForceManifestMIMEType:  mediaType,
		ForceCompressionFormat: sys.CompressionFormat != nil,
		OciEncryptConfig:       encrypt,
		OciEncryptLayers:       layers,
		DestinationTimestamp:   o.Timestamp,
		MaxParallelDownloads:   uint(max(c.System.ParallelCopies, 0)),
	}, nil
}

// manifestType is the media type of a format's name.
func manifestType(format string) (string, error) {
	switch format {
	case "":
		return "", nil
	case "oci":
		return imgspec.MediaTypeImageManifest, nil
	case "docker", "v2s2":
		return manifest.DockerV2Schema2MediaType, nil
	case "v2s1":
		return manifest.DockerV2Schema1SignedMediaType, nil
	}
	return "", fmt.Errorf("unknown format %q: use oci, docker, v2s2 or v2s1", format)
}
