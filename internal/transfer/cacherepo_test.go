package transfer

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/testenv"
)

const stepType = "application/vnd.example.step.v1+json"

// topLayer is the layer of a small image, as an artifact has it.
func topLayer(t *testing.T, c *Client) ArtifactLayer {
	t.Helper()
	img, err := c.Store.Image(twoLayers(t, c))
	must(t, err)
	chain, err := c.Store.LayerChain(img.TopLayer)
	must(t, err)
	top := chain[len(chain)-1]
	return ArtifactLayer{ID: top.ID, DiffID: top.DiffID}
}

// places gives a place of each kind, all of them empty.
func places(t *testing.T, f *fixture) map[string]CachePlace {
	t.Helper()
	all := map[string]CachePlace{}
	for kind, text := range map[string]string{
		PlaceRegistry: "type=registry,registry.insecure=true,ref=" + f.reg.Host + "/team/cache",
		PlaceOCI:      "oci:" + filepath.Join(t.TempDir(), "layout"),
		PlaceDir:      "dir:" + filepath.Join(t.TempDir(), "dir"),
	} {
		p, err := ParseCacheTarget(text)
		must(t, err)
		all[kind] = p
	}
	return all
}

func TestCacheRepo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	layer := topLayer(t, f.Client)
	for kind, place := range places(t, f) {
		t.Run(kind, func(t *testing.T) {
			repo := f.CacheRepo(place, f.open(t), Compression{})
			if _, err := repo.Get(t.Context(), "none"); !errors.Is(err, ErrNoArtifact) {
				t.Fatalf("nothing is there: %v", err)
			}
			for name, want := range map[string]Artifact{
				"small": {Text: []byte(`{"a":"b"}`)},
				"big":   {Text: []byte(strings.Repeat("x", textInside+1)), Layers: []ArtifactLayer{layer}},
			} {
				want.Type, want.Created = stepType, time.Unix(1700000000, 0).UTC()
				must(t, repo.Put(t.Context(), name, Artifact{Type: stepType, Text: []byte("of before")}))
				must(t, repo.Put(t.Context(), name, want))
				got, err := repo.Get(t.Context(), name)
				must(t, err)
				if len(got.Layers) != len(want.Layers) {
					t.Fatalf("%s has %d layers", name, len(got.Layers))
				}
				for _, l := range got.Layers {
					checkLayer(t, repo, name, l, layer.DiffID)
				}
				got.Layers = want.Layers
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
			left, err := filepath.Glob(filepath.Join(place.Name, ".new-*"))
			must(t, err)
			if len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// checkLayer reads a layer whole.
func checkLayer(t *testing.T, repo *CacheRepo, tag string, l ArtifactLayer, diffID digest.Digest) {
	t.Helper()
	body, err := repo.Layer(t.Context(), tag, l)
	must(t, err)
	data, err := io.ReadAll(body)
	must(t, errors.Join(err, body.Close()))
	if digest.FromBytes(data) != l.Digest || int64(len(data)) != l.Size {
		t.Errorf("%d bytes of %q are not %d of %q", len(data), digest.FromBytes(data), l.Size, l.Digest)
	}
	if l.MediaType != imgspec.MediaTypeImageLayerGzip {
		t.Errorf("media type %q for layer %q", l.MediaType, diffID)
	}
}

// A step that several builds have, in several repositories, is uploaded once.
func TestCacheLayerIsUploadedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	layer := topLayer(t, f.Client)
	var wg sync.WaitGroup
	for _, name := range []string{"one", "two"} {
		place := CachePlace{Kind: PlaceRegistry, Name: f.reg.Host + "/" + name}
		repo := f.CacheRepo(place, f.open(t), Compression{})
		for _, tag := range []string{"a", "b", "c"} {
			wg.Go(func() {
				err := repo.Put(t.Context(), tag, Artifact{Type: stepType, Text: []byte(name + tag), Layers: []ArtifactLayer{layer}})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	texts := 6
	if n := f.reg.Count(http.MethodPatch, "/blobs/uploads/"); n != texts+1 {
		t.Errorf("%d uploads, wanted %d texts and a layer", n, texts)
	}
	hideLayers(t, f.Client)
	repo := f.CacheRepo(CachePlace{Kind: PlaceRegistry, Name: f.reg.Host + "/three"}, f.open(t), Compression{})
	must(t, repo.Put(t.Context(), "a", Artifact{Type: stepType, Text: []byte("x"), Layers: []ArtifactLayer{layer}}))
}

func TestCacheLayoutTakesSeveralWriters(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	place := CachePlace{Kind: PlaceOCI, Name: t.TempDir()}
	tags := strings.Split("abcdefgh", "")
	var wg sync.WaitGroup
	for _, tag := range tags {
		wg.Go(func() {
			repo := f.CacheRepo(place, Registry{}, Compression{})
			if err := repo.Put(t.Context(), tag, Artifact{Type: stepType, Text: []byte(tag)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, tag := range tags {
		if _, err := f.CacheRepo(place, Registry{}, Compression{}).Get(t.Context(), tag); err != nil {
			t.Errorf("%s: %v", tag, err)
		}
	}
}

// A blob that is not what it is called is written anew.
func TestCacheLayoutIsMended(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	repo := f.CacheRepo(CachePlace{Kind: PlaceOCI, Name: t.TempDir()}, Registry{}, Compression{})
	a := Artifact{Type: stepType, Text: []byte("x"), Layers: []ArtifactLayer{topLayer(t, f.Client)}}
	must(t, repo.Put(t.Context(), "a", a))
	got, err := repo.Get(t.Context(), "a")
	must(t, err)
	must(t, os.Truncate(filepath.Join(repo.Place().Name, "blobs", "sha256", got.Layers[0].Digest.Encoded()), 10))
	must(t, repo.Put(t.Context(), "a", a))
	checkLayer(t, repo, "a", got.Layers[0], a.Layers[0].DiffID)
}

func TestCacheRepoFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault testenv.Fault
		want  string
	}{
		"broken":    {testenv.Fault{Path: "/manifests/", Status: http.StatusInternalServerError}, "500"},
		"forbidden": {testenv.Fault{Path: "/manifests/", Status: http.StatusUnauthorized}, "authentication"},
		"cut short": {testenv.Fault{Path: "/manifests/", Truncate: 20}, "EOF"},
		"silent":    {testenv.Fault{Path: "/v2/", Drop: true}, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			repo := f.CacheRepo(CachePlace{Kind: PlaceRegistry, Name: f.reg.Host + "/cache"}, f.open(t), Compression{})
			must(t, repo.Put(t.Context(), "a", Artifact{Type: stepType, Text: []byte("x")}))
			f.reg.Break(tc.fault)
			_, err := repo.Get(t.Context(), "a")
			if err == nil || errors.Is(err, ErrNoArtifact) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v lacks %q", err, tc.want)
			}
		})
	}
}

func TestCacheRepoRefusesOtherThings(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "cache", "image", testenv.Files{"f": "x"})
	text := digest.FromString("x").String()
	for tag, manifest := range map[string]string{
		"nothing":  "{",
		"damaged":  `{"schemaVersion":2,"mediaType":"` + imgspec.MediaTypeImageManifest + `","artifactType":"a/b","config":{"mediaType":"a/b","digest":"` + text + `","size":1,"data":"eQ=="},"layers":[]}`,
		"negative": `{"schemaVersion":2,"mediaType":"` + imgspec.MediaTypeImageManifest + `","artifactType":"a/b","config":{"mediaType":"a/b","digest":"` + text + `","size":-1,"data":"eA=="},"layers":[]}`,
	} {
		f.reg.PutManifest("cache", tag, imgspec.MediaTypeImageManifest, []byte(manifest))
	}
	repo := f.CacheRepo(CachePlace{Kind: PlaceRegistry, Name: f.reg.Host + "/cache"}, f.open(t), Compression{})
	for _, tag := range []string{"image", "nothing", "damaged", "negative"} {
		if _, err := repo.Get(t.Context(), tag); err == nil || errors.Is(err, ErrNoArtifact) {
			t.Errorf("%s: %v", tag, err)
		}
	}
}

// Credentials are those that images have.
func TestCacheRepoLogsIn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.RequireLogin("me", "secret")
	place := CachePlace{Kind: PlaceRegistry, Name: f.reg.Host + "/cache"}
	a := Artifact{Type: stepType, Text: []byte("x"), Layers: []ArtifactLayer{topLayer(t, f.Client)}}
	if err := f.CacheRepo(place, f.open(t), Compression{}).Put(t.Context(), "a", a); err == nil {
		t.Error("written without a password")
	}
	known := f.open(t)
	known.Creds = "me:secret"
	repo := f.CacheRepo(place, known, Compression{})
	must(t, repo.Put(t.Context(), "a", a))
	got, err := repo.Get(t.Context(), "a")
	must(t, err)
	checkLayer(t, repo, "a", got.Layers[0], a.Layers[0].DiffID)
}

// What the policy does not let in is no part of a build.
func TestCacheRepoObeysPolicy(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	place := CachePlace{Kind: PlaceRegistry, Name: f.reg.Host + "/cache"}
	must(t, f.CacheRepo(place, f.open(t), Compression{}).Put(t.Context(), "a", Artifact{Type: stepType, Text: []byte("x")}))
	strict := f.open(t)
	strict.SignaturePolicy = filepath.Join(t.TempDir(), "policy.json")
	must(t, os.WriteFile(strict.SignaturePolicy, []byte(`{"default":[{"type":"reject"}]}`), 0o600))
	if _, err := f.CacheRepo(place, strict, Compression{}).Get(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "policy") {
		t.Errorf("%v", err)
	}
}

func TestCachePlaces(t *testing.T) {
	t.Parallel()
	nine := 9
	for text, want := range map[string]CachePlace{
		"team/app":                                  {Kind: PlaceRegistry, Name: "docker.io/team/app"},
		"localhost:5000/cache":                      {Kind: PlaceRegistry, Name: "localhost:5000/cache"},
		"oci:/some/dir":                             {Kind: PlaceOCI, Name: "/some/dir"},
		"dir:/some/dir:with":                        {Kind: PlaceDir, Name: "/some/dir:with"},
		"type=local,dest=/some/dir":                 {Kind: PlaceOCI, Name: "/some/dir"},
		"type=registry,ref=r.io/app,mode=min":       {Kind: PlaceRegistry, Name: "r.io/app", ResultOnly: true},
		"ref=r.io/app,type=registry,mode=max":       {Kind: PlaceRegistry, Name: "r.io/app"},
		`type=local,"dest=/a,b"`:                    {Kind: PlaceOCI, Name: "/a,b"},
		"type=registry,ref=r.io/a,ignore-error=1":   {Kind: PlaceRegistry, Name: "r.io/a", IgnoreErrors: true},
		"type=registry,ref=r.io/a,compression=zstd": {Kind: PlaceRegistry, Name: "r.io/a", Compression: Compression{Format: "zstd"}},
		"type=registry,ref=r.io/a,compression-level=9,force-compression=true,oci-mediatypes=true": {
			Kind: PlaceRegistry, Name: "r.io/a", Compression: Compression{Level: &nine, Force: true},
		},
	} {
		got, err := ParseCacheTarget(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
}

func TestCachePlacesRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"app:latest":                   `repository must contain neither a tag nor digest: docker.io/library/app:latest: write "app"`,
		"UPPER":                        "invalid repo",
		"docker://app":                 "invalid repo",
		"":                             "invalid repo",
		"oci:":                         "write oci:DIR",
		"oci:/dir:tag":                 "without a tag",
		"type=inline":                  "type=inline is not supported: write type=registry,ref=REPOSITORY or type=local,src=DIR",
		"ref=app":                      "it has no type",
		"type=registry":                "write type=registry,ref=VALUE",
		"type=registry,src=/x":         `has no option "src"`,
		"type=local,ref=app":           `has no option "ref": write type=local,src=VALUE`,
		"type=registry,ref=a,mode=max": `option "mode" is not known: there are ref, registry.insecure, src, type`,
		"type=registry,ref=a,registry.insecure=soso": "true or false",
		`type="`: "splitting",
	} {
		if _, err := ParseCacheSource(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v lacks %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"type=registry,ref=a,mode=all":             "mode=max",
		"type=registry,ref=a,compression=estargz":  "compression=gzip",
		"type=registry,ref=a,compression-level=x":  "number",
		"type=registry,ref=a,image-manifest=false": "leave it out",
	} {
		if _, err := ParseCacheTarget(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v lacks %q", text, err, want)
		}
	}
}

// FuzzParseArtifact: what is taken names nothing but blobs by their digests.
func FuzzParseArtifact(f *testing.F) {
	data, err := renderArtifact(Artifact{Type: stepType, Text: []byte("x")}, []imgspec.Descriptor{imgspec.DescriptorEmptyJSON})
	must(f, err)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseArtifact(data)
		if err != nil {
			return
		}
		for _, d := range append(m.Layers, m.Config) {
			if d.Digest.Validate() != nil || strings.ContainsAny(d.Digest.Encoded(), "./") {
				t.Fatalf("digest %q", d.Digest)
			}
		}
	})
}
