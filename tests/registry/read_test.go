package registry

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/testenv"
)

// blob is a part of the path of a request for a blob.
func blob(d digest.Digest) string { return "/blobs/" + d.String() }

// What may pass is tried again, and the image is then the one that was meant.
func TestPullRecovers(t *testing.T) {
	begin(t)
	s := shared.seeded
	for name, faults := range map[string][]testenv.Fault{
		"manifest 500, 502, 503, 504": {
			{Path: "/manifests/", Status: 500, Times: 1},
			{Path: "/manifests/", Status: 502, Times: 1},
			{Path: "/manifests/", Status: 503, Times: 1},
			{Path: "/manifests/", Status: 504, Times: 1},
		},
		"too many requests":            {{Path: "/manifests/", Status: 429, RetryAfter: "0", Times: 2}},
		"too many requests for longer": {{Path: "/manifests/", Status: 429, RetryAfter: "0", Times: 7}}, // more than the library tries
		"too many requests for a blob": {{Path: blob(s.small), Status: 429, RetryAfter: "0", Times: 6}},
		"ping 503":                     {{Path: "/v2/", Status: 503, Times: 1}},
		"ping dropped":                 {{Path: "/v2/", Drop: true, Times: 2}},
		"manifest dropped":             {{Path: "/manifests/", Drop: true, Times: 2}},
		"manifest cut":                 {{Path: "/manifests/", Truncate: 20, Times: 2}},
		"configuration dropped":        {{Path: blob(s.config), Drop: true, Times: 1}},
		"layer cut early":              {{Path: blob(s.small), Truncate: 10, Times: 2}},
		"layer cut in the middle":      {{Path: blob(s.large), Truncate: largeLayer / 2, Times: 1}},
		"layer cut again and again":    {{Path: blob(s.large), Truncate: largeLayer / 3, Times: 4}},
		"layer 503":                    {{Path: blob(s.large), Status: 503, Times: 2}},
		"wrong header of the digest":   {{Path: "/manifests/", Lie: &testenv.Lie{Header: map[string]string{"Docker-Content-Digest": s.config.String()}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			way, p := proxy(t), newPlace(t, "")
			for _, f := range faults {
				way.Break(f)
			}
			if id := p.must(readers["pull"](p, way.Host+"/base", quick("4")...)...); id != s.config.Encoded() {
				t.Errorf("got %q, want %q", id, s.config.Encoded())
			}
			if got := p.must("images", "--format", "{{.Digest}}"); got != s.manifest.String() {
				t.Errorf("the manifest is kept as %q, want %q", got, s.manifest)
			}
			for name := range p.look() {
				if strings.HasPrefix(name, "tmp/") {
					t.Errorf("left behind: %s", name)
				}
			}
		})
	}
}

func TestEveryVerbRecovers(t *testing.T) {
	begin(t)
	eachReader(t, func(t *testing.T, words reader) {
		way, p := proxy(t), newPlace(t, "")
		line := words(p, way.Host+"/base", quick("3")...)
		way.Break(testenv.Fault{Path: "/manifests/", Status: 503, Times: 1})
		way.Break(testenv.Fault{Path: blob(shared.seeded.small), Truncate: 10, Times: 1})
		way.Break(testenv.Fault{Path: blob(shared.seeded.large), Drop: true, Times: 1})
		p.must(line...)
	})
}

// What will not pass is asked for once, with a hint.
func TestPullGivesUp(t *testing.T) {
	begin(t)
	for name, tc := range map[string]struct {
		image   string
		fault   testenv.Fault
		retries string
		most    int // requests for the manifest
		says    string
	}{
		"no such tag":       {"base:none", testenv.Fault{Path: "/nothing/"}, "5", 1, "check the name and the tag"},
		"no such name":      {"none", testenv.Fault{Path: "/nothing/"}, "5", 1, "check the name and the tag"},
		"unauthorized":      {"base", testenv.Fault{Path: "/manifests/", Status: 401}, "5", 2, "`buildah login 127.0.0.1:"},
		"denied":            {"base", testenv.Fault{Path: "/manifests/", Status: 403}, "5", 1, "you are not logged in to 127.0.0.1:"},
		"not implemented":   {"base", testenv.Fault{Path: "/manifests/", Status: 501}, "5", 1, "501 Not Implemented"},
		"503 once too much": {"base", testenv.Fault{Path: "/manifests/", Status: 503, Times: 3}, "2", 3, "has a problem of its own"},
		"429 for too long":  {"base", testenv.Fault{Path: "/manifests/", Status: 429, RetryAfter: "0"}, "1", 10, "limits requests"},
		"no retries":        {"base", testenv.Fault{Path: "/manifests/", Status: 503, Times: 1}, "0", 1, "503 Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			way, p := proxy(t), newPlace(t, "")
			before := p.settled(readers["pull"])
			way.Break(tc.fault)
			p.refused(before, readers["pull"](p, way.Host+"/"+tc.image, quick(tc.retries)...), tc.says, way.Host)
			if n := way.Count(http.MethodGet, "/manifests/"); n > tc.most {
				t.Errorf("%d requests for the manifest, want at most %d", n, tc.most)
			}
		})
	}
}

// lies are answers that are not what was asked for.
func lies() map[string]struct {
	image string
	fault testenv.Fault
	says  string
} {
	s := shared.seeded
	other, _ := layer("etc/x", []byte("evil\n"))
	foreign := bytes.Replace(s.manifestBody, []byte(s.small.Encoded()), []byte(s.large.Encoded()), 1)
	huge := append(bytes.TrimSuffix(bytes.Clone(s.manifestBody), []byte("}")), fmt.Sprintf(`,"annotations":{"a":%q}}`, strings.Repeat("x", 5<<20))...)
	return map[string]struct {
		image string
		fault testenv.Fault
		says  string
	}{
		"other layer":             {"base", testenv.Fault{Path: blob(s.small), Lie: &testenv.Lie{Body: other}}, s.small.String()},
		"layer with a wrong byte": {"base", testenv.Fault{Path: blob(s.large), Lie: &testenv.Lie{Body: make([]byte, largeLayer)}}, "sha256:"},
		"layer that ends early":   {"base", testenv.Fault{Path: blob(s.large), Lie: &testenv.Lie{Cut: largeLayer / 2}}, ""},
		"other configuration":     {"base", testenv.Fault{Path: blob(s.config), Lie: &testenv.Lie{Body: []byte(`{"architecture":"amd64","os":"linux"}`)}}, "sha256:"},
		"other manifest":          {"base@" + s.manifest.String(), testenv.Fault{Path: "/manifests/", Lie: &testenv.Lie{Body: foreign}}, s.manifest.String()},
		"other member of a list":  {"base:list", testenv.Fault{Path: "/manifests/" + s.manifest.String(), Lie: &testenv.Lie{Body: foreign}}, s.manifest.String()},
		"other list":              {"base@" + s.list.String(), testenv.Fault{Path: "/manifests/" + s.list.String(), Lie: &testenv.Lie{Body: s.manifestBody}}, ""},
		"huge manifest":           {"base", testenv.Fault{Path: "/manifests/", Lie: &testenv.Lie{Body: huge}}, "exceeded maximum allowed size"},
		"no manifest":             {"base", testenv.Fault{Path: "/manifests/", Lie: &testenv.Lie{Body: []byte("<html>welcome</html>")}}, ""},
	}
}

// Corruption is refused, and the store is as it was.
func TestPullRefusesLies(t *testing.T) {
	begin(t)
	for name, lie := range lies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			way, p := proxy(t), newPlace(t, "")
			before := p.settled(readers["pull"])
			way.Break(lie.fault)
			p.refused(before, readers["pull"](p, way.Host+"/"+lie.image, quick("1")...), lie.says)
			// What was refused does not stand in the way of what is right.
			way.Mend()
			p.must(readers["pull"](p, way.Host+"/"+lie.image)...)
		})
	}
}

func TestEveryVerbRefusesLies(t *testing.T) {
	begin(t)
	other, _ := layer("etc/x", []byte("evil\n"))
	eachReader(t, func(t *testing.T, words reader) {
		way, p := proxy(t), newPlace(t, "")
		before := p.settled(words)
		line := words(p, way.Host+"/base", quick("1")...)
		way.Break(testenv.Fault{Path: blob(shared.seeded.small), Lie: &testenv.Lie{Body: other}})
		if line[0] == "manifest" { // it reads no layers
			way.Break(testenv.Fault{Path: "/manifests/", Lie: &testenv.Lie{Body: []byte("{}")}})
		}
		p.refused(before, line)
	})
}

// A registry may send clients elsewhere for blobs. Its password stays with it.
func TestRedirect(t *testing.T) {
	begin(t)
	elsewhere := proxy(t)
	way := testenv.NewProxy(t, shared.locked.url, client.Transport)
	way.Break(testenv.Fault{Method: http.MethodGet, Path: "/blobs/", Lie: &testenv.Lie{Redirect: "http://localhost:" + strings.Split(elsewhere.Host, ":")[1]}})
	p := newPlace(t, "")
	if id := p.must(readers["pull"](p, way.Host+"/base", "--creds", "user:secret")...); id != shared.seeded.config.Encoded() {
		t.Errorf("got %q", id)
	}
	asked := elsewhere.Requests(http.MethodGet, "/blobs/")
	if len(asked) == 0 {
		t.Fatal("nobody was sent elsewhere")
	}
	for _, q := range asked {
		if q.Header.Get("Authorization") != "" {
			t.Error("the password went to another host")
		}
	}
}

// A registry that stalls is waited for; whoever waits no longer leaves nothing behind.
func TestStall(t *testing.T) {
	begin(t)
	eachReader(t, func(t *testing.T, words reader) {
		way, p := proxy(t), newPlace(t, "")
		before := p.settled(words)
		line := words(p, way.Host+"/base", quick("3")...)
		path := blob(shared.seeded.large)
		if line[0] == "manifest" {
			path = "/manifests/"
		}
		way.Break(testenv.Fault{Method: http.MethodGet, Path: path, Truncate: 100, Hold: true})
		p.interrupted(func() bool { return way.Count(http.MethodGet, path) > 0 }, line...)
		p.unchanged(before)
	})
}
