package transfer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/testenv"
)

func TestCompressionFormats(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := twoLayers(t, f.Client)
	one, nine := 1, 9
	for i, c := range []Compression{
		{},
		{Format: "gzip", Level: &one},
		{Format: "gzip", Level: &nine, Force: true},
		{Format: "zstd"},
		{Format: "zstd", Level: &nine},
		{Format: "zstd:chunked"},
	} {
		repo := fmt.Sprintf("r%d", i)
		dest := f.reg.Host + "/" + repo + ":1"
		_, err := f.Push(t.Context(), id, dest, PushOptions{Registry: f.open(t), Compression: c})
		must(t, err)
		layers := layersOf(t, f.reg, repo, "1")
		for _, l := range layers {
			wanted := imgspec.MediaTypeImageLayerGzip
			if strings.HasPrefix(c.Format, "zstd") {
				wanted = imgspec.MediaTypeImageLayerZstd
			}
			if l.MediaType != wanted {
				t.Errorf("%v: a layer is %q", c, l.MediaType)
			}
			if chunked := len(l.Annotations) > 0; chunked != (c.Format == "zstd:chunked") {
				t.Errorf("%v: annotations %v", c, l.Annotations)
			}
		}
		p, err := f.client(t, testenv.Store(t, "vfs")).Pull(t.Context(), dest, PullOptions{Registry: f.open(t)})
		must(t, err)
		if p.ID != id {
			t.Errorf("%v: it came back as %q", c, p.ID)
		}
		f.reg.ResetRequests()
		_, err = f.Push(t.Context(), id, dest, PushOptions{Registry: f.open(t), Compression: c})
		must(t, err)
		if n := uploads(f.reg); n != 0 {
			t.Errorf("%v: pushed again with %d uploads", c, n)
		}
		if diff := cmp.Diff(layers, layersOf(t, f.reg, repo, "1")); diff != "" {
			t.Errorf("%v: pushed again:\n%s", c, diff)
		}
	}
}

func TestForceCompression(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := twoLayers(t, f.Client)
	dest := f.reg.Host + "/app:1"
	push := func(c Compression) string {
		t.Helper()
		_, err := f.Push(t.Context(), id, dest, PushOptions{Registry: f.open(t), Compression: c})
		must(t, err)
		return layersOf(t, f.reg, "app", "1")[0].MediaType
	}
	for _, tc := range []struct {
		c    Compression
		want string
	}{
		{Compression{Format: "zstd"}, imgspec.MediaTypeImageLayerZstd},
		{Compression{}, imgspec.MediaTypeImageLayerZstd}, // what is there will do
		{Compression{Force: true}, imgspec.MediaTypeImageLayerGzip},
		{Compression{Format: "gzip"}, imgspec.MediaTypeImageLayerGzip},
	} {
		if got := push(tc.c); got != tc.want {
			t.Errorf("%+v: layers are %q, want %q", tc.c, got, tc.want)
		}
	}
	// A manifest of docker can't name what is there.
	_, err := f.Push(t.Context(), id, f.reg.Host+"/fresh:1", PushOptions{Registry: f.open(t), Compression: Compression{Format: "zstd"}})
	must(t, err)
	_, err = f.Push(t.Context(), id, f.reg.Host+"/fresh:2", PushOptions{Registry: f.open(t), Format: "docker"})
	must(t, err)
	if got := layersOf(t, f.reg, "fresh", "2")[0].MediaType; got != "application/vnd.docker.image.rootfs.diff.tar.gzip" {
		t.Errorf("as docker: %q", got)
	}
	// An image of docker that is compressed by zstd becomes one of OCI.
	p, err := f.client(t, testenv.Store(t, "vfs")).Pull(t.Context(), f.reg.Host+"/fresh:2", PullOptions{Registry: f.open(t)})
	must(t, err)
	_ = p
}

func TestDockerImageWithZstd(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := twoLayers(t, f.Client)
	_, err := f.Push(t.Context(), id, f.reg.Host+"/app:docker", PushOptions{Registry: f.open(t), Format: "docker"})
	must(t, err)
	second := f.client(t, testenv.Store(t, "vfs"))
	p, err := second.Pull(t.Context(), f.reg.Host+"/app:docker", PullOptions{Registry: f.open(t)})
	must(t, err)
	for range 2 {
		_, err = second.Push(t.Context(), p.ID, f.reg.Host+"/app:zstd", PushOptions{Registry: f.open(t), Compression: Compression{Format: "zstd"}})
		must(t, err)
		if got := layersOf(t, f.reg, "app", "zstd")[0].MediaType; got != imgspec.MediaTypeImageLayerZstd {
			t.Errorf("layers are %q", got)
		}
	}
}

func TestCompressionRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := testenv.BaseImage(t, f.Store, "", testenv.Files{"f": "1"})
	ten, zero := 10, 0
	for _, tc := range []struct {
		o    PushOptions
		want string
	}{
		{PushOptions{Compression: Compression{Format: "estargz"}}, "can be read but not written"},
		{PushOptions{Compression: Compression{Level: &ten}}, "levels 0 to 9"},
		{PushOptions{Compression: Compression{Format: "zstd", Level: &zero}}, "levels 1 to 22"},
		{PushOptions{Format: "docker", Compression: Compression{Format: "zstd:chunked"}}, "--format oci"},
	} {
		_, err := f.Push(t.Context(), id, f.reg.Host+"/app:1", tc.o)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
	if n := len(f.reg.Requests()); n != 0 {
		t.Errorf("the registry was asked %d times", n)
	}
}
