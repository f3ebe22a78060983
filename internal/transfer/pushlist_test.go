package transfer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/testenv"
)

// listOf describes a list of stored images.
func listOf(t *testing.T, c *Client, ids ...string) ListSource {
	t.Helper()
	index := imgspec.Index{MediaType: imgspec.MediaTypeImageIndex}
	index.SchemaVersion = 2
	list := ListSource{ID: strings.Repeat("1", 64), Places: map[digest.Digest]string{}}
	for i, id := range ids {
		data, mediaType, d, err := c.Store.Manifest(id)
		must(t, err)
		index.Manifests = append(index.Manifests, imgspec.Descriptor{
			MediaType: mediaType, Digest: d, Size: int64(len(data)),
			Platform: &imgspec.Platform{OS: "linux", Architecture: []string{"arm64", "s390x"}[i]},
		})
		list.Places[d], err = c.Location(id)
		must(t, err)
	}
	var err error
	list.Manifest, err = json.Marshal(index)
	must(t, err)
	return list
}

func TestPushList(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.Client
	a := testenv.BaseImage(t, c.Store, "localhost/a", testenv.Files{"a": "for a"})
	b := testenv.BaseImage(t, c.Store, "localhost/b", testenv.Files{"b": "for b"})
	list := listOf(t, c, a, b)
	host := realRegistry(t)
	pushed, err := c.PushList(t.Context(), list, "docker://"+host+"/list", PushOptions{Registry: f.open(t)})
	must(t, err)
	var index imgspec.Index
	must(t, json.Unmarshal(pushed.Manifest, &index))
	if len(index.Manifests) != 2 || index.Manifests[1].Platform.Architecture != "s390x" {
		t.Errorf("pushed %s", pushed.Manifest)
	}
	// A member that stays at the registry goes on from there.
	member := index.Manifests[0]
	place := "docker://" + host + "/list@" + member.Digest.String()
	list.Places = map[digest.Digest]string{member.Digest: place}
	index.Manifests = index.Manifests[:1]
	list.Manifest, err = json.Marshal(index)
	must(t, err)
	dir := t.TempDir()
	_, err = c.PushList(t.Context(), list, "oci:"+dir+":x", PushOptions{Registry: f.open(t)})
	must(t, err)
	if _, err := os.Stat(filepath.Join(dir, "blobs", "sha256", member.Digest.Encoded())); err != nil {
		t.Error(err)
	}
}

func TestPushListRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.Client
	id := testenv.BaseImage(t, c.Store, "localhost/a", testenv.Files{"a": "for a"})
	list := listOf(t, c, id)
	for _, dest := range []string{"docker-archive:" + t.TempDir() + "/x.tar", "containers-storage:localhost/x"} {
		if _, err := c.PushList(t.Context(), list, dest, PushOptions{}); err == nil || !strings.Contains(err.Error(), "holds one image") {
			t.Errorf("%s: %v", dest, err)
		}
	}
	list.Places = nil
	if _, err := c.PushList(t.Context(), list, "dir:"+t.TempDir(), PushOptions{}); err == nil || !strings.Contains(err.Error(), "where it is") {
		t.Errorf("error %v", err)
	}
}
