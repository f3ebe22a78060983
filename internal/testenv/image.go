package testenv

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/store"
)

// Edit changes the configuration of an image before it is written.
type Edit = func(*imgspec.Image)

// parts are the blobs of an image with one layer.
type parts struct {
	diffID                  digest.Digest
	layer, config, manifest []byte
}

// build makes the blobs of an image; a compressed layer is what a registry holds.
func build(t testing.TB, files Files, compress bool, edits []Edit) parts {
	t.Helper()
	layer := Tar(t, files)
	p := parts{diffID: digest.FromBytes(layer), layer: layer}
	mediaType := imgspec.MediaTypeImageLayer
	if compress {
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		_, _ = w.Write(layer)
		if err := w.Close(); err != nil {
			t.Fatalf("compressing a layer: %v", err)
		}
		p.layer, mediaType = buf.Bytes(), imgspec.MediaTypeImageLayerGzip
	}
	created := epoch()
	img := imgspec.Image{
		Created:  &created,
		Platform: imgspec.Platform{OS: "linux", Architecture: runtime.GOARCH},
		RootFS:   imgspec.RootFS{Type: "layers", DiffIDs: []digest.Digest{p.diffID}},
		History:  []imgspec.History{{Created: &created, CreatedBy: "testenv"}},
	}
	for _, edit := range edits {
		edit(&img)
	}
	p.config = encode(t, img)
	p.manifest = encode(t, imgspec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: imgspec.MediaTypeImageManifest,
		Config:    descriptor(imgspec.MediaTypeImageConfig, p.config),
		Layers:    []imgspec.Descriptor{descriptor(mediaType, p.layer)},
	})
	return p
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encoding %T: %v", v, err)
	}
	return data
}

func descriptor(mediaType string, data []byte) imgspec.Descriptor {
	return imgspec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

// BaseImage writes an image with one layer straight into a store and returns its
// ID. The tag "latest" is understood; without a name it stays untagged.
func BaseImage(t testing.TB, s *store.Store, name string, files Files, edits ...Edit) string {
	t.Helper()
	p := build(t, files, false, edits)
	id := p.diffID.Encoded()
	if !s.Raw().Exists(id) {
		if _, _, err := s.Raw().PutLayer(id, "", nil, "", false, nil, bytes.NewReader(p.layer)); err != nil {
			t.Fatalf("writing the layer of a base image: %v", err)
		}
	}
	img := store.NewImage{Config: p.config, Manifest: p.manifest, TopLayer: id, Created: epoch()}
	if name != "" {
		full, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			t.Fatalf("naming a base image: %v", err)
		}
		img.Names = []string{reference.TagNameOnly(full).String()}
	}
	image, err := s.CreateImage(img)
	if err != nil {
		t.Fatalf("writing a base image: %v", err)
	}
	return image
}

// LayeredImage is BaseImage with several layers, the first one first.
func LayeredImage(t testing.TB, s *store.Store, name string, layers ...Files) string {
	t.Helper()
	var diffIDs []digest.Digest
	var descriptors []imgspec.Descriptor
	top := ""
	for _, files := range layers {
		tar := Tar(t, files)
		layer, _, err := s.Raw().PutLayer("", top, nil, "", false, nil, bytes.NewReader(tar))
		if err != nil {
			t.Fatalf("writing a layer: %v", err)
		}
		top = layer.ID
		d := descriptor(imgspec.MediaTypeImageLayer, tar)
		diffIDs, descriptors = append(diffIDs, d.Digest), append(descriptors, d)
	}
	p := build(t, nil, false, []Edit{func(img *imgspec.Image) { img.RootFS.DiffIDs = diffIDs }})
	m := encode(t, imgspec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageManifest,
		Config: descriptor(imgspec.MediaTypeImageConfig, p.config), Layers: descriptors,
	})
	id, err := s.CreateImage(store.NewImage{Config: p.config, Manifest: m, TopLayer: top, Names: []string{name}, Created: epoch()})
	if err != nil {
		t.Fatalf("writing an image: %v", err)
	}
	return id
}

// AddImage puts an image with one compressed layer into the registry.
func (r *Registry) AddImage(t testing.TB, repo, tag string, files Files, edits ...Edit) digest.Digest {
	t.Helper()
	p := build(t, files, true, edits)
	r.PutBlob(repo, p.layer)
	r.PutBlob(repo, p.config)
	return r.PutManifest(repo, tag, imgspec.MediaTypeImageManifest, p.manifest)
}

// AddIndex puts an index of images that are in the repository already.
func (r *Registry) AddIndex(t testing.TB, repo, tag string, members map[digest.Digest]imgspec.Platform) digest.Digest {
	t.Helper()
	index := imgspec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageIndex}
	for d, platform := range members {
		body, mediaType, ok := r.Manifest(repo, d.String())
		if !ok {
			t.Fatalf("no manifest %q in repository %q", d, repo)
		}
		m := descriptor(mediaType, body)
		m.Platform = &platform
		index.Manifests = append(index.Manifests, m)
	}
	return r.PutManifest(repo, tag, imgspec.MediaTypeImageIndex, encode(t, index))
}

// OCILayout writes an image with one compressed layer as an OCI layout and
// returns its directory. ref is the image's name in the layout, "" for none.
func OCILayout(t testing.TB, ref string, files Files, edits ...Edit) string {
	t.Helper()
	p := build(t, files, true, edits)
	dir := t.TempDir()
	m := descriptor(imgspec.MediaTypeImageManifest, p.manifest)
	if ref != "" {
		m.Annotations = map[string]string{imgspec.AnnotationRefName: ref}
	}
	index := imgspec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageIndex, Manifests: []imgspec.Descriptor{m},
	}
	contents := map[string][]byte{
		imgspec.ImageLayoutFile: encode(t, imgspec.ImageLayout{Version: imgspec.ImageLayoutVersion}),
		imgspec.ImageIndexFile:  encode(t, index),
	}
	for _, blob := range [][]byte{p.layer, p.config, p.manifest} {
		contents["blobs/sha256/"+digest.FromBytes(blob).Encoded()] = blob
	}
	for name, data := range contents {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatalf("writing an OCI layout: %v", err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatalf("writing an OCI layout: %v", err)
		}
	}
	return dir
}
