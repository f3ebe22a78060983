package transfer

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/storage"

	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/testenv"
)

// list writes a list record, as `manifest create` does: without layers.
func list(t *testing.T, f *fixture, name string, members ...imgspec.Descriptor) string {
	t.Helper()
	data, err := json.Marshal(imgspec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageIndex, Manifests: members,
	})
	must(t, err)
	img, err := f.Store.Raw().CreateImage("", []string{name}, "", "", &storage.ImageOptions{
		BigData: []storage.ImageBigDataOption{{Key: "manifest", Data: data, Digest: digest.FromBytes(data)}},
	})
	must(t, err)
	return img.ID
}

func TestLookupList(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := testenv.BaseImage(t, f.Store, "", testenv.Files{"f": "1"})
	data, mediaType, d, err := f.Store.Manifest(id)
	must(t, err)
	member := imgspec.Descriptor{
		MediaType: mediaType, Digest: d, Size: int64(len(data)),
		Platform: &imgspec.Platform{OS: "linux", Architecture: runtime.GOARCH},
	}
	absent := member
	absent.Digest = digest.FromString("absent")
	absent.Platform = &imgspec.Platform{OS: "linux", Architecture: "s390x"}
	listID := list(t, f, "localhost/list:latest", absent, member)
	list(t, f, "localhost/empty:latest", absent)

	img, matched, err := f.Lookup("list", LookupOptions{})
	if err != nil || img.ID != id || matched != "localhost/list:latest" {
		t.Errorf("the member for this machine: %q, %q, %v", img.ID, matched, err)
	}
	img, _, err = f.Lookup("list", LookupOptions{Lists: true})
	if err != nil || img.ID != listID {
		t.Errorf("the list itself: %q, %v", img.ID, err)
	}
	for name, platform := range map[string]Platform{"list": {OS: "linux", Arch: "s390x"}, "empty": {}} {
		if _, _, err := f.Lookup(name, LookupOptions{Platform: platform}); !errors.Is(err, store.ErrImageUnknown) {
			t.Errorf("%s for %q: %v", name, platform, err)
		}
	}
}

func TestDockerArchiveWithSeveralImages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	file := filepath.Join(t.TempDir(), "several.tar")
	sys, err := f.SystemContext(f.open(t), Platform{})
	must(t, err)
	policy, err := pushPolicy(sys)
	must(t, err)
	w, err := archive.NewWriter(sys, file)
	must(t, err)
	for _, name := range []string{"docker.io/library/one:1", "docker.io/library/two:2"} {
		id := testenv.BaseImage(t, f.Store, "", testenv.Files{"f": name})
		src, err := f.StoreReference(t.Context(), id, true)
		must(t, err)
		named, err := reference.ParseNormalizedNamed(name)
		must(t, err)
		dest, err := w.NewReference(named.(reference.NamedTagged))
		must(t, err)
		_, err = copy.Image(t.Context(), policy, dest, src, &copy.Options{DestinationCtx: sys})
		must(t, err)
	}
	must(t, w.Close())

	for image, want := range map[string][]string{
		"docker-archive:" + file:            {"docker.io/library/one:1", "docker.io/library/two:2"},
		"docker-archive:" + file + ":two:2": {"docker.io/library/two:2"},
		"docker-archive:" + file + ":@0":    {"docker.io/library/one:1"},
	} {
		second := f.client(t, testenv.Store(t, "vfs"))
		p, err := second.Pull(t.Context(), image, PullOptions{Registry: f.open(t)})
		must(t, err)
		var names []string
		images, err := second.Store.Images()
		must(t, err)
		for _, img := range images {
			names = append(names, img.Names...)
		}
		if p.Name != want[0] {
			t.Errorf("%s: the first image is %q, want %q", image, p.Name, want[0])
		}
		if diff := cmp.Diff(len(want), len(names)); diff != "" {
			t.Errorf("%s: names %q", image, names)
		}
	}
}

func TestSigned(t *testing.T) {
	t.Parallel()
	for metadata, want := range map[string]bool{
		"": false, "{}": false, `{"signature-sizes":[]}`: false, `{"signature-sizes":[12]}`: true,
		`{"signatures-sizes":{"sha256:x":[1]}}`: true, "broken": true,
	} {
		if got := signatureCount(metadata) > 0; got != want {
			t.Errorf("signed(%q) = %v", metadata, got)
		}
	}
}
