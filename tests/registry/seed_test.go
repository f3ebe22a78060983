package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// seeded is the image that both registries have as base:latest, and base:list, a
// list with that image.
type seeded struct {
	small, large, config, manifest, list digest.Digest
	manifestBody                         []byte
}

// largeLayer is more than the library resumes within one request, in bytes.
const largeLayer = 3 << 20

func seed() (s seeded, err error) {
	// Of a fixed beginning, so that a failure can be repeated.
	noise := make([]byte, largeLayer)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise)
	if err := seedOther(); err != nil {
		return s, err
	}
	small, smallID := layer("etc/x", []byte("content\n"))
	large, largeID := layer("noise", noise)
	config := encode(imgspec.Image{
		Platform: imgspec.Platform{OS: "linux", Architecture: runtime.GOARCH},
		Config:   imgspec.ImageConfig{Labels: map[string]string{"who": "seed"}},
		RootFS:   imgspec.RootFS{Type: "layers", DiffIDs: []digest.Digest{smallID, largeID}},
		History:  []imgspec.History{{CreatedBy: "small"}, {CreatedBy: "large"}},
	})
	s.manifestBody = encode(imgspec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageManifest,
		Config: describe(imgspec.MediaTypeImageConfig, config),
		Layers: []imgspec.Descriptor{describe(imgspec.MediaTypeImageLayerGzip, small), describe(imgspec.MediaTypeImageLayerGzip, large)},
	})
	member := describe(imgspec.MediaTypeImageManifest, s.manifestBody)
	member.Platform = &imgspec.Platform{OS: "linux", Architecture: runtime.GOARCH}
	list := encode(imgspec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageIndex, Manifests: []imgspec.Descriptor{member},
	})
	for _, to := range []*server{shared.open, shared.locked} {
		for _, blob := range [][]byte{small, large, config} {
			if err := to.putBlob(blob); err != nil {
				return s, err
			}
		}
		if err := to.putManifest("latest", imgspec.MediaTypeImageManifest, s.manifestBody); err != nil {
			return s, err
		}
		if err := to.putManifest("list", imgspec.MediaTypeImageIndex, list); err != nil {
			return s, err
		}
	}
	s.small, s.large, s.config = digest.FromBytes(small), digest.FromBytes(large), digest.FromBytes(config)
	s.manifest, s.list = member.Digest, digest.FromBytes(list)
	return s, nil
}

// seedOther makes base:other, which has nothing in common with the others.
func seedOther() error {
	packed, diffID := layer("other", []byte("other\n"))
	config := encode(imgspec.Image{
		Platform: imgspec.Platform{OS: "linux", Architecture: runtime.GOARCH},
		RootFS:   imgspec.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}},
	})
	for _, blob := range [][]byte{packed, config} {
		if err := shared.open.putBlob(blob); err != nil {
			return err
		}
	}
	return shared.open.putManifest("other", imgspec.MediaTypeImageManifest, encode(imgspec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageManifest,
		Config: describe(imgspec.MediaTypeImageConfig, config),
		Layers: []imgspec.Descriptor{describe(imgspec.MediaTypeImageLayerGzip, packed)},
	}))
}

// layer makes a compressed layer with one file.
func layer(name string, content []byte) (packed []byte, diffID digest.Digest) {
	var plain, buf bytes.Buffer
	t := tar.NewWriter(&plain)
	_ = t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))})
	_, _ = t.Write(content)
	_ = t.Close()
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(plain.Bytes())
	_ = z.Close()
	return buf.Bytes(), digest.FromBytes(plain.Bytes())
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

func describe(mediaType string, data []byte) imgspec.Descriptor {
	return imgspec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

func (s *server) putBlob(data []byte) error {
	to, err := s.do(http.MethodPost, s.url+"/v2/base/blobs/uploads/", "", nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	if strings.HasPrefix(to, "/") {
		to = s.url + to
	}
	_, err = s.do(http.MethodPut, to+"&digest="+digest.FromBytes(data).String(), "application/octet-stream", data, http.StatusCreated)
	return err
}

func (s *server) putManifest(tag, mediaType string, data []byte) error {
	_, err := s.do(http.MethodPut, s.url+"/v2/base/manifests/"+tag, mediaType, data, http.StatusCreated)
	return err
}

// do is a request of the tests themselves; it gives the place that the answer names.
func (s *server) do(method, url, mediaType string, body []byte, want int) (location string, err error) {
	q, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	q.Header.Set("Content-Type", mediaType)
	q.SetBasicAuth("user", "secret")
	r, err := client.Do(q)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != want {
		err = fmt.Errorf("%s %s: %s: %s", method, url, r.Status, text)
	}
	return r.Header.Get("Location"), err
}
