package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"

	"github.com/projectatomic/buildah/internal/testenv"
)

func regexpLayer(t *testing.T, manifest []byte) digest.Digest {
	t.Helper()
	var m imgspec.Manifest
	must(t, json.Unmarshal(manifest, &m))
	return m.Layers[0].Digest
}

func TestPushTwiceUploadsOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": strings.Repeat("content ", 5000)})
	dest := f.reg.Host + "/team/app:1"
	first, err := f.Push(t.Context(), id, dest, PushOptions{Registry: f.open(t)})
	must(t, err)
	body, _, ok := f.reg.Manifest("team/app", "1")
	if !ok || digest.FromBytes(body) != first.ManifestDigest {
		t.Errorf("the registry has another manifest than %q:\n%s", first.ManifestDigest, body)
	}
	f.reg.ResetRequests()
	second, err := f.Push(t.Context(), "localhost/app", "docker://"+dest, PushOptions{Registry: f.open(t)})
	must(t, err)
	if second.ManifestDigest != first.ManifestDigest {
		t.Errorf("the second push wrote %q, the first %q", second.ManifestDigest, first.ManifestDigest)
	}
	if n := f.reg.Count(http.MethodPost, "/blobs/uploads/"); n != 0 {
		t.Errorf("the second push began %d uploads", n)
	}
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		dest, source string // what to push to and to pull from; SELF: dest
		name         string // in the second store
	}{
		{"docker://HOST/r:1", "SELF", "HOST/r:1"},
		{"HOST/plain", "SELF", "HOST/plain:latest"},
		{"oci:DIR/a", "SELF", ""},
		{"oci:DIR/b:tagged", "SELF", "localhost/tagged:latest"},
		{"oci:DIR/c:quay.io/x/y:3", "SELF", "quay.io/x/y:3"},
		{"oci-archive:DIR/d.tar", "SELF", ""},
		{"oci-archive:DIR/e.tar:name:2", "SELF", "localhost/name:2"},
		{"dir:DIR/f", "SELF", ""},
		{"docker-archive:DIR/g.tar", "SELF", "localhost/app:latest"},
		{"docker-archive:DIR/h.tar:other:5", "SELF", "docker.io/library/other:5"},
		{"docker-archive:DIR/i.tar:other:6", "docker-archive:DIR/i.tar:other:6", "docker.io/library/other:6"},
	} {
		t.Run(tc.dest, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			dir := t.TempDir()
			fill := strings.NewReplacer("HOST", f.reg.Host, "DIR", dir).Replace
			id := testenv.BaseImage(t, f.Store, "localhost/app:latest", testenv.Files{"etc/f": "content"})
			dest := fill(tc.dest)
			_, err := f.Push(t.Context(), "app", dest, PushOptions{Registry: f.open(t)})
			must(t, err)
			second := f.client(t, testenv.Store(t, "vfs"))
			source := dest
			if tc.source != "SELF" {
				source = fill(tc.source)
			}
			p, err := second.Pull(t.Context(), source, PullOptions{Registry: f.open(t)})
			must(t, err)
			if diff := cmp.Diff(fill(tc.name), p.Name); diff != "" {
				t.Errorf("name in the store:\n%s", diff)
			}
			if p.ID != id && !strings.HasPrefix(tc.dest, "docker-archive") {
				t.Errorf("the image came back as %q, was %q", p.ID, id)
			}
			img, err := second.Store.Image(p.ID)
			must(t, err)
			where, err := second.Store.Raw().MountImage(img.ID, nil, "")
			must(t, err)
			content, err := os.ReadFile(filepath.Join(where, "etc/f"))
			if err != nil || string(content) != "content" {
				t.Errorf("content: %q, %v", content, err)
			}
			if len(img.Names) > 1 {
				t.Errorf("names %q", img.Names)
			}
		})
	}
}

func TestPushFormats(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := testenv.BaseImage(t, f.Store, "", testenv.Files{"f": strings.Repeat("content ", 500)})
	level := 1
	for name, tc := range map[string]struct {
		dest              string
		o                 PushOptions
		manifest, layer   string
		compressed, fails bool
	}{
		"docker format":       {dest: "dir:", o: PushOptions{Format: "docker"}, manifest: "docker.distribution.manifest.v2", layer: "tar.gzip"},
		"oci zstd":            {dest: "oci:", o: PushOptions{Compression: Compression{Format: "zstd", Level: &level}}, manifest: "oci.image.manifest", layer: "tar+zstd"},
		"dir zstd":            {dest: "dir:", o: PushOptions{Compression: Compression{Format: "zstd"}}, manifest: "oci.image.manifest", layer: "tar+zstd"},
		"dir is compressed":   {dest: "dir:", manifest: "oci.image.manifest", layer: "tar+gzip"},
		"uncompressed oci":    {dest: "oci:", o: PushOptions{Compression: Compression{Disable: true}}, manifest: "oci.image.manifest", layer: `layer.v1.tar"`},
		"docker with zstd":    {dest: "dir:", o: PushOptions{Format: "docker", Compression: Compression{Format: "zstd"}}, fails: true},
		"unknown format":      {dest: "dir:", o: PushOptions{Format: "tgz"}, fails: true},
		"unknown compression": {dest: "dir:", o: PushOptions{Compression: Compression{Format: "arj"}}, fails: true},
		"xz is not written":   {dest: "dir:", o: PushOptions{Compression: Compression{Format: "xz"}}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			tc.o.Registry = f.open(t)
			p, err := f.Push(t.Context(), id, tc.dest+t.TempDir(), tc.o)
			if tc.fails {
				if err == nil || strings.Contains(err.Error(), "\n") {
					t.Errorf("got %v, want one line", err)
				}
				return
			}
			must(t, err)
			if text := string(p.Manifest); !strings.Contains(text, tc.manifest) || !strings.Contains(text, tc.layer) {
				t.Errorf("manifest lacks %q or %q:\n%s", tc.manifest, tc.layer, text)
			}
		})
	}
}

func TestPushBadDestinations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": "1"})
	file := filepath.Join(t.TempDir(), "exists.tar")
	must(t, os.WriteFile(file, []byte("not an archive"), 0o644))
	f.System.Sources = RegistrySources{Blocked: []string{"blocked.example"}}
	for _, dest := range []string{
		"docker-archive:" + file, "docker://UPPER/x", "oci:", "dir:/nonexistent/a/b", "blocked.example/x",
		"127.0.0.1:1/x", "docker-archive:/nonexistent/x.tar", "sif:/tmp/x",
	} {
		if _, err := f.Push(t.Context(), id, dest, PushOptions{Registry: f.open(t)}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want an error in one line", dest, err)
		}
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "not an archive" {
		t.Errorf("the existing file is now %q, %v", content, err)
	}
	if _, err := f.Push(t.Context(), "nosuch", "dir:/tmp/x", PushOptions{}); err == nil {
		t.Error("an unknown image was pushed")
	}
}

func TestPushCancelledLeavesNoArchive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": "1"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	for _, transport := range []string{"docker-archive:", "oci-archive:"} {
		if _, err := f.Push(ctx, id, transport+dir+"/x.tar", PushOptions{Registry: f.open(t)}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s got %v", transport, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPushIntoTheStore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": "1"})
	_, err := f.Push(t.Context(), id, "containers-storage:localhost/copy:1", PushOptions{Registry: f.open(t)})
	must(t, err)
	if img, _, err := f.Lookup("copy:1", LookupOptions{}); err != nil || img.ID != id {
		t.Errorf("the copy is %q, %v", img.ID, err)
	}
	f.System.DockerHost = "unix:///nonexistent/docker.sock"
	if _, err := f.Push(t.Context(), id, "docker-daemon:app:latest", PushOptions{Registry: f.open(t)}); err == nil || !strings.Contains(err.Error(), "/nonexistent/docker.sock") {
		t.Errorf("without a daemon: %v", err)
	}
}

func TestPullDirectoryTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": "1"})
	dir := "dir:" + t.TempDir()
	_, err := f.Push(t.Context(), id, dir, PushOptions{Registry: f.open(t)})
	must(t, err)
	second := f.client(t, testenv.Store(t, "overlay"))
	for range 2 {
		p, err := second.Pull(t.Context(), dir, PullOptions{Registry: f.open(t), Policy: PullNever})
		must(t, err)
		want := Pulled{ID: id, ManifestDigest: p.ManifestDigest, TransportName: "dir"}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Error(diff)
		}
	}
}

func TestPushWithoutPolicyFile(t *testing.T) {
	f := newFixture(t)
	t.Setenv("CONTAINERS_POLICY_JSON", "/nonexistent/policy.json")
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": "1"})
	_, err := f.Push(t.Context(), id, f.reg.Host+"/app", PushOptions{Registry: Registry{TLSVerify: Off}})
	must(t, err)
	_, err = f.Pull(t.Context(), f.reg.Host+"/app", PullOptions{Registry: Registry{TLSVerify: Off}})
	if err == nil || !strings.Contains(err.Error(), "/etc/containers/policy.json") {
		t.Errorf("a pull without a policy should say what to write: %v", err)
	}
}

func TestStreamEqualsDiff(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"vfs", "overlay"} {
		t.Run(driver, func(t *testing.T) {
			testenv.NeedRoot(t)
			c := &Client{Store: testenv.Store(t, driver)}
			id := testenv.BaseImage(t, c.Store, "", testenv.Files{"a/b/c": strings.Repeat("x", 100000), "l": "-> a", "e/": ""})
			img, err := c.Store.Image(id)
			must(t, err)
			plain := archive.Uncompressed
			diff, err := c.Store.Raw().Diff("", img.TopLayer, &storage.DiffOptions{Compression: &plain})
			must(t, err)
			want, err := io.ReadAll(diff)
			must(t, err)
			must(t, diff.Close())
			ref, err := c.StoreReference(t.Context(), id, false)
			must(t, err)
			src, err := ref.NewImageSource(t.Context(), nil)
			must(t, err)
			defer func() { _ = src.Close() }()
			s, ok := src.(*streamSource)
			if !ok {
				t.Fatalf("the source is a %T", src)
			}
			r, err := s.stream(img.TopLayer)
			must(t, err)
			got, err := io.ReadAll(r)
			must(t, err)
			must(t, r.Close())
			if digest.FromBytes(got) != digest.FromBytes(want) {
				t.Errorf("%d bytes were streamed, the diff has %d, and they differ", len(got), len(want))
			}
			blob, size, err := src.GetBlob(t.Context(), types.BlobInfo{Digest: digest.FromBytes(want), Size: int64(len(want))}, none.NoCache)
			if err != nil || size != int64(len(want)) {
				t.Errorf("GetBlob: %d bytes, %v", size, err)
			}
			must(t, blob.Close())
		})
	}
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	public, private := keyPair(t)
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": "secret"})
	dest := f.reg.Host + "/secret"
	p, err := f.Push(t.Context(), id, dest, PushOptions{Registry: f.open(t), Encryption: Encryption{Keys: []string{"jwe:" + public}}})
	must(t, err)
	if !strings.Contains(string(p.Manifest), "encrypted") {
		t.Errorf("nothing is encrypted:\n%s", p.Manifest)
	}
	o := PullOptions{Registry: f.open(t)}
	if _, err := f.client(t, testenv.Store(t, "vfs")).Pull(t.Context(), dest, o); err == nil {
		t.Error("it was pulled without a key")
	}
	o.Registry.DecryptionKeys = []string{private}
	_, err = f.client(t, testenv.Store(t, "vfs")).Pull(t.Context(), dest, o)
	must(t, err)
	if _, err := f.Push(t.Context(), id, dest, PushOptions{Registry: f.open(t), Encryption: Encryption{Keys: []string{"jwe:/nonexistent"}}}); err == nil {
		t.Error("a missing key was accepted")
	}
}

func TestBlobCache(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "app", "latest", testenv.Files{"f": "1"})
	o := f.open(t)
	o.BlobCache = filepath.Join(t.TempDir(), "missing")
	if _, err := f.Pull(t.Context(), f.reg.Host+"/app", PullOptions{Registry: o}); err == nil {
		t.Error("a missing blob cache was accepted")
	}
	must(t, os.Mkdir(o.BlobCache, 0o755))
	p, err := f.Pull(t.Context(), f.reg.Host+"/app", PullOptions{Registry: o})
	must(t, err)
	kept, err := os.ReadDir(o.BlobCache)
	if err != nil || len(kept) == 0 {
		t.Errorf("the cache is empty: %v", err)
	}
	_, err = f.Push(t.Context(), p.ID, f.reg.Host+"/copy", PushOptions{Registry: o})
	must(t, err)
	body, _, _ := f.reg.Manifest("copy", "latest")
	original, _, _ := f.reg.Manifest("app", "latest")
	if diff := cmp.Diff(string(original), string(body)); diff != "" {
		t.Errorf("the push through the cache differs:\n%s", diff)
	}
}

func TestRealRegistry(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	host := realRegistry(t)
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": strings.Repeat("content ", 1000)})
	first, err := f.Push(t.Context(), id, host+"/a/app:1", PushOptions{Registry: f.open(t)})
	must(t, err)
	_, err = f.Push(t.Context(), id, host+"/b/app:1", PushOptions{Registry: f.open(t)})
	must(t, err)
	p, err := f.client(t, testenv.Store(t, "vfs")).Pull(t.Context(), fmt.Sprintf("%s/a/app@%s", host, first.ManifestDigest), PullOptions{Registry: f.open(t)})
	must(t, err)
	if p.ID != id {
		t.Errorf("the image came back as %q, was %q", p.ID, id)
	}
}
