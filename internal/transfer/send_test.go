package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/testenv"
)

// layersOf are the layers that a manifest at the registry names.
func layersOf(t *testing.T, reg *testenv.Registry, repo, tag string) []imgspec.Descriptor {
	t.Helper()
	body, _, ok := reg.Manifest(repo, tag)
	if !ok {
		t.Fatalf("no %s:%s at the registry", repo, tag)
	}
	var m imgspec.Manifest
	must(t, json.Unmarshal(body, &m))
	return m.Layers
}

func digestsOf(list []imgspec.Descriptor) []digest.Digest {
	var digests []digest.Digest
	for _, d := range list {
		digests = append(digests, d.Digest)
	}
	return digests
}

// uploads counts the requests that bring layer data.
func uploads(reg *testenv.Registry) int { return reg.Count(http.MethodPatch, "/blobs/uploads/") }

// twoLayers is an image of two layers that can be compressed.
func twoLayers(t *testing.T, c *Client) string {
	t.Helper()
	return testenv.LayeredImage(t, c.Store, "localhost/app:latest",
		testenv.Files{"a": strings.Repeat("first ", 50000)}, testenv.Files{"b/c": strings.Repeat("second ", 50000), "l": "-> a"})
}

// hideLayers takes the data of all layers away: whoever reads any of it fails.
func hideLayers(t *testing.T, c *Client) {
	t.Helper()
	lists, err := filepath.Glob(filepath.Join(c.Store.GraphRoot(), "*-layers", "*.tar-split.gz"))
	must(t, err)
	if len(lists) == 0 {
		t.Fatal("the store has no layers")
	}
	for _, list := range lists {
		must(t, os.WriteFile(list, []byte("not readable"), 0o600))
	}
	trees, err := filepath.Glob(filepath.Join(c.Store.GraphRoot(), "vfs", "dir", "*"))
	must(t, err)
	for _, tree := range trees {
		must(t, os.RemoveAll(tree))
		must(t, os.Mkdir(tree, 0o755))
	}
}

func TestSecondPushReadsNoLayer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, repo    string
		heads, mounts int // requests for each layer
	}{
		{"the same repository", "team/app", 2, 0},       // ours and the copier's
		{"another of the registry", "other/copy", 4, 1}, // not here, but there; the copier's
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			id := twoLayers(t, f.Client)
			_, err := f.Push(t.Context(), id, f.reg.Host+"/team/app:1", PushOptions{Registry: f.open(t)})
			must(t, err)
			first := layersOf(t, f.reg, "team/app", "1")
			hideLayers(t, f.Client)
			f.reg.ResetRequests()
			// Another home directory and another directory for temporary files.
			again := f.client(t, f.Store)
			again.System.BlobInfoCacheDir = t.TempDir()
			_, err = again.Push(t.Context(), id, f.reg.Host+"/"+tc.repo+":2", PushOptions{Registry: f.open(t)})
			must(t, err)
			if diff := cmp.Diff(first, layersOf(t, f.reg, tc.repo, "2")); diff != "" {
				t.Errorf("other layers (-first +second):\n%s", diff)
			}
			for _, layer := range first {
				if n := f.reg.Count(http.MethodHead, layer.Digest.String()); n > tc.heads {
					t.Errorf("layer %s was asked for %d times", layer.Digest, n)
				}
			}
			// The configuration is a blob as well: in another repository it is uploaded.
			if posts := f.reg.Count(http.MethodPost, "/blobs/uploads/"); posts > tc.mounts*(len(first)+1) {
				t.Errorf("%d uploads or mounts", posts)
			}
			if n := uploads(f.reg); n > tc.mounts {
				t.Errorf("%d uploads of data", n)
			}
		})
	}
}

func TestPulledLayersKeepTheirBlobs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "base", "latest", testenv.Files{"f": strings.Repeat("content ", 5000)})
	want := layersOf(t, f.reg, "base", "latest")
	p, err := f.Pull(t.Context(), f.reg.Host+"/base", PullOptions{Registry: f.open(t)})
	must(t, err)
	hideLayers(t, f.Client)
	again := f.client(t, f.Store)
	again.System.BlobInfoCacheDir = t.TempDir()
	for _, dest := range []string{"copy:1", "base:2"} {
		_, err = again.Push(t.Context(), p.ID, f.reg.Host+"/"+dest, PushOptions{Registry: f.open(t)})
		must(t, err)
		repo, tag, _ := strings.Cut(dest, ":")
		if diff := cmp.Diff(want, layersOf(t, f.reg, repo, tag)); diff != "" {
			t.Errorf("%s has other layers:\n%s", dest, diff)
		}
	}
	// Nothing had to be changed, so that even the digest can be said before.
	_, err = again.Push(t.Context(), p.ID, f.reg.Host+"/base@"+p.ManifestDigest.String(), PushOptions{Registry: f.open(t)})
	must(t, err)
}

func TestPulledLayersAtAnotherRegistry(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "base", "latest", testenv.Files{"f": strings.Repeat("content ", 5000)})
	p, err := f.Pull(t.Context(), f.reg.Host+"/base", PullOptions{Registry: f.open(t)})
	must(t, err)
	elsewhere := testenv.NewRegistry(t)
	_, err = f.Push(t.Context(), p.ID, elsewhere.Host+"/copy:1", PushOptions{Registry: f.open(t)})
	must(t, err)
	back, err := f.client(t, testenv.Store(t, "vfs")).Pull(t.Context(), elsewhere.Host+"/copy:1", PullOptions{Registry: f.open(t)})
	must(t, err)
	if back.ID != p.ID {
		t.Errorf("the image came back as %q, was %q", back.ID, p.ID)
	}
	// The original stays what is used where it came from.
	_, err = f.Push(t.Context(), p.ID, f.reg.Host+"/third:1", PushOptions{Registry: f.open(t)})
	must(t, err)
	if diff := cmp.Diff(layersOf(t, f.reg, "base", "latest"), layersOf(t, f.reg, "third", "1")); diff != "" {
		t.Error(diff)
	}
}

func TestFailedPushGoesOn(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]testenv.Fault{
		"server error":     {Method: http.MethodPatch, Path: "/blobs/uploads/", Times: 1, Status: http.StatusServiceUnavailable},
		"connection cut":   {Method: http.MethodPatch, Path: "/blobs/uploads/", Times: 1, Drop: true},
		"no upload begins": {Method: http.MethodPost, Path: "/blobs/uploads/", Times: 1, Status: http.StatusBadGateway},
		"not completed":    {Method: http.MethodPut, Path: "/blobs/uploads/", Times: 1, Status: http.StatusServiceUnavailable},
		"manifest refused": {Method: http.MethodPut, Path: "/manifests/", Times: 1, Status: http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.System.ParallelCopies = 1 // so that one layer is through when the other one fails
			id := twoLayers(t, f.Client)
			o := f.open(t)
			o.Retries = 2
			f.reg.Break(fault)
			p, err := f.Push(t.Context(), id, f.reg.Host+"/app:1", PushOptions{Registry: o})
			must(t, err)
			body, _, _ := f.reg.Manifest("app", "1")
			if digest.FromBytes(body) != p.ManifestDigest {
				t.Errorf("the registry has another manifest:\n%s", body)
			}
			for _, l := range layersOf(t, f.reg, "app", "1") {
				if data := f.reg.Blob("app", l.Digest); int64(len(data)) != l.Size || digest.FromBytes(data) != l.Digest {
					t.Errorf("layer %s is damaged", l.Digest)
				}
			}
		})
	}
}

func TestVanishedBlobIsSentAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := twoLayers(t, f.Client)
	dest := f.reg.Host + "/app:1"
	_, err := f.Push(t.Context(), id, dest, PushOptions{Registry: f.open(t)})
	must(t, err)
	layers := layersOf(t, f.reg, "app", "1")
	f.reg.DropBlob("app", layers[0].Digest)
	f.reg.ResetRequests()
	_, err = f.Push(t.Context(), id, dest, PushOptions{Registry: f.open(t)})
	must(t, err)
	if n := uploads(f.reg); n != 1 {
		t.Errorf("%d uploads, want 1", n)
	}
	if diff := cmp.Diff(digestsOf(layers), digestsOf(layersOf(t, f.reg, "app", "1"))); diff != "" {
		t.Errorf("the same layer was compressed into other bytes:\n%s", diff)
	}
	if f.reg.Blob("app", layers[0].Digest) == nil {
		t.Error("the layer is still missing")
	}
}

func TestChangedLayerIsNotPushed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": "original"})
	img, err := f.Store.Image(id)
	must(t, err)
	file := filepath.Join(f.Store.GraphRoot(), "vfs", "dir", img.TopLayer, "f")
	for _, content := range []string{"0riginal", "short"} {
		must(t, os.WriteFile(file, []byte(content), 0o644))
		_, err := f.Push(t.Context(), id, f.reg.Host+"/app:1", PushOptions{Registry: f.open(t)})
		if err == nil || !strings.Contains(err.Error(), "layer") {
			t.Errorf("%q: got %v", content, err)
		}
		if _, _, ok := f.reg.Manifest("app", "1"); ok {
			t.Error("there is a manifest at the registry")
		}
	}
}

func TestBadRecordsAreIgnored(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := twoLayers(t, f.Client)
	push := func() error {
		_, err := f.Push(t.Context(), id, f.reg.Host+"/app:1", PushOptions{Registry: f.open(t)})
		return err
	}
	must(t, push())
	records, err := filepath.Glob(filepath.Join(f.Store.GraphRoot(), blobDir, "*.json"))
	must(t, err)
	if len(records) != 2 {
		t.Fatalf("records: %v", records)
	}
	d := digest.FromString("x").String()
	for _, text := range []string{
		"", "{", `{"version":99,"blobs":[{"digest":"` + d + `"}]}`, `{"version":1,"blobs":[{"digest":"../../etc","size":1,"format":"gzip"}]}`,
		`{"version":1,"blobs":[{"digest":"` + d + `","size":1,"format":"arj"},{"digest":"` + d + `","size":7,"format":"gzip","places":["../x","` + f.reg.Host + `/nothing"]}]}`,
	} {
		for _, r := range records {
			must(t, os.WriteFile(r, []byte(text), 0o600))
		}
		if err := push(); err != nil {
			t.Errorf("with the record %q: %v", text, err)
		}
	}
}

func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l := newLedger(f.Store)
	diffID := digest.FromString("layer")
	for i := range 3 * blobsKept {
		l.note(diffID, blob{Digest: digest.FromString(fmt.Sprint(i)), Size: 1, Format: "gzip"}, "")
	}
	last := blob{Digest: digest.FromString("last"), Size: 1, Format: "zstd"}
	for i := range 3 * placesKept {
		l.note(diffID, last, fmt.Sprintf("host/%d", i))
	}
	got := l.read(diffID)
	if len(got) != blobsKept || got[0].Digest != last.Digest || len(got[0].Places) != placesKept || got[0].Places[0] != fmt.Sprintf("host/%d", 3*placesKept-1) {
		t.Errorf("got %+v", got)
	}
	for i := range 100 {
		l.note(digest.FromString(fmt.Sprint("gone", i)), last, "")
	}
	left, err := os.ReadDir(l.dir)
	if must(t, err); len(left) > 70 {
		t.Errorf("%d records of layers that do not exist", len(left))
	}
}

func TestPushToLayoutIsCompressedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := twoLayers(t, f.Client)
	dir := t.TempDir()
	first, err := f.Push(t.Context(), id, "oci:"+dir+"/a:x", PushOptions{Registry: f.open(t)})
	must(t, err)
	hideLayers(t, f.Client)
	second, err := f.Push(t.Context(), id, "oci:"+dir+"/a:y", PushOptions{Registry: f.open(t)})
	must(t, err)
	if first.ManifestDigest != second.ManifestDigest {
		t.Error("another manifest")
	}
	_, err = f.Push(t.Context(), id, "oci:"+dir+"/fresh", PushOptions{Registry: f.open(t)})
	if err == nil {
		t.Error("the layers are hidden, where did they come from?")
	}
}

func TestProgressNamesEachLayerOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := twoLayers(t, f.Client)
	for _, want := range []string{"", "skipped: already exists"} {
		f.log.b.Reset()
		_, err := f.Push(t.Context(), id, f.reg.Host+"/app:1", PushOptions{Registry: f.open(t)})
		must(t, err)
		lines := strings.Split(f.log.String(), "\n")
		blobs := slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "Copying blob ") })
		if len(blobs) != 2 || !strings.Contains(blobs[0], want) {
			t.Errorf("progress:\n%s", f.log.String())
		}
	}
}

func TestErrVanishedIsTriedAgain(t *testing.T) {
	t.Parallel()
	if !transient(fmt.Errorf("x: %w", errVanished)) || transient(errors.New("x")) {
		t.Error("transient")
	}
}
