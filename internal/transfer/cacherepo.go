package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/docker/distribution/registry/api/errcode"
	v2 "github.com/docker/distribution/registry/api/v2"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/types"

	"github.com/projectatomic/buildah/internal/compress"
)

var (
	// ErrNoArtifact is a tag that a place does not have.
	ErrNoArtifact = errors.New("there is no such artifact")
	// ErrBadArtifact is something under a tag that nobody can use.
	ErrBadArtifact = errors.New("it is no artifact of a build")
)

// CacheRepo is one place of artifacts: small things with a tag each, made of a text
// and of layers. It may be used by several goroutines.
type CacheRepo struct {
	c        *Client
	place    CachePlace
	registry Registry
	pack     Compression

	system func() (*types.SystemContext, error) // made once: it may ask the user for a password
}

// CacheRepo gives access to a place. Nothing is contacted yet. Compression is for
// places that say nothing of it.
func (c *Client) CacheRepo(place CachePlace, r Registry, pack Compression) *CacheRepo {
	if place.Insecure {
		r.TLSVerify = Off
	}
	own := place.Compression
	if own.Format == "" && own.Level == nil {
		pack.Force = pack.Force || own.Force
		own = pack
	}
	own.Disable = false
	// Only the stage of a build that asks for something is told of it: lines about
	// what is written meanwhile would be in the way.
	quiet := &Client{Store: c.Store, System: c.System, Budget: c.budget(), Prompt: c.Prompt}
	repo := &CacheRepo{c: quiet, place: place, registry: r, pack: own}
	repo.system = sync.OnceValues(func() (*types.SystemContext, error) { return quiet.pushContext(repo.options()) })
	return repo
}

// Check finds what is wrong about the options of the place.
func (r *CacheRepo) Check() error {
	o := r.options()
	if _, err := compressor(cmp.Or(r.pack.Format, string(compress.Gzip))); err != nil {
		return err
	}
	return o.check()
}

func (r *CacheRepo) options() PushOptions {
	return PushOptions{Registry: r.registry, Compression: r.pack}
}

// Place is where the artifacts are.
func (r *CacheRepo) Place() CachePlace { return r.place }

// Artifact is what lies under a tag.
type Artifact struct {
	Type    string // media type of it and of its text
	Text    []byte
	Layers  []ArtifactLayer
	Created time.Time // by second
}

// ArtifactLayer is a layer: one of the store that is to be written, or one that can
// be read.
type ArtifactLayer struct {
	ID     string        // in the store
	DiffID digest.Digest // of the uncompressed tar

	Digest    digest.Digest
	Size      int64
	MediaType string
}

// textLimit bounds the text of an artifact, in bytes.
const textLimit = 16 << 20

// reference is a tag in the words of the library.
func (r *CacheRepo) reference(tag string) (types.ImageReference, error) {
	switch r.place.Kind {
	case PlaceOCI:
		return layout.NewReference(r.place.Name, tag)
	case PlaceDir:
		ref, err := directory.NewReference(filepath.Join(r.place.Name, tag))
		return ref, missing(err) // it looks whether the directory around it is there
	}
	named, err := reference.WithName(r.place.Name)
	if err != nil {
		return nil, err
	}
	tagged, err := reference.WithTag(named, tag)
	if err != nil {
		return nil, err
	}
	return docker.NewReference(tagged)
}

// locate is a tag, and how to get there.
func (r *CacheRepo) locate(tag string) (types.ImageReference, *types.SystemContext, error) {
	ref, err := r.reference(tag)
	if err != nil {
		return nil, nil, err
	}
	sys, err := r.system()
	if err != nil {
		return nil, nil, err
	}
	sys, err = r.c.permit(sys, ref)
	return ref, sys, err
}

// open opens a tag for reading. The caller closes the source.
func (r *CacheRepo) open(ctx context.Context, tag string) (types.ImageSource, error) {
	ref, sys, err := r.locate(tag)
	if err != nil {
		return nil, err
	}
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return nil, missing(err)
	}
	if err := r.judge(ctx, sys, src); err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return src, nil
}

// judge applies the policy about images: what a build takes from here becomes a part
// of one.
func (r *CacheRepo) judge(ctx context.Context, sys *types.SystemContext, src types.ImageSource) error {
	policy, err := pullPolicy(sys)
	if err != nil {
		return err
	}
	defer func() { _ = policy.Destroy() }()
	_, err = policy.IsRunningImageAllowed(ctx, image.UnparsedInstance(src, nil))
	return missing(err)
}

// missing tells what is not there from what cannot be had.
func missing(err error) error {
	var (
		coded  errcode.ErrorCoder
		status docker.UnexpectedHTTPStatusError
		name   layout.ImageNotFoundError
	)
	switch {
	case errors.As(err, &coded) && (coded.ErrorCode() == v2.ErrorCodeManifestUnknown || coded.ErrorCode() == v2.ErrorCodeNameUnknown),
		errors.As(err, &status) && status.StatusCode == http.StatusNotFound,
		errors.As(err, &name), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrNoArtifact, err)
	}
	return err
}

// Get reads an artifact, without its layers. Whatever its type, it is one that Put
// could have written.
func (r *CacheRepo) Get(ctx context.Context, tag string) (a Artifact, err error) {
	err = r.c.retry(ctx, r.registry, func() error {
		a, err = r.get(ctx, tag)
		return err
	})
	return a, inOneLine(err)
}

func (r *CacheRepo) get(ctx context.Context, tag string) (Artifact, error) {
	src, err := r.open(ctx, tag)
	if err != nil {
		return Artifact{}, err
	}
	defer func() { _ = src.Close() }()
	data, _, err := src.GetManifest(ctx, nil)
	if err != nil {
		return Artifact{}, missing(err)
	}
	m, err := parseArtifact(data)
	if err != nil {
		return Artifact{}, fmt.Errorf("reading its manifest: %w: %w", ErrBadArtifact, err)
	}
	a := Artifact{Type: m.ArtifactType, Text: m.Config.Data}
	for _, l := range m.Layers {
		if l.MediaType != imgspec.MediaTypeEmptyJSON {
			a.Layers = append(a.Layers, ArtifactLayer{Digest: l.Digest, Size: l.Size, MediaType: l.MediaType})
		}
	}
	if len(a.Text) == 0 {
		a.Text, err = readBlob(ctx, src, m.Config)
	}
	if err == nil && digest.FromBytes(a.Text) != m.Config.Digest {
		err = fmt.Errorf("%w: its text is damaged", ErrBadArtifact)
	}
	a.Created, _ = time.Parse(time.RFC3339, m.Annotations[imgspec.AnnotationCreated]) // else it is very old
	return a, err
}

// readBlob reads a text that the manifest does not have in it.
func readBlob(ctx context.Context, src types.ImageSource, d imgspec.Descriptor) ([]byte, error) {
	blob, _, err := src.GetBlob(ctx, types.BlobInfo{Digest: d.Digest, Size: d.Size}, noBlobCache())
	if err != nil {
		return nil, fmt.Errorf("reading its text: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(blob, textLimit))
	return data, errors.Join(err, blob.Close())
}

// Layer opens a layer of an artifact as it lies there, compressed. The caller checks
// what it reads against the layer's digest, and closes it.
func (r *CacheRepo) Layer(ctx context.Context, tag string, l ArtifactLayer) (body io.ReadCloser, err error) {
	r.c.say(ctx, "Copying blob %s", l.Digest)
	err = r.c.retry(ctx, r.registry, func() error {
		src, err := r.open(ctx, tag)
		if err != nil {
			return err
		}
		blob, _, err := src.GetBlob(ctx, types.BlobInfo{Digest: l.Digest, Size: l.Size}, noBlobCache())
		if err != nil {
			return errors.Join(err, src.Close())
		}
		body = sourceBody{blob, src}
		return nil
	})
	return body, inOneLine(err)
}

// sourceBody is a blob whose source is closed with it.
type sourceBody struct {
	io.ReadCloser
	src types.ImageSource
}

func (b sourceBody) Close() error { return errors.Join(b.ReadCloser.Close(), b.src.Close()) }

// Remember notes that a layer of the store lies at the place, too.
func (r *CacheRepo) Remember(l ArtifactLayer) {
	b := blob{Digest: l.Digest, Size: l.Size, Format: string(compress.Gzip)}
	if l.MediaType == imgspec.MediaTypeImageLayerZstd {
		b.Format = string(compress.Zstd)
	}
	place := ""
	if r.place.Kind == PlaceRegistry {
		place = r.place.Name
	}
	newLedger(r.c.Store).note(l.DiffID, b, place)
}
