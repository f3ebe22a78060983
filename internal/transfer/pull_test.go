package transfer

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/testenv"
)

func TestPullByFullName(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	d := f.reg.AddImage(t, "team/app", "1", testenv.Files{"etc/motd": "hello"})
	name := f.reg.Host + "/team/app:1"
	p, err := f.Pull(t.Context(), name, PullOptions{Registry: f.open(t)})
	must(t, err)
	if diff := cmp.Diff(Pulled{ID: p.ID, Name: name, ManifestDigest: d}, p); diff != "" {
		t.Error(diff)
	}
	if img, err := f.Store.Image(name); err != nil || img.ID != p.ID {
		t.Errorf("the image in the store: %v, %v", img, err)
	}
	if want := "Trying to pull " + name + "..."; strings.Count(f.log.String(), want) != 1 {
		t.Errorf("progress lacks %q once:\n%s", want, f.log)
	}
	for _, q := range f.reg.Requests() {
		if q.UserAgent != "Buildah/0.0-test" {
			t.Errorf("%s %s with user agent %q", q.Method, q.Path, q.UserAgent)
		}
	}
	if n := f.reg.Count(http.MethodGet, "/manifests/"); n != 1 {
		t.Errorf("the manifest was fetched %d times", n)
	}
}

func TestPullPolicies(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		policy         PullPolicy
		local, changed bool
		down           bool
		want           string // "local", "remote" or "error"
	}{
		"missing, absent":             {policy: PullMissing, want: "remote"},
		"missing, present":            {policy: PullMissing, local: true, changed: true, want: "local"},
		"always":                      {policy: PullAlways, local: true, changed: true, want: "remote"},
		"always, registry down":       {policy: PullAlways, local: true, down: true, want: "error"},
		"never, absent":               {policy: PullNever, want: "error"},
		"never, present":              {policy: PullNever, local: true, changed: true, want: "local"},
		"newer, same":                 {policy: PullNewer, local: true, want: "local"},
		"newer, changed":              {policy: PullNewer, local: true, changed: true, want: "remote"},
		"newer, registry down":        {policy: PullNewer, local: true, down: true, want: "local"},
		"newer, absent and down":      {policy: PullNewer, down: true, want: "error"},
		"missing, absent and no host": {policy: PullMissing, down: true, want: "error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			image := f.reg.Host + "/app:latest"
			o := PullOptions{Registry: f.open(t), Policy: tc.policy}
			remote := f.reg.AddImage(t, "app", "latest", testenv.Files{"f": "1"})
			var local digest.Digest
			if tc.local {
				p, err := f.Pull(t.Context(), image, PullOptions{Registry: f.open(t)})
				must(t, err)
				local = p.ManifestDigest
			}
			if tc.changed {
				remote = f.reg.AddImage(t, "app", "latest", testenv.Files{"f": "2"})
			}
			if tc.down {
				f.reg.Break(testenv.Fault{Drop: true})
			}
			p, err := f.Pull(t.Context(), image, o)
			got := "error"
			switch {
			case err == nil && p.ManifestDigest == local:
				got = "local"
			case err == nil && p.ManifestDigest == remote:
				got = "remote"
			}
			if got != tc.want {
				t.Errorf("got %s (%v), want %s", got, err, tc.want)
			}
			if tc.policy == PullNever && !tc.local && !errors.Is(err, store.ErrImageUnknown) {
				t.Errorf("the error is not ErrImageUnknown: %v", err)
			}
		})
	}
}

func TestPullShortNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "team/app", "latest", testenv.Files{"f": "1"})
	f.registries(t, `short-name-mode = "permissive"
[aliases]
"nick" = "`+f.reg.Host+`/team/app"
`)
	p, err := f.Pull(t.Context(), "nick", PullOptions{Registry: f.open(t)})
	must(t, err)
	if want := f.reg.Host + "/team/app:latest"; p.Name != want {
		t.Errorf("an alias led to %q, want %q", p.Name, want)
	}
	if want := `Resolved "nick" as an alias (`; !strings.Contains(f.log.String(), want) {
		t.Errorf("progress lacks %q:\n%s", want, f.log)
	}
}

func TestPullSearchRegistries(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "app", "2", testenv.Files{"f": "1"})
	empty := testenv.NewRegistry(t)
	f.registries(t, `unqualified-search-registries = ["`+empty.Host+`", "`+f.reg.Host+`"]`)
	p, err := f.Pull(t.Context(), "app:2", PullOptions{Registry: f.open(t)})
	must(t, err)
	if want := f.reg.Host + "/app:2"; p.Name != want {
		t.Errorf("the name is %q, want %q", p.Name, want)
	}
	if log, want := f.log.String(), `Resolving "app" using unqualified-search registries (`; !strings.Contains(log, want) {
		t.Errorf("progress lacks %q:\n%s", want, log)
	}
	_, err = f.Pull(t.Context(), "nosuch", PullOptions{Registry: f.open(t)})
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), empty.Host) || !strings.Contains(err.Error(), f.reg.Host) {
		t.Errorf("the error should name both registries in one line: %v", err)
	}
}

func TestPullRetries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault   testenv.Fault
		retries int
		login   bool
		ok      bool
		most    int // manifest requests at most; 0 is not checked
	}{
		"503 twice":                   {fault: testenv.Fault{Path: "/manifests/", Status: 503, Times: 2}, retries: 2, ok: true},
		"502 once too often":          {fault: testenv.Fault{Path: "/manifests/", Status: 502, Times: 2}, retries: 1},
		"connection lost":             {fault: testenv.Fault{Path: "/manifests/", Drop: true, Times: 1}, retries: 2, ok: true},
		"layer cut short":             {fault: testenv.Fault{Path: "/blobs/", Truncate: 10, Times: 1}, retries: 2, ok: true},
		"500 once":                    {fault: testenv.Fault{Path: "/manifests/", Status: 500, Times: 1}, retries: 1, ok: true},
		"501 is final":                {fault: testenv.Fault{Path: "/manifests/", Status: 501}, retries: 3, most: 1},
		"not found is final":          {fault: testenv.Fault{Path: "/manifests/", Status: 404}, retries: 3, most: 1},
		"wrong credentials are final": {fault: testenv.Fault{Path: "/none/"}, retries: 3, login: true, most: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.reg.AddImage(t, "app", "latest", testenv.Files{"f": strings.Repeat("content ", 4096)})
			f.reg.Break(tc.fault)
			o := PullOptions{Registry: f.open(t)}
			o.Registry.Retries = tc.retries
			if tc.login {
				f.reg.RequireLogin("user", "right")
				o.Registry.Creds = "user:wrong"
			}
			_, err := f.Pull(t.Context(), f.reg.Host+"/app", o)
			if (err == nil) != tc.ok {
				t.Errorf("got %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), f.reg.Host) {
				t.Errorf("the error does not name the host: %v", err)
			}
			if n := f.reg.Count(http.MethodGet, "/manifests/"); tc.most > 0 && n > tc.most {
				t.Errorf("%d requests for the manifest, want at most %d", n, tc.most)
			}
		})
	}
}

func TestPullUnreachable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.Pull(t.Context(), "127.0.0.1:1/app", PullOptions{Registry: f.open(t)})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error should say in one line which host and why: %v", err)
	}
}

func TestPullLogin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "app", "latest", testenv.Files{"f": "1"})
	f.reg.RequireLogin("user", "right")
	o := PullOptions{Registry: f.open(t)}
	o.Registry.Creds = "user:right"
	_, err := f.Pull(t.Context(), f.reg.Host+"/app", o)
	must(t, err)
	o.Registry.Creds = "user"
	if _, err := f.Pull(t.Context(), f.reg.Host+"/app", o); err == nil || !strings.Contains(err.Error(), "no terminal") {
		t.Errorf("credentials without a password and a terminal: %v", err)
	}
	f.Prompt = func(string, bool) (string, error) { return "right", nil }
	o.Policy = PullAlways
	_, err = f.Pull(t.Context(), f.reg.Host+"/app", o)
	must(t, err)
	o.Registry.AuthFile = "/nonexistent/auth.json"
	if _, err := f.Pull(t.Context(), f.reg.Host+"/app", o); err == nil || !strings.Contains(err.Error(), "/nonexistent/auth.json") {
		t.Errorf("a missing credentials file: %v", err)
	}
}

func TestPullIsShared(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "app", "latest", testenv.Files{"f": strings.Repeat("content ", 100000)})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := f.Pull(t.Context(), f.reg.Host+"/app", PullOptions{Registry: f.open(t), Policy: PullAlways}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	m, _, _ := f.reg.Manifest("app", "latest")
	layer := regexpLayer(t, m)
	if n := f.reg.Count(http.MethodGet, "/blobs/"+layer.String()); n != 1 {
		t.Errorf("the layer was fetched %d times", n)
	}
}

func TestPullInterrupted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "app", "latest", testenv.Files{"f": strings.Repeat("content ", 100000)})
	ctx, cancel := context.WithCancel(t.Context())
	f.reg.Break(testenv.Fault{Path: "/blobs/", Truncate: 20})
	cancel()
	o := PullOptions{Registry: f.open(t)}
	if _, err := f.Pull(ctx, f.reg.Host+"/app", o); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled pull: %v", err)
	}
	if _, err := f.Pull(t.Context(), f.reg.Host+"/app", o); err == nil {
		t.Error("a pull of a cut layer succeeded")
	}
	images, err := f.Store.Raw().Images()
	if layers, _ := f.Store.Raw().Layers(); err != nil || len(images) != 0 || len(layers) != 0 {
		t.Errorf("left behind: %v, %v", images, layers)
	}
	f.reg.Mend()
	_, err = f.Pull(t.Context(), f.reg.Host+"/app", o)
	must(t, err)
}

func TestPullPlatform(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	other := "arm64"
	if runtime.GOARCH == other {
		other = "amd64"
	}
	mine := f.reg.AddImage(t, "app", "mine", testenv.Files{"f": "mine"})
	theirs := f.reg.AddImage(t, "app", "theirs", testenv.Files{"f": "theirs"}, func(i *imgspec.Image) { i.Architecture = other })
	list := f.reg.AddIndex(t, "app", "latest", map[digest.Digest]imgspec.Platform{
		mine: {OS: "linux", Architecture: runtime.GOARCH}, theirs: {OS: "linux", Architecture: other},
	})
	name := f.reg.Host + "/app:latest"
	p, err := f.Pull(t.Context(), name, PullOptions{Registry: f.open(t)})
	must(t, err)
	if p.ManifestDigest != mine || len(p.Warnings) != 0 {
		t.Errorf("without a platform: %+v", p)
	}
	byList, _, err := f.Lookup(f.reg.Host+"/app@"+list.String(), LookupOptions{})
	if err != nil || byList.ID != p.ID {
		t.Errorf("by the digest of the list: %v, %v", byList.ID, err)
	}
	p, err = f.Pull(t.Context(), name, PullOptions{Registry: f.open(t), Platform: Platform{OS: "linux", Arch: other}})
	must(t, err)
	if p.ManifestDigest != theirs {
		t.Errorf("with a platform: %+v", p)
	}
	p, err = f.Pull(t.Context(), name, PullOptions{Registry: f.open(t), Policy: PullNever})
	must(t, err)
	want := []string{"image platform (linux/" + other + ") does not match the expected platform (linux/" + runtime.GOARCH + ")"}
	if diff := cmp.Diff(want, p.Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestPullDamagedLocalCopy(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "app", "latest", testenv.Files{"f": "1"})
	p, err := f.Pull(t.Context(), f.reg.Host+"/app", PullOptions{Registry: f.open(t)})
	must(t, err)
	img, err := f.Store.Image(p.ID)
	must(t, err)
	must(t, f.Store.Raw().SetImageBigData(img.ID, "manifest", []byte(`{"config":{"digest":"sha256:`+strings.Repeat("0", 64)+`"}}`),
		func([]byte) (digest.Digest, error) { return img.Digest, nil }))
	f.reg.ResetRequests()
	_, err = f.Pull(t.Context(), f.reg.Host+"/app", PullOptions{Registry: f.open(t)})
	must(t, err)
	if len(f.reg.Requests()) == 0 {
		t.Error("the damaged copy was used")
	}
}

func TestPullAllTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, tag := range []string{"1", "2", "3"} {
		f.reg.AddImage(t, "app", tag, testenv.Files{"f": tag})
	}
	_, err := f.Pull(t.Context(), f.reg.Host+"/app", PullOptions{Registry: f.open(t), AllTags: true})
	must(t, err)
	images, err := f.Store.Images()
	if err != nil || len(images) != 3 {
		t.Errorf("%d images, want 3: %v", len(images), err)
	}
	if _, err := f.Pull(t.Context(), "dir:/x", PullOptions{AllTags: true}); err == nil {
		t.Error("all tags of a directory")
	}
}

func TestPullRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		conf    string
		sources RegistrySources
		policy  string
		says    string
	}{
		"blocked in registries.conf": {conf: "[[registry]]\nlocation = \"HOST\"\nblocked = true\n", says: "blocked"},
		"blocked source":             {sources: RegistrySources{Blocked: []string{"HOST"}}, says: "blocked"},
		"source not allowed":         {sources: RegistrySources{Allowed: []string{"other.example"}}, says: "allows"},
		"rejected by policy":         {policy: `{"default":[{"type":"reject"}]}`, says: "rejected by policy"},
		"broken policy":              {policy: `{"default":[],"x":1}`, says: "invalid policy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.reg.AddImage(t, "app", "latest", testenv.Files{"f": "1"})
			f.registries(t, strings.ReplaceAll(tc.conf, "HOST", f.reg.Host))
			for _, list := range [][]string{tc.sources.Blocked, tc.sources.Allowed} {
				for i := range list {
					list[i] = strings.ReplaceAll(list[i], "HOST", f.reg.Host)
				}
			}
			f.System.Sources = tc.sources
			o := PullOptions{Registry: f.open(t)}
			if tc.policy != "" {
				o.Registry.SignaturePolicy = f.policy(t, tc.policy)
			}
			_, err := f.Pull(t.Context(), f.reg.Host+"/app", o)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

func TestPullTLS(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	secure := testenv.NewTLSRegistry(t)
	secure.AddImage(t, "app", "latest", testenv.Files{"f": "1"})
	o := PullOptions{Registry: f.open(t)}
	o.Registry.TLSVerify, o.Registry.Retries = On, 3
	secure.ResetRequests()
	if _, err := f.Pull(t.Context(), secure.Host+"/app", o); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	if log := f.log.String(); strings.Contains(log, "Retrying") {
		t.Errorf("a bad certificate was retried:\n%s", log)
	}
	o.Registry.TLSVerify = Default
	f.System.Sources.Insecure = []string{secure.Host}
	_, err := f.Pull(t.Context(), secure.Host+"/app", o)
	must(t, err)
}
