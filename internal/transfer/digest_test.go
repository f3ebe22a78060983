package transfer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// dirImage writes an image whose only layer has such a digest.
func dirImage(t *testing.T, layer digest.Digest) string {
	t.Helper()
	dir := t.TempDir()
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["` + digest.FromString("layer").String() + `"]}}`)
	m := imgspec.Manifest{
		MediaType: imgspec.MediaTypeImageManifest,
		Config:    imgspec.Descriptor{MediaType: imgspec.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))},
		Layers:    []imgspec.Descriptor{{MediaType: imgspec.MediaTypeImageLayerGzip, Digest: layer, Size: 5}},
	}
	m.SchemaVersion = 2
	data, err := json.Marshal(m)
	must(t, err)
	for name, content := range map[string][]byte{
		"manifest.json": data, m.Config.Digest.Encoded(): config, dirVersion: []byte(dirVersionLine + "1\n"),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return "dir:" + dir
}

// What a manifest calls a digest is neither shown as it is nor used as a name.
func TestForeignDigestsAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cached := f.open(t)
	cached.BlobCache = filepath.Join(f.dir, "blobs")
	must(t, os.Mkdir(cached.BlobCache, 0o700))
	victim := filepath.Join(f.dir, "victim")
	must(t, os.WriteFile(victim, nil, 0o600))
	for _, d := range []digest.Digest{"../victim", "none", "sha256:12", "\x1b[31mred"} {
		image := dirImage(t, d)
		for _, r := range []Registry{f.open(t), cached} {
			if _, err := f.Pull(t.Context(), image, PullOptions{Registry: r}); err == nil || !strings.Contains(err.Error(), "reading the manifest") {
				t.Errorf("pulling a layer %q: %v", d, err)
			}
		}
		if r, err := f.OpenRemote(t.Context(), image, f.open(t), Platform{}); err == nil || !strings.Contains(err.Error(), "reading the manifest") {
			t.Errorf("looking at a layer %q: %v, %v", d, r, err)
		}
	}
	if _, err := os.Stat(victim); err != nil {
		t.Error(err)
	}
	if strings.Contains(f.log.String(), "\x1b") {
		t.Errorf("it was shown: %q", f.log.String())
	}
}

// A configuration without a digest is no reason to panic.
func TestPeekAtForeignDigest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := imgspec.Manifest{MediaType: imgspec.MediaTypeImageManifest, Config: imgspec.Descriptor{MediaType: imgspec.MediaTypeImageConfig, Digest: "none", Size: 2}}
	m.SchemaVersion = 2
	data, err := json.Marshal(m)
	must(t, err)
	f.reg.PutManifest("bad", "latest", imgspec.MediaTypeImageManifest, data)
	o := PullOptions{Registry: f.open(t)}
	if p, ok := f.Peek(t.Context(), f.reg.Host+"/bad", o); ok {
		t.Errorf("it was read: %+v", p)
	}
	if p, err := f.Pull(t.Context(), f.reg.Host+"/bad", o); err == nil {
		t.Errorf("it was pulled: %+v", p)
	}
}
