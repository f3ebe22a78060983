package manifests

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/testenv"
)

func TestNewEntry(t *testing.T) {
	t.Parallel()
	image := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json"}}`
	e, err := NewEntry([]byte(image), "m", []byte(`{"os":"linux","architecture":"arm","variant":"v7","os.version":"1","os.features":["x"]}`), "p")
	want := imgspec.Platform{OS: "linux", Architecture: "arm", Variant: "v7", OSVersion: "1", OSFeatures: []string{"x"}}
	if err != nil || cmp.Diff(&want, e.Platform) != "" || e.Size != int64(len(image)) || e.Location != "p" || e.ArtifactType != "" {
		t.Errorf("entry %+v, %v", e, err)
	}
	for text, want := range map[string]string{
		`{"artifactType":"a/b","config":{"mediaType":"c/d"}}`: "a/b",
		`{"config":{"mediaType":"c/d"}}`:                      "c/d",
	} {
		if e, err := NewEntry([]byte(text), "m", nil, ""); err != nil || e.ArtifactType != want || e.Platform != nil {
			t.Errorf("%s: entry %+v, %v", text, e, err)
		}
	}
	if _, err := NewEntry([]byte(image), "m", []byte(`{"os":3}`), ""); err == nil {
		t.Error("a platform that is none was taken")
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	e := entry("arm64", "a")
	shared := map[string]string{"kept": "1"}
	e.Annotations = shared
	o := Override{Platform: imgspec.Platform{Variant: "v9"}, Annotations: map[string]string{"new": "2"}}
	o.Apply(&e)
	if e.Platform.Architecture != "arm64" || e.Platform.Variant != "v9" || len(e.Annotations) != 2 || len(shared) != 1 {
		t.Errorf("entry %+v, shared %v", e, shared)
	}
	var nothing Override
	before := e
	nothing.Apply(&e)
	if diff := cmp.Diff(before, e); diff != "" || !nothing.Empty() || o.Empty() {
		t.Errorf("nothing changed something:\n%s", diff)
	}
}

func TestArtifact(t *testing.T) {
	t.Parallel()
	st := testenv.Store(t, "vfs")
	id, err := Create(st, List{}, "localhost/list:latest")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "words.unknown")
	if err := os.WriteFile(file, []byte("some words\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := Artifact{Files: []string{file}}
	if _, err := AddArtifact(st, id, a, Override{Features: []string{"sse4"}}); !errors.Is(err, errFeatures) {
		t.Errorf("error %v", err)
	}
	d, err := AddArtifact(st, id, a, Override{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Load(st, id)
	if err != nil || len(l.Entries) != 1 || l.Entries[0].ArtifactType != UnknownArtifact || !cmp.Equal(l.Entries[0].Files, a.Files) {
		t.Fatalf("list %+v, %v", l, err)
	}
	dir := strings.TrimPrefix(l.Entries[0].Location, layoutMark)
	data, err := os.ReadFile(filepath.Join(dir, "blobs", "sha256", d.Encoded()))
	if err != nil {
		t.Fatal(err)
	}
	var m imgspec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Layers) != 1 || m.Layers[0].MediaType != "text/plain" || m.Layers[0].Size != 11 || m.Config.Size != 2 {
		t.Errorf("manifest %s", data)
	}
	// What a killed process left goes with the next change.
	left := filepath.Join(filepath.Dir(dir), unfinished+"left")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Change(st, id, func(l *List) error { return l.Remove(d) }); err != nil {
		t.Fatal(err)
	}
	rest, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(rest) > 0 {
		t.Errorf("left %v, %v", rest, err)
	}
}
