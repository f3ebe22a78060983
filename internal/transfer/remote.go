package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/pkg/compression"
	"go.podman.io/image/v5/types"
)

// Remote is an image that is not in the store, opened to be looked at.
type Remote struct {
	Name      string // what it is called where it is
	Manifest  []byte
	MediaType string // of the manifest
	Digest    digest.Digest
	List      []byte // the list that led to it, nil without one
	Config    []byte
	Layers    []RemoteLayer // the base first
	Warnings  []string

	src types.ImageSource
}

// RemoteLayer is a layer as it is kept where the image is.
type RemoteLayer struct {
	Digest    digest.Digest
	Size      int64 // of the blob; -1 when nobody says
	MediaType string
}

// IsRemote tells whether a text names an image that is not in the store: it has a
// transport, and it is not that of the store.
func IsRemote(name string) bool {
	t, _ := splitTransport(name)
	return t != nil && t.Name() != storeTransport
}

// OpenRemote reads what is small of an image that any transport can read. Nothing is
// put into the store, and no layer is read. Of a list it opens the image for the
// platform, unless there is none: then the list is all that is filled in. The caller
// closes it.
func (c *Client) OpenRemote(ctx context.Context, name string, r Registry, p Platform) (*Remote, error) {
	opened, err := c.openRemote(ctx, name, r, p)
	if err != nil {
		return nil, inOneLine(fmt.Errorf("inspecting %q: %w", name, err))
	}
	return opened, nil
}

func (c *Client) openRemote(ctx context.Context, name string, r Registry, p Platform) (*Remote, error) {
	t, rest := splitTransport(name)
	if t == nil {
		return nil, errors.New("it has no transport, such as docker:// or oci")
	}
	ref, err := c.parse(t, rest)
	if err != nil {
		return nil, err
	}
	sys, err := c.SystemContext(r, p)
	if err != nil {
		return nil, err
	}
	if sys, err = c.permit(sys, ref); err != nil {
		return nil, err
	}
	opened := &Remote{Name: name}
	if named := ref.DockerReference(); named != nil && t.Name() == registryTransport {
		opened.Name = named.String()
	}
	if err := c.retry(ctx, r, func() error { return opened.read(ctx, sys, ref) }); err != nil {
		return nil, c.atPlace(sys, ref, err)
	}
	if have, err := readPlatform(opened.Config); err == nil && p != (Platform{}) {
		opened.Warnings = p.mismatch(have)
	}
	return opened, nil
}

// read opens the image; a source that led to an error is closed.
func (r *Remote) read(ctx context.Context, sys *types.SystemContext, ref types.ImageReference) (err error) {
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return err
	}
	r.src = limitedSource{src}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	instance, err := r.choose(ctx, sys)
	if err != nil || r.List != nil && instance == nil {
		return err
	}
	img, err := image.FromUnparsedImage(ctx, sys, image.UnparsedInstance(r.src, instance))
	if err != nil {
		return err
	}
	if r.Manifest, r.MediaType, err = img.Manifest(ctx); err != nil {
		return err
	}
	if r.Digest, err = manifest.Digest(r.Manifest); err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	if r.Config, err = configOf(ctx, img); err != nil {
		return err
	}
	r.Layers = nil
	for _, l := range img.LayerInfos() {
		if err := checkDigest(l); err != nil {
			return err
		}
		r.Layers = append(r.Layers, RemoteLayer{Digest: l.Digest, Size: l.Size, MediaType: l.MediaType})
	}
	return nil
}

// choose finds the image of a list for the platform; nil when there is no list, or
// when the list has none.
func (r *Remote) choose(ctx context.Context, sys *types.SystemContext) (*digest.Digest, error) {
	data, mediaType, err := topManifest(ctx, r.src)
	if err != nil || !manifest.MIMETypeIsMultiImage(mediaType) {
		return nil, err
	}
	r.List = data
	list, err := manifest.ListFromBlob(data, mediaType)
	if err != nil {
		return nil, fmt.Errorf("reading the list of images: %w", err)
	}
	if instance, err := list.ChooseInstance(sys); err == nil {
		return &instance, nil
	}
	return nil, nil
}

// configOf is the configuration of an image. The manifests of before 2016 have it in
// themselves.
func configOf(ctx context.Context, img types.Image) ([]byte, error) {
	if img.ConfigInfo().Digest != "" {
		return img.ConfigBlob(ctx)
	}
	config, err := img.OCIConfig(ctx)
	if err != nil {
		return nil, err
	}
	config.RootFS.DiffIDs = nil // they are only known when the layers are
	return json.Marshal(config)
}

// HasImage tells whether there is an image for the platform.
func (r *Remote) HasImage() bool { return r.Manifest != nil }

// ReadLayer hands the tar of a layer to read, and checks the digest of the blob
// afterwards.
func (r *Remote) ReadLayer(ctx context.Context, i int, read func(io.Reader) error) error {
	if err := r.readLayer(ctx, r.Layers[i], read); err != nil {
		return inOneLine(fmt.Errorf("reading layer %q of %q: %w", r.Layers[i].Digest, r.Name, err))
	}
	return nil
}

func (r *Remote) readLayer(ctx context.Context, l RemoteLayer, read func(io.Reader) error) error {
	if strings.Contains(l.MediaType, "+encrypted") {
		return errors.New("it is encrypted: `buildah pull --decryption-key` can read it")
	}
	if err := l.Digest.Validate(); err != nil {
		return err
	}
	blob, _, err := r.src.GetBlob(ctx, types.BlobInfo{Digest: l.Digest, Size: l.Size}, none.NoCache)
	if err != nil {
		return err
	}
	defer blob.Close()
	sum := l.Digest.Verifier()
	checked := io.TeeReader(blob, sum)
	plain, _, err := compression.AutoDecompress(checked)
	if err != nil {
		return err
	}
	defer plain.Close()
	if err := read(plain); err != nil {
		return err
	}
	for _, rest := range []io.Reader{plain, checked} { // the digest is that of the whole blob
		// Only as a reader: pgzip panics when it is asked to write what it has read to the end.
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{rest}); err != nil {
			return err
		}
	}
	if !sum.Verified() {
		return errors.New("its content has another digest")
	}
	return nil
}

// Close ends the look at the image.
func (r *Remote) Close() error {
	if r.src == nil {
		return nil
	}
	src := r.src
	r.src = nil
	return src.Close()
}
