package imageconfig

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(bytes.TrimSpace(want)), string(got)); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

// sample is a build with two layers and nearly every setting.
func sample(t *testing.T, f Format) Build {
	t.Helper()
	i := scratch()
	c := everything(f)
	c.Process.Env = []string{"A=<1>&2"}
	apply(t, &i, c)
	created := time.Date(2024, 2, 29, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	ids := []digest.Digest{digest.FromString("one"), digest.FromString("two")}
	i.OCI.RootFS.DiffIDs = ids
	earlier := created.Add(-time.Hour).UTC()
	return Build{
		Format: f, Image: i, Created: created, ContainerID: strings.Repeat("0123456789ab", 5) + "cdef",
		Layers: []Layer{{Digest: ids[0], Size: 1024}, {Digest: ids[1], Size: 2048}},
		History: []History{
			{Created: &earlier, CreatedBy: "ADD rootfs", Author: "other"},
			{Created: &earlier, CreatedBy: nop + `CMD ["x"]`, EmptyLayer: true},
			{CreatedBy: "/bin/sh", Comment: "FROM base"},
		},
		Annotations: map[string]string{"z": "last", "a": "first", "org.opencontainers.image.created": "2024-02-29T11:00:00.123456789Z"},
	}
}

func TestRenderGolden(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]Build{
		"oci":          sample(t, FormatOCI),
		"docker":       sample(t, FormatDocker),
		"docker-fixed": {Format: FormatDocker, Image: sample(t, FormatDocker).Image, Layers: sample(t, FormatDocker).Layers, FixedTime: true, Created: time.Unix(0, 0), ContainerID: "abc"},
		"oci-empty":    {Image: scratch(), Created: time.Unix(40, 0)},
		"docker-empty": {Image: scratch(), Format: FormatDocker, Created: time.Unix(40, 0), ContainerID: "0123456789abcdef"},
	} {
		config, manifest, err := Render(build)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+"-config.json", config)
		golden(t, name+"-manifest.json", manifest)
		again, manifestAgain, err := Render(build)
		if err != nil || !bytes.Equal(config, again) || !bytes.Equal(manifest, manifestAgain) {
			t.Errorf("%s: the second time differs (%v)", name, err)
		}
		if build.Image.Docker.Container != "" {
			t.Errorf("%s: the input was changed", name)
		}
		back, err := Parse(config, build.Format.OrDefault().MediaType())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(build.Image.OCI.Config, back.OCI.Config); diff != "" {
			t.Errorf("%s: parsed again: %s", name, diff)
		}
		if diff := cmp.Diff(len(build.History), len(back.OCI.History)); diff != "" {
			t.Errorf("%s: parsed again: %s", name, diff)
		}
		annotations, err := ParseAnnotations(manifest)
		if err != nil || (build.Format != FormatDocker && len(annotations) != len(build.Annotations)) {
			t.Errorf("%s: annotations %v, %v", name, annotations, err)
		}
	}
}

func TestRenderMediaTypes(t *testing.T) {
	t.Parallel()
	b := sample(t, FormatOCI)
	b.Layers[0].MediaType = "application/vnd.oci.image.layer.v1.tar+zstd"
	_, manifest, err := Render(b)
	if err != nil || !bytes.Contains(manifest, []byte(`"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd"`)) {
		t.Errorf("%s, %v", manifest, err)
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, want string
		change     func(b *Build)
	}{
		{"fewer layers than digests", "1 layers, but 2 digests", func(b *Build) { b.Layers = b.Layers[:1] }},
		{"history of another image", "speaks of 1 layers, but there are 2", func(b *Build) { b.History[2].EmptyLayer = true }},
		{"broken digest", "layer \"sha256:x\"", func(b *Build) { b.Layers[1].Digest = "sha256:x" }},
		{"zstd in the docker format", "use the oci format", func(b *Build) { b.Layers[0].MediaType += "tar+zstd" }},
	} {
		b := sample(t, FormatDocker)
		tc.change(&b)
		if _, _, err := Render(b); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got error %v", tc.name, err)
		}
	}
}
