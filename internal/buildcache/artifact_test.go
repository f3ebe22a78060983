package buildcache

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

var stepKey = Key{{"base", "b"}, {"instruction", "RUN make PASSWORD=hunter2"}}

// step is an entry with a layer on top of one of the base.
func step(t testing.TB) Entry {
	t.Helper()
	base, added := digest.FromString("base"), digest.FromString("added")
	config, err := json.Marshal(imgspec.Image{RootFS: imgspec.RootFS{Type: "layers", DiffIDs: []digest.Digest{base, added}}})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(imgspec.Manifest{
		MediaType: imgspec.MediaTypeImageManifest, Config: imgspec.Descriptor{Digest: digest.FromBytes(config)},
		Layers: []imgspec.Descriptor{{Digest: base}, {Digest: added, Size: 7}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return Entry{
		Config: config, MediaType: imgspec.MediaTypeImageManifest,
		Remote: &Remote{Manifest: manifest, Layers: []RemoteLayer{{DiffID: added, Unpacked: 7}}},
	}
}

func TestArtifact(t *testing.T) {
	t.Parallel()
	want := step(t)
	data, err := EncodeArtifact(stepKey, want)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "hunter2") {
		t.Error("values of the key are written down")
	}
	got, err := DecodeArtifact(stepKey, data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestArtifactRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key  Key
		edit func(a *artifact)
		want string
	}{
		"another step":        {Key{{"base", "c"}}, func(*artifact) {}, "another step"},
		"other parts":         {stepKey, func(a *artifact) { a.Parts[0].Name = "bass" }, "another step"},
		"a later version":     {stepKey, func(a *artifact) { a.Version++ }, "version 2"},
		"no configuration":    {stepKey, func(a *artifact) { a.Config = nil }, "configuration"},
		"bad diff ID":         {stepKey, func(a *artifact) { a.Config = []byte(`{"rootfs":{"diff_ids":["sha256:../x"]}}`) }, "invalid"},
		"another layer":       {stepKey, func(a *artifact) { a.Layers[0] = digest.FromString("x") }, "its layers"},
		"too many layers":     {stepKey, func(a *artifact) { a.Layers = append(a.Layers, a.Layers[0], a.Layers[0]) }, "its layers"},
		"manifest of another": {stepKey, func(a *artifact) { a.Config = append(a.Config, ' ') }, "its manifest"},
		"another format":      {stepKey, func(a *artifact) { a.MediaType = "x" }, "its manifest"},
		"no manifest":         {stepKey, func(a *artifact) { a.Manifest = nil }, "its manifest"},
		"virtual with layers": {stepKey, func(a *artifact) { a.Virtual = true }, "changes no files"},
	} {
		var a artifact
		data, err := EncodeArtifact(stepKey, step(t))
		if err == nil {
			err = json.Unmarshal(data, &a)
		}
		if err != nil {
			t.Fatal(err)
		}
		tc.edit(&a)
		if data, err = json.Marshal(a); err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeArtifact(tc.key, data); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzArtifact: whatever is taken for a step is one of the key, and all of a piece.
func FuzzArtifact(f *testing.F) {
	data, err := EncodeArtifact(stepKey, step(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1,"virtual":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeArtifact(stepKey, data)
		if err != nil {
			return
		}
		again, err := EncodeArtifact(stepKey, e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeArtifact(stepKey, again); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOlderThan(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	e := Entry{Created: now.Add(-time.Minute)}
	if e.OlderThan(time.Hour, now) || !e.OlderThan(time.Second, now) {
		t.Error("a minute is less than an hour and more than a second")
	}
}
