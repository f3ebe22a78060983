package builder

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/testenv"
	"github.com/projectatomic/buildah/internal/transfer"
)

// online is an engine on an empty store, and how it talks to registries.
func online(t *testing.T) (*env, Registry) {
	t.Helper()
	v := newEnv(t, "")
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.json")
	if err := os.WriteFile(policy, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	v.Images.System = transfer.System{
		RegistriesConf: "/dev/null", RegistriesConfDir: dir, BlobInfoCacheDir: dir, TempDir: dir,
		ShortNameAliases: filepath.Join(dir, "aliases"),
	}
	return v, Registry{TLSVerify: transfer.Off, SignaturePolicy: policy}
}

// A base that is not pulled is the same to a build as one that is.
func TestLazyBase(t *testing.T) {
	t.Parallel()
	reg := testenv.NewRegistry(t)
	member := reg.AddImage(t, "team/app", "1", smallFiles())
	reg.AddIndex(t, "team/app", "list", map[digest.Digest]imgspec.Platform{member: {OS: "linux", Architecture: "amd64"}})
	for _, tag := range []string{":1", ":list", "@" + member.String()} {
		t.Run(tag, func(t *testing.T) {
			name := reg.Host + "/team/app" + tag
			eager, open := online(t)
			o := BaseOptions{Registry: open, Platform: Platform{OS: "linux", Arch: "amd64"}}
			want, err := eager.Base(t.Context(), name, o)
			if err != nil {
				t.Fatal(err)
			}
			reg.ResetRequests()
			lazy, open := online(t)
			o.Registry, o.Lazy = open, true
			got, err := lazy.Base(t.Context(), name, o)
			if err != nil {
				t.Fatal(err)
			}
			if got.absent == nil || reg.Count(http.MethodGet, "/blobs/") != 1 {
				t.Errorf("more than the configuration was fetched: %v", reg.Requests())
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(State{})); diff != "" {
				t.Error(diff)
			}
			fetched, err := lazy.Fetch(t.Context(), got)
			if err != nil {
				t.Fatal(err)
			}
			if fetched.absent != nil || fetched.TopLayer != want.TopLayer {
				t.Errorf("%+v", fetched)
			}
			again, err := lazy.Base(t.Context(), name, o)
			if err != nil || again.absent != nil {
				t.Errorf("it is here now: %v", err)
			}
		})
	}
}

// The name of a base may lead elsewhere before its layers are fetched.
func TestLazyBaseIsRenamed(t *testing.T) {
	t.Parallel()
	reg := testenv.NewRegistry(t)
	reg.AddImage(t, "app", "latest", smallFiles())
	v, open := online(t)
	st, err := v.Base(t.Context(), reg.Host+"/app", BaseOptions{Registry: open, Lazy: true})
	if err != nil {
		t.Fatal(err)
	}
	reg.AddImage(t, "app", "latest", testenv.Files{"other": "x"})
	if st, err = v.Fetch(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Store.Image(st.ImageID); err != nil {
		t.Error(err)
	}
}

// team is a registry and a step that one machine has written there.
type team struct {
	reg  *testenv.Registry
	key  buildcache.Key
	want State
	base string
}

func (m *team) places() []CachePlace {
	return []CachePlace{{Kind: transfer.PlaceRegistry, Name: m.reg.Host + "/cache"}}
}

// newTeam carries a step out on a machine that is gone then.
func newTeam(t *testing.T) *team {
	t.Helper()
	m := &team{reg: testenv.NewRegistry(t), key: buildcache.Key{{Name: "step", Value: "1"}}}
	m.base = m.reg.Host + "/base:latest"
	m.reg.AddImage(t, "base", "latest", smallFiles())
	v, open := online(t)
	st, err := v.Base(t.Context(), m.base, BaseOptions{Registry: open})
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Start(t.Context(), st, FromOptions{Owned: true})
	if err != nil {
		t.Fatal(err)
	}
	v.write(b, "made", "by the step")
	done, err := b.Commit(t.Context(), "", CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.OpenRemoteCache(t.Context(), RemoteCacheOptions{To: m.places(), Registry: open})
	if err != nil {
		t.Fatal(err)
	}
	m.want = done.State
	e := buildcache.Entry{Config: m.want.Config, MediaType: done.Manifest.MediaType}
	if _, err := c.Push(Learnt{Key: m.key, Entry: e, Layers: 1, State: m.want, Anew: true}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	m.reg.ResetRequests()
	return m
}

// join is another machine; ok tells whether it takes over the step.
func (m *team) join(t *testing.T) (v *env, c *RemoteCache, st State, ok bool) {
	t.Helper()
	v, open := online(t)
	c, err := v.OpenRemoteCache(t.Context(), RemoteCacheOptions{From: m.places(), Registry: open})
	if err != nil {
		t.Fatal(err)
	}
	st, err = v.Base(t.Context(), m.base, BaseOptions{Registry: open, Lazy: true})
	if err != nil {
		t.Fatal(err)
	}
	e, place := c.Find(t.Context(), m.key)
	if place == "" {
		return v, c, st, false
	}
	st, ok, err = v.Recall(st, Recalled{Config: e.Config, MediaType: e.MediaType, Remote: e.Remote, From: c, Key: m.key.Digest()})
	if err != nil {
		t.Fatal(err)
	}
	return v, c, st, ok
}

func TestRemoteStep(t *testing.T) {
	t.Parallel()
	m := newTeam(t)
	v, _, st, ok := m.join(t)
	if !ok {
		t.Fatal("the step is not taken over")
	}
	if diff := cmp.Diff(m.want, st, cmpopts.IgnoreUnexported(State{}), cmpopts.IgnoreFields(State{}, "ImageName")); diff != "" {
		t.Error(diff)
	}
	if n := m.reg.Count(http.MethodGet, "/blobs/"); n != 1 {
		t.Errorf("%d blobs were fetched, not the base's configuration only", n)
	}
	st, err := v.Fetch(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	if n := m.reg.Count(http.MethodGet, "/cache/blobs/"); n != 1 {
		t.Errorf("%d blobs of the cache were fetched", n)
	}
	b := v.from(st.ImageID)
	v.inside(b, func(root string) {
		if text, err := os.ReadFile(root + "/made"); err != nil || string(text) != "by the step" {
			t.Errorf("%q, %v", text, err)
		}
	})
	img, err := v.Store.Image(m.want.ImageID)
	if err != nil || img.Digest != m.want.ImageDigest || img.TopLayer != m.want.TopLayer {
		t.Errorf("%+v, %v", img, err)
	}
}

// A layer that is not what it should be leaves nothing behind.
func TestRemoteLayerIsLost(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]testenv.Fault{
		"truncated": {Path: "/cache/blobs/", Truncate: 30},
		"gone":      {Path: "/cache/blobs/", Status: http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTeam(t)
			v, _, st, _ := m.join(t)
			m.reg.Break(fault)
			_, err := v.Fetch(t.Context(), st)
			var lost *LostLayerError
			if !errors.As(err, &lost) || lost.Key != m.key.Digest() || lost.Place != m.places()[0].Name {
				t.Fatalf("%v", err)
			}
			list, err := v.Store.Raw().Layers()
			if err != nil || len(list) != 1 {
				t.Errorf("%d layers, wanted that of the base: %v", len(list), err)
			}
			m.reg.Mend()
			if _, err := v.Fetch(t.Context(), st); err != nil {
				t.Error(err)
			}
		})
	}
}

// Whatever a place says, it is a miss and one line.
func TestRemoteCacheFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]testenv.Fault{
		"broken":    {Path: "/cache/", Status: http.StatusInternalServerError},
		"forbidden": {Path: "/cache/", Status: http.StatusUnauthorized},
		"silent":    {Path: "/cache/", Drop: true},
		"truncated": {Path: "/cache/manifests/", Truncate: 30},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTeam(t)
			m.reg.Break(fault)
			v, c, _, ok := m.join(t)
			if ok {
				t.Fatal("it was taken over")
			}
			if _, place := c.Find(t.Context(), m.key); place != "" {
				t.Error("it was found")
			}
			if lines := strings.Split(v.warned(), "\n"); len(lines) != 1 || !strings.Contains(lines[0], "/cache") {
				t.Errorf("warnings: %q", lines)
			}
			if _, err := v.OpenRemoteCache(t.Context(), RemoteCacheOptions{To: m.places()}); err != nil {
				t.Error(err)
			}
		})
	}
}

// A tag that leads to the step of another key is no step.
func TestRemoteCacheWrongTag(t *testing.T) {
	t.Parallel()
	m := newTeam(t)
	body, mediaType, _ := m.reg.Manifest("cache", m.key.Digest())
	m.key = buildcache.Key{{Name: "step", Value: "2"}}
	m.reg.PutManifest("cache", m.key.Digest(), mediaType, body)
	v, _, _, ok := m.join(t)
	if ok || !strings.Contains(v.warned(), "it belongs to another step") {
		t.Errorf("taken over: %v; %s", ok, v.warned())
	}
}

func TestRemoteCacheIsNotWritten(t *testing.T) {
	t.Parallel()
	m := newTeam(t)
	m.reg.Break(testenv.Fault{Path: "/cache/", Status: http.StatusForbidden})
	for name, tc := range map[string]struct {
		edit func(*CachePlace)
		want string
	}{
		"as usual":  {func(*CachePlace) {}, "failed pushing cache to"},
		"ignored":   {func(p *CachePlace) { p.IgnoreErrors = true }, ""},
		"left out":  {func(p *CachePlace) { p.ResultOnly = true }, ""},
		"elsewhere": {func(p *CachePlace) { p.Kind, p.Name = transfer.PlaceDir, t.TempDir() }, ""},
	} {
		v, open := online(t)
		places := m.places()
		tc.edit(&places[0])
		c, err := v.OpenRemoteCache(t.Context(), RemoteCacheOptions{To: places, Registry: open})
		if err != nil {
			t.Fatal(err)
		}
		st := State{Image: m.want.Image.Clone(), Config: m.want.Config}
		st.Image.OCI.RootFS.DiffIDs = nil
		e := buildcache.Entry{Config: []byte("{}"), MediaType: imgspec.MediaTypeImageManifest, Virtual: true}
		if _, err := c.Push(Learnt{Key: m.key, Entry: e, State: st, Anew: true}); err != nil {
			t.Fatal(err)
		}
		err = c.Close()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
