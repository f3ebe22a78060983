package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
)

func newImage(text string, names ...string) NewImage {
	config := fmt.Appendf(nil, `{"text":%q}`, text)
	return NewImage{
		Config: config, Names: names, Created: time.Unix(1000, 0).UTC(),
		Manifest: fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":%q}}`, digest.FromBytes(config)),
	}
}

// TestCreateImage holds the layout on disk that podman, skopeo and stock buildah read.
func TestCreateImage(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	layer, err := s.Raw().CreateLayer("", "", nil, "", false, nil)
	must(t, err)
	o := newImage("one", "localhost/a:latest", "localhost/b:latest")
	o.TopLayer = layer.ID
	id, err := s.CreateImage(o)
	must(t, err)
	config, manifest := digest.FromBytes(o.Config), digest.FromBytes(o.Manifest)
	if id != config.Encoded() {
		t.Errorf("ID %s", id)
	}
	raw, err := s.Raw().Image(id)
	must(t, err)
	want := storage.Image{
		ID: id, Digest: manifest, Digests: []digest.Digest{manifest}, TopLayer: layer.ID, Metadata: "{}", Created: o.Created,
		Names: o.Names, NamesHistory: o.Names,
		BigDataNames:   []string{config.String(), "manifest-" + manifest.String(), "manifest"},
		BigDataSizes:   map[string]int64{config.String(): int64(len(o.Config)), "manifest": int64(len(o.Manifest)), "manifest-" + manifest.String(): int64(len(o.Manifest))},
		BigDataDigests: map[string]digest.Digest{config.String(): config, "manifest": manifest, "manifest-" + manifest.String(): manifest},
	}
	slices.Sort(raw.NamesHistory)
	// compared as they are written
	if d := cmp.Diff(asJSON(t, want), asJSON(t, raw)); d != "" {
		t.Error(d)
	}
	gotConfig, err := s.Config(id)
	must(t, err)
	gotManifest, mediaType, gotDigest, err := s.Manifest(id)
	must(t, err)
	if string(gotConfig) != string(o.Config) || string(gotManifest) != string(o.Manifest) || gotDigest != manifest || mediaType != "application/vnd.oci.image.manifest.v1+json" {
		t.Errorf("read back %s %s %s %s", gotConfig, gotManifest, mediaType, gotDigest)
	}
	other, err := s.CreateImage(newImage("two", "localhost/a:latest"))
	must(t, err)
	if found, err := s.Image("localhost/a:latest"); err != nil || found.ID != other {
		t.Errorf("the name stayed with %s, %v", found.ID, err)
	}
	if found, err := s.Image(id); err != nil || !slices.Equal(found.Names, []string{"localhost/b:latest"}) {
		t.Errorf("the first kept %q, %v", found.Names, err)
	}
	if found, err := s.ImagesByDigest(manifest); err != nil || len(found) != 1 {
		t.Errorf("by digest: %v, %v", found, err)
	}
}

func asJSON(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, err)
	var out any
	must(t, json.Unmarshal(data, &out))
	return out
}

func TestCreateImageRefuses(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	o := newImage("one")
	o.Config = []byte("{}")
	if _, err := s.CreateImage(o); err == nil {
		t.Error("a manifest of another configuration is taken")
	}
	o = newImage("one")
	o.TopLayer = "nosuchlayer"
	if _, err := s.CreateImage(o); !errors.Is(err, ErrLayerUnknown) {
		t.Errorf("a missing layer: %v", err)
	}
	if list, err := s.Images(); len(list) != 0 || err != nil {
		t.Errorf("left %v, %v", list, err)
	}
}

// TestTornImage makes what a kill leaves after each write of CreateImage.
func TestTornImage(t *testing.T) {
	t.Parallel()
	o := newImage("torn", "localhost/torn:latest")
	items := o.items(digest.FromBytes(o.Config))
	for written := range items {
		t.Run(fmt.Sprint(written), func(t *testing.T) {
			t.Parallel()
			s := newStore(t, "vfs")
			id := digest.FromBytes(o.Config).Encoded()
			_, err := s.Raw().CreateImage(id, nil, "", "{}", &storage.ImageOptions{BigData: items[:written]})
			must(t, err)
			if list, err := s.Images(); len(list) != 0 || err != nil {
				t.Errorf("listed as %v, %v", list, err)
			}
			if _, err := s.Image(id); !errors.Is(err, ErrImageUnknown) {
				t.Errorf("looked up: %v", err)
			}
			got, err := s.CreateImage(o)
			must(t, err)
			img, err := s.Image("localhost/torn:latest")
			must(t, err)
			if got != id || img.ID != id || !img.Complete || len(img.BigData) != len(items) {
				t.Errorf("repaired to %+v", img)
			}
			if removed, err := s.ReapTorn(); len(removed) != 0 || err != nil {
				t.Errorf("reaped %q, %v", removed, err)
			}
		})
	}
}

func TestReapTorn(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	torn, err := s.Raw().CreateImage("", nil, "", "{}", nil)
	must(t, err)
	id, err := s.CreateImage(newImage("whole"))
	must(t, err)
	removed, err := s.ReapTorn()
	must(t, err)
	if !slices.Equal(removed, []string{torn.ID}) {
		t.Errorf("removed %q", removed)
	}
	if _, err := s.Image(id); err != nil {
		t.Error(err)
	}
}

func TestSameConfigOtherManifest(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	o := newImage("one")
	id, err := s.CreateImage(o)
	must(t, err)
	first := digest.FromBytes(o.Manifest)
	o.Manifest = append([]byte(" "), o.Manifest...)
	again, err := s.CreateImage(o)
	must(t, err)
	img, err := s.Image(id)
	must(t, err)
	if again != id || img.Digest != digest.FromBytes(o.Manifest) || !slices.Contains(img.Digests, first) {
		t.Errorf("got %+v", img)
	}
}

// FuzzConfigDigest reads manifests that others wrote.
func FuzzConfigDigest(f *testing.F) {
	f.Add([]byte(`{"config":{"digest":"sha256:00"}}`))
	f.Add(newImage("x").Manifest)
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, err := configDigest(data); err == nil && d.Validate() != nil {
			t.Errorf("digest %q", d)
		}
	})
}

func BenchmarkOpenAndLookUp(b *testing.B) {
	s := newStore(b, "overlay")
	o := Options{GraphRoot: s.GraphRoot(), RunRoot: s.RunRoot(), Driver: "overlay", DriverOptions: []string{"overlay.skip_mount_home=true"}}
	for i := range 500 {
		_, err := s.CreateImage(newImage(fmt.Sprint(i), fmt.Sprintf("localhost/i%d:latest", i)))
		must(b, err)
	}
	s.Raw().Free()
	for b.Loop() {
		s, err := Open(o)
		must(b, err)
		_, err = s.Image("localhost/i77:latest")
		must(b, err)
		s.Raw().Free()
	}
}
