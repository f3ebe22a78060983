package sourceimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"` + ConfigMediaType + `"},"layers":null}`))
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
}
