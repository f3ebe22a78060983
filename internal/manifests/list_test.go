package manifests

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"

	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func entry(arch, text string) Entry {
	return Entry{
		Descriptor: imgspec.Descriptor{
			MediaType: imgspec.MediaTypeImageManifest, Digest: digest.FromString(text), Size: int64(len(text)),
			Platform: &imgspec.Platform{OS: "linux", Architecture: arch, OSVersion: "1", OSFeatures: []string{"f"}, Variant: "v"},
		},
		Location: "docker://registry.example.com/" + text,
	}
}

func TestEncodeChoosesTheFormat(t *testing.T) {
	t.Parallel()
	plain, featured, annotated := entry("arm64", "a"), entry("amd64", "b"), entry("s390x", "c")
	featured.Features = []string{"sse4"}
	annotated.Annotations = map[string]string{"k": "v"}
	tests := map[string]struct {
		list List
		want string
	}{
		"empty":                    {List{}, manifest.DockerV2ListMediaType},
		"plain":                    {List{Entries: []Entry{plain}}, imgspec.MediaTypeImageIndex},
		"features":                 {List{Entries: []Entry{plain, featured}}, manifest.DockerV2ListMediaType},
		"features and annotations": {List{Entries: []Entry{featured, annotated}}, imgspec.MediaTypeImageIndex},
		"annotated":                {List{Annotations: map[string]string{"a": "b"}}, imgspec.MediaTypeImageIndex},
		"artifacts":                {List{ArtifactType: "a/b"}, imgspec.MediaTypeImageIndex},
		"subject":                  {List{Subject: &plain.Descriptor}, imgspec.MediaTypeImageIndex},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := test.list.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if got := manifest.GuessMIMEType(data); got != test.want {
				t.Errorf("media type %q, want %q", got, test.want)
			}
			back, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			for i, e := range test.list.Entries {
				e.Location = ""
				if test.want == imgspec.MediaTypeImageIndex {
					e.Features = nil
				}
				if diff := cmp.Diff(e, back.Entries[i]); diff != "" {
					t.Errorf("entry %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"image":     `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}`,
		"digest":    `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"digest":"sha256:12"}]}`,
		"size":      `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"digest":"` + string(digest.FromString("")) + `","size":-1}]}`,
		"no object": `[]`,
		"too big":   `{"a":"` + string(make([]byte, maxSize)) + `"}`,
	} {
		_, err := Parse([]byte(text))
		if err == nil || (name == "image") != errors.Is(err, ErrNotList) && name != "no object" {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestEdit(t *testing.T) {
	t.Parallel()
	var l List
	l.Add(entry("arm64", "a"))
	l.Add(entry("amd64", "b"))
	again := entry("s390x", "a")
	l.Add(again)
	if len(l.Entries) != 2 || l.Entries[0].Platform.Architecture != "s390x" {
		t.Errorf("entries %+v", l.Entries)
	}
	l.RemovePlatform(*again.Platform, func(string) bool { return false })
	if len(l.Entries) != 2 {
		t.Error("what is not outdated was removed")
	}
	l.RemovePlatform(*again.Platform, func(location string) bool { return location == again.Location })
	if len(l.Entries) != 1 || l.Find(again.Digest) >= 0 {
		t.Errorf("entries %+v", l.Entries)
	}
	if err := l.Remove(again.Digest); err == nil {
		t.Error("removed twice")
	}
	if err := l.Remove(l.Entries[0].Digest); err != nil || len(l.Entries) > 0 {
		t.Errorf("error %v, entries %+v", err, l.Entries)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	st := testenv.Store(t, "vfs")
	id, err := Create(st, List{}, "localhost/list:latest")
	if err != nil {
		t.Fatal(err)
	}
	a, b := entry("arm64", "a"), entry("amd64", "b")
	change := func(edit func(*List) error) {
		t.Helper()
		if err := Change(st, id, edit); err != nil {
			t.Fatal(err)
		}
	}
	change(func(l *List) error { l.Add(a); l.Add(b); return nil })
	change(func(l *List) error { return l.Remove(a.Digest) })
	refused := errors.New("refused")
	if err := Change(st, id, func(l *List) error { l.Entries = nil; return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	l, err := Load(st, "localhost/list:latest")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(List{Entries: []Entry{b}}, l); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	img, err := st.Image(id)
	if err != nil || !img.IsList() || !img.Complete {
		t.Errorf("record %+v, %v", img, err)
	}
	// Its current digest finds it.
	if found, err := st.ImagesByDigest(img.Digest); err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestLoadRefusesImages(t *testing.T) {
	t.Parallel()
	st := testenv.Store(t, "vfs")
	id := testenv.BaseImage(t, st, "localhost/image", nil)
	if _, err := Load(st, id); !errors.Is(err, ErrNotList) {
		t.Errorf("error %v", err)
	}
	if _, err := Load(st, "localhost/none:latest"); !errors.Is(err, store.ErrImageUnknown) {
		t.Errorf("error %v", err)
	}
}
