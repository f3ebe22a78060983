package sourceimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"dir":       {"dir", ""},
		"dir:v1":    {"dir", "v1"},
		"/a:b/c":    {"/a:b/c", ""},
		"/a:b/c:v1": {"/a:b/c", "v1"},
		":v1":       {":v1", ""},
		"a:b:c":     {"a:b", "c"},
	} {
		if dir, ref := Split(text); dir != want[0] || ref != want[1] {
			t.Errorf("Split(%q) = %q, %q, wanted %q", text, dir, ref, want)
		}
	}
}

func TestParseAnnotations(t *testing.T) {
	t.Parallel()
	got, err := ParseAnnotations([]string{"a=b", "c=d=e", "empty="})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "b", "c": "d=e", "empty": ""}, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range [][]string{{"a"}, {"=b"}, {"a=1", "a=1"}} {
		if _, err := ParseAnnotations(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestAFailedAddLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "src")
	if err := Create(dir, CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	artifact := t.TempDir()
	if err := os.WriteFile(filepath.Join(artifact, "a"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Add(ctx, dir, artifact, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("adding while being stopped: %v", err)
	}
	if diff := cmp.Diff(before, names(t, dir)); diff != "" {
		t.Errorf("files before (-) and after (+):\n%s", diff)
	}
}

// A blob that another image of the layout has survives an add that fails.
func TestAFailedAddKeepsWhatOthersHave(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "src")
	if err := Create(dir+":a", CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	l, err := openLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if err := l.load(); err != nil {
		t.Fatal(err)
	}
	shared, err := l.put(imgspec.MediaTypeImageLayerGzip, []byte("shared"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := openLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if _, err := other.put(imgspec.MediaTypeImageLayerGzip, []byte("shared")); err != nil {
		t.Fatal(err)
	}
	own, err := other.put(imgspec.MediaTypeImageLayerGzip, []byte("own"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.undo(shared.Digest), other.undo(own.Digest)); err != nil {
		t.Fatal(err)
	}
	blobs := filepath.Join(dir, blobDir)
	if _, err := os.Stat(filepath.Join(blobs, shared.Digest.Encoded())); err != nil {
		t.Errorf("a blob that was there before: %v", err)
	}
	if _, err := os.Stat(filepath.Join(blobs, own.Digest.Encoded())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a blob that was not there before: %v", err)
	}
}

// A manifest stays where a list may name it.
func TestAddBesideAListKeepsManifests(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "src")
	if err := Create(dir+":a", CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	l, err := openLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if err := l.load(); err != nil {
		t.Fatal(err)
	}
	listed := l.index.Manifests[0].Digest
	list, err := l.put(imgspec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[{"mediaType":"`+imgspec.MediaTypeImageManifest+`","digest":"`+listed.String()+`","size":2}]}`))
	if err != nil {
		t.Fatal(err)
	}
	l.index.Manifests = append(l.index.Manifests, list)
	if err := l.writeFile(imgspec.ImageIndexFile, l.index); err != nil {
		t.Fatal(err)
	}
	if err := Add(t.Context(), dir+":a", t.TempDir(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, blobDir, listed.Encoded())); err != nil {
		t.Errorf("the manifest that the list names: %v", err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		list = append(list, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"` + ConfigMediaType + `","digest":"` + digest.FromString("").String() + `"},"layers":null}`))
	f.Add([]byte(`{"mediaType":"application/vnd.oci.image.index.v1+json"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err == nil && m.Config.MediaType != ConfigMediaType {
			t.Errorf("%q was taken for a source image", data)
		}
	})
}

func TestParseManifestRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"config":{"mediaType":"application/vnd.oci.image.config.v1+json"}}`,
		`{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`,
		`{}`,
	} {
		if _, err := ParseManifest([]byte(text)); !errors.Is(err, ErrNotSource) {
			t.Errorf("%s: %v", text, err)
		}
	}
	// What is no digest would be shown as it is.
	d := digest.FromString("").String()
	for _, blobs := range [][2]string{{"", d}, {d, "../x"}, {`sha256:\u001b[2J`, d}, {d, d}} {
		_, err := ParseManifest([]byte(`{"config":{"mediaType":"` + ConfigMediaType + `","digest":"` + blobs[0] + `"},"layers":[{"digest":"` + blobs[1] + `"}]}`))
		if (err == nil) != (blobs == [2]string{d, d}) {
			t.Errorf("blobs %q: %v", blobs, err)
		}
	}
}
