package transfer

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"

	"github.com/projectatomic/buildah/internal/testenv"
)

// subjectDigest is of something that no registry here has.
var subjectDigest = digest.FromString("what others are about")

// indexAbout is an empty list with a subject.
func indexAbout(t *testing.T, about digest.Digest) []byte {
	t.Helper()
	data, err := json.Marshal(imgspec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageIndex, Manifests: []imgspec.Descriptor{},
		Subject:      &imgspec.Descriptor{MediaType: imgspec.MediaTypeImageManifest, Digest: about, Size: 1},
		ArtifactType: "an/index", Annotations: map[string]string{"k": "v"},
	})
	must(t, err)
	return data
}

func TestReferrerOf(t *testing.T) {
	t.Parallel()
	subject := `"subject":{"mediaType":"a/b","size":1,"digest":"` + subjectDigest.String() + `"}`
	oci := `{"schemaVersion":2,"mediaType":"` + imgspec.MediaTypeImageManifest + `","config":{"mediaType":"a/config"},"layers":[]`
	for _, c := range []struct{ name, text, artifactType string }{
		{"a type of its own", oci + `,"artifactType":"a/type",` + subject + `}`, "a/type"},
		{"the type of the configuration", oci + `,` + subject + `}`, "a/config"},
		{"an index without a type", `{"schemaVersion":2,"mediaType":"` + imgspec.MediaTypeImageIndex + `","manifests":[],` + subject + `}`, ""},
	} {
		r, about, err := referrerOf([]byte(c.text))
		must(t, err)
		if !about || r.subject != subjectDigest || r.entry.ArtifactType != c.artifactType ||
			r.entry.Digest != digest.FromString(c.text) || r.entry.Size != int64(len(c.text)) {
			t.Errorf("%s: %v, %+v", c.name, about, r)
		}
	}
	for _, nothing := range []string{oci + `}`, `{}`, `x`, strings.Replace(oci, imgspec.MediaTypeImageManifest, manifest.DockerV2Schema2MediaType, 1) + `,` + subject + `}`} {
		if r, about, err := referrerOf([]byte(nothing)); about || err != nil {
			t.Errorf("%s: %+v, %v", nothing, r, err)
		}
	}
	if _, _, err := referrerOf([]byte(oci + `,"subject":{"digest":"../x"}}`)); err == nil || !strings.Contains(err.Error(), `"../x"`) {
		t.Errorf("a subject with a bad digest: %v", err)
	}
}

func TestReferrersTag(t *testing.T) {
	t.Parallel()
	for d, want := range map[digest.Digest]string{
		digest.Digest("sha256:" + strings.Repeat("a", 64)):  "sha256-" + strings.Repeat("a", 64),
		digest.Digest("sha512:" + strings.Repeat("b", 128)): "sha512-" + strings.Repeat("b", 64),
	} {
		if got := referrersTag(d); got != want {
			t.Errorf("%s: %s", d, got)
		}
	}
}

func TestWithReferrer(t *testing.T) {
	t.Parallel()
	entry := imgspec.Descriptor{MediaType: "a/b", Digest: subjectDigest, Size: 7, ArtifactType: "a/type", Annotations: map[string]string{"k": "v"}}
	written := `{"mediaType":"a/b","digest":"` + subjectDigest.String() + `","size":7,"annotations":{"k":"v"},"artifactType":"a/type"}`
	index := `"mediaType":"` + imgspec.MediaTypeImageIndex + `","schemaVersion":2}`
	const other = `{"digest":"sha256:1","new":true}`
	for _, c := range []struct {
		name     string
		there    []byte
		expected string
	}{
		{"no index yet", nil, `{"manifests":[` + written + `],` + index},
		{"an empty one", []byte(`{"manifests":[],` + index), `{"manifests":[` + written + `],` + index},
		{"what is there stays", []byte(`{"later":1,"manifests":[` + other + `],` + index), `{"later":1,"manifests":[` + other + `,` + written + `],` + index},
		{"it is there", []byte(`{"manifests":[` + other + `,` + written + `],` + index), ""},
	} {
		got, err := withReferrer(c.there, entry)
		if err != nil || string(got) != c.expected {
			t.Errorf("%s: %v\n%s", c.name, err, cmp.Diff(c.expected, string(got)))
		}
	}
	for _, bad := range []string{`x`, `null`, `[]`, `{"manifests":7}`, `{"manifests":[7]}`} {
		if got, err := withReferrer([]byte(bad), entry); err == nil {
			t.Errorf("%s became %s", bad, got)
		}
	}
}

func FuzzReferrers(f *testing.F) {
	f.Add([]byte(`{"manifests":[{"digest":"` + subjectDigest.String() + `"}]}`))
	f.Add([]byte(`{"manifests":null,"subject":{"digest":"sha256:x"},"mediaType":"` + imgspec.MediaTypeImageIndex + `"}`))
	f.Add([]byte(`null`))
	entry := imgspec.Descriptor{MediaType: "a/b", Digest: subjectDigest, Size: 7}
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, about, err := referrerOf(data); about && (err != nil || r.subject.Validate() != nil) {
			t.Errorf("about %q: %v", r.subject, err)
		}
		with, err := withReferrer(data, entry)
		if err != nil || with == nil {
			return
		}
		if again, err := withReferrer(with, entry); err != nil || again != nil {
			t.Errorf("%s has it twice: %s, %v", with, again, err)
		}
	})
}

// TestReferrersKnown asks registries of every kind.
func TestReferrersKnown(t *testing.T) {
	t.Parallel()
	index := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", imgspec.MediaTypeImageIndex)
		_, _ = w.Write([]byte(`{}`))
	}
	challenge := func(w http.ResponseWriter, text string) {
		w.Header().Set("WWW-Authenticate", text)
		w.WriteHeader(http.StatusUnauthorized)
	}
	own := &types.DockerAuthConfig{Username: "u", Password: "p"}
	for _, c := range []struct {
		name   string
		auth   *types.DockerAuthConfig
		answer http.HandlerFunc
		known  bool
	}{
		{"it knows", nil, func(w http.ResponseWriter, _ *http.Request) { index(w) }, true},
		{"it does not", nil, http.NotFound, false},
		{"a page for people", nil, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, false},
		{"a password", own, func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
				challenge(w, `Basic realm="here"`)
				return
			}
			index(w)
		}, true},
		{"a password that nobody has", nil, func(w http.ResponseWriter, _ *http.Request) { challenge(w, `Basic realm="here"`) }, false},
		{"a token", own, func(w http.ResponseWriter, r *http.Request) {
			user, _, _ := r.BasicAuth()
			switch {
			case r.URL.Path == "/token" && user == "u" && r.FormValue("service") == "here" && r.FormValue("scope") == "repository:team/app:pull":
				_, _ = w.Write([]byte(`{"access_token":"T"}`))
			case r.Header.Get("Authorization") == "Bearer T":
				index(w)
			default:
				challenge(w, `Bearer realm="http://`+r.Host+`/token",service="here"`)
			}
		}, true},
		{"a token for a token", &types.DockerAuthConfig{IdentityToken: "I"}, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/token" && r.Method == http.MethodPost && r.FormValue("refresh_token") == "I":
				_, _ = w.Write([]byte(`{"token":"T"}`))
			case r.Header.Get("Authorization") == "Bearer T":
				index(w)
			default:
				challenge(w, `Bearer realm="http://`+r.Host+`/token"`)
			}
		}, true},
		{"a token from elsewhere that is refused", own, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			challenge(w, `Bearer realm="http://`+r.Host+`/token"`)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(c.answer)
			t.Cleanup(s.Close)
			repo, err := reference.WithName(strings.TrimPrefix(s.URL, "http://") + "/team/app")
			must(t, err)
			sys := &types.SystemContext{DockerInsecureSkipTLSVerify: types.OptionalBoolTrue, DockerAuthConfig: c.auth}
			at := &referrers{sys: sys, repo: repo}
			if known := at.known(t.Context(), subjectDigest); known != c.known {
				t.Errorf("known: %v", known)
			}
		})
	}
}

// TestPasswordsStaySecret has a registry with TLS name a place for tokens without it.
func TestPasswordsStaySecret(t *testing.T) {
	t.Parallel()
	asked := false
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+plain.URL+`"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	repo, err := reference.WithName(strings.TrimPrefix(s.URL, "https://") + "/app")
	must(t, err)
	at := &referrers{repo: repo, sys: &types.SystemContext{
		DockerInsecureSkipTLSVerify: types.OptionalBoolTrue, DockerAuthConfig: &types.DockerAuthConfig{Username: "u", Password: "p"},
	}}
	known := at.known(t.Context(), subjectDigest)
	s.Close()
	plain.Close()
	if known || asked {
		t.Errorf("known: %v, asked: %v", known, asked)
	}
}

// TestPushAbout pushes a list with a subject to a registry that knows what is about
// what, and to one that does not.
func TestPushAbout(t *testing.T) {
	t.Parallel()
	for _, knows := range []bool{true, false} {
		f := newFixture(t)
		registry := testenv.NewRegistry(t)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if knows && strings.Contains(r.URL.Path, "/referrers/") {
				w.Header().Set("Content-Type", imgspec.MediaTypeImageIndex)
				return
			}
			registry.ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		list := ListSource{ID: strings.Repeat("1", 64), Manifest: indexAbout(t, subjectDigest)}
		pushed, err := f.PushList(t.Context(), list, strings.Replace(s.URL, "http", "docker", 1)+"/app:1", PushOptions{Registry: f.open(t)})
		must(t, err)
		data, _, there := registry.Manifest("app", referrersTag(subjectDigest))
		if there == knows {
			t.Fatalf("it knows: %v, the tag is there: %v", knows, there)
		}
		if knows {
			continue
		}
		var index imgspec.Index
		must(t, json.Unmarshal(data, &index))
		want := []imgspec.Descriptor{{
			MediaType: imgspec.MediaTypeImageIndex, Digest: pushed.ManifestDigest, Size: int64(len(pushed.Manifest)),
			ArtifactType: "an/index", Annotations: map[string]string{"k": "v"},
		}}
		if d := cmp.Diff(want, index.Manifests); d != "" {
			t.Error(d)
		}
	}
}

// TestReferrersAreReadWhereTheyAreWritten has a mirror with another index, and a
// registry that wants a password and, by registries.conf, no TLS.
func TestReferrersAreReadWhereTheyAreWritten(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	mirror := testenv.NewRegistry(t)
	mirror.PutManifest("app", referrersTag(subjectDigest), imgspec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"mediaType":"`+imgspec.MediaTypeImageIndex+
		`","manifests":[{"mediaType":"a/b","size":1,"digest":"`+digest.FromString("of the mirror").String()+`"}]}`))
	f.registries(t, "[[registry]]\nlocation = \""+f.reg.Host+"\"\ninsecure = true\n[[registry.mirror]]\nlocation = \""+mirror.Host+"\"\ninsecure = true\n")
	f.reg.RequireLogin("u", "p")
	r := f.open(t)
	r.TLSVerify, r.Creds = Default, "u:p"
	list := ListSource{ID: strings.Repeat("1", 64), Manifest: indexAbout(t, subjectDigest)}
	for range 2 {
		_, err := f.PushList(t.Context(), list, "docker://"+f.reg.Host+"/app:1", PushOptions{Registry: r})
		must(t, err)
	}
	data, _, _ := f.reg.Manifest("app", referrersTag(subjectDigest))
	var index imgspec.Index
	must(t, json.Unmarshal(data, &index))
	if len(index.Manifests) != 1 || index.Manifests[0].ArtifactType != "an/index" {
		t.Errorf("the index: %s", data)
	}
	if n := f.reg.Count(http.MethodPut, referrersTag(subjectDigest)); n != 1 {
		t.Errorf("it was written %d times", n)
	}
}

// TestReferrersTagTaken finds something else under the tag.
func TestReferrersTagTaken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	registry := testenv.NewRegistry(t)
	body := []byte(`{"schemaVersion":2,"mediaType":"` + imgspec.MediaTypeImageManifest + `"}`)
	registry.PutManifest("app", referrersTag(subjectDigest), imgspec.MediaTypeImageManifest, body)
	list := ListSource{ID: strings.Repeat("1", 64), Manifest: indexAbout(t, subjectDigest)}
	_, err := f.PushList(t.Context(), list, "docker://"+registry.Host+"/app:1", PushOptions{Registry: f.open(t)})
	if err == nil || !strings.Contains(err.Error(), "no index: remove") {
		t.Errorf("error %v", err)
	}
	if now, _, _ := registry.Manifest("app", referrersTag(subjectDigest)); string(now) != string(body) {
		t.Errorf("it became %s", now)
	}
}
