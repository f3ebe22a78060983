package transfer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
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

// TestMembersAreReadWithTheirOwnCredentials has a member at one registry and pushes
// its list to another, with the credentials of that.
func TestMembersAreReadWithTheirOwnCredentials(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.Client
	d := f.reg.AddImage(t, "app", "1", testenv.Files{"f": "1"})
	f.reg.RequireLogin("reader", "secret")
	to := testenv.NewRegistry(t)
	to.RequireLogin("writer", "other")
	front := testenv.NewProxy(t, f.reg.URL, nil)
	data, mediaType, _ := f.reg.Manifest("app", d.String())
	list := ListSource{ID: strings.Repeat("1", 64), Places: map[digest.Digest]string{d: "docker://" + front.Host + "/app@" + d.String()}}
	index := imgspec.Index{MediaType: imgspec.MediaTypeImageIndex, Manifests: []imgspec.Descriptor{{
		MediaType: mediaType, Digest: d, Size: int64(len(data)), Platform: &imgspec.Platform{OS: "linux", Architecture: "arm64"},
	}}}
	index.SchemaVersion = 2
	var err error
	list.Manifest, err = json.Marshal(index)
	must(t, err)
	o := PushOptions{Registry: f.open(t)}
	o.Registry.Creds = "writer:other"
	o.Registry.AuthFile = filepath.Join(f.dir, "auth.json")
	reader := base64.StdEncoding.EncodeToString([]byte("reader:secret"))
	must(t, os.WriteFile(o.Registry.AuthFile, []byte(`{"auths":{"`+front.Host+`":{"auth":"`+reader+`"}}}`), 0o600))
	_, err = c.PushList(t.Context(), list, "docker://"+to.Host+"/list:1", o)
	must(t, err)
	for _, q := range front.Requests(http.MethodGet, "") {
		if user, _, _ := q.BasicAuth(); user == "writer" {
			t.Errorf("%s was asked for with the credentials of the other registry", q.URL.Path)
		}
	}
	front.Break(testenv.Fault{Path: "/manifests/", Status: http.StatusForbidden})
	var failed *RegistryError
	if _, err := c.PushList(t.Context(), list, "docker://"+to.Host+"/list:3", o); !errors.As(err, &failed) || failed.Host != front.Host || failed.User != "reader" {
		t.Errorf("a member that may not be read: %+v", failed)
	}
	c.System.Sources.Blocked = []string{front.Host}
	if _, err := c.PushList(t.Context(), list, "docker://"+to.Host+"/list:2", o); err == nil || !strings.Contains(err.Error(), "blocked") {
		t.Errorf("a member at a blocked registry: %v", err)
	}
}
