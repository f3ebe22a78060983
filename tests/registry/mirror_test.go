package registry

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/internal/testenv"
)

// mirrored is a registries.conf by which hosts stand for the registry "far.example".
func mirrored(more string, hosts ...string) string {
	conf := "[[registry]]\nprefix = \"far.example\"\nlocation = \"127.0.0.1:1\"\ninsecure = true\n" + more
	for _, host := range hosts {
		conf += fmt.Sprintf("[[registry.mirror]]\nlocation = %q\ninsecure = true\n", host)
	}
	return conf
}

func TestMirrors(t *testing.T) {
	begin(t)
	s := shared.seeded
	foreign := []byte(strings.Replace(string(s.manifestBody), s.small.Encoded(), s.large.Encoded(), 1))
	for name, tc := range map[string]struct {
		conf   string
		image  string
		faults []testenv.Fault // of the first mirror; the second one has none
		ok     bool
		says   string
	}{
		"first fails":               {"", "base", []testenv.Fault{{Path: "/v2/", Status: 503}}, true, ""},
		"first drops":               {"", "base", []testenv.Fault{{Path: "/v2/", Drop: true}}, true, ""},
		"first has no such image":   {"", "base", []testenv.Fault{{Path: "/manifests/", Status: 404}}, true, ""},
		"first loses a layer":       {"", "base", []testenv.Fault{{Method: http.MethodGet, Path: blob(s.small), Status: 404, Code: "BLOB_UNKNOWN"}}, true, ""},
		"first fails with a layer":  {"", "base", []testenv.Fault{{Method: http.MethodGet, Path: blob(s.small), Status: 500}}, true, ""},
		"by digest":                 {"mirror-by-digest-only = true\n", "base@" + s.manifest.String(), nil, true, ""},
		"by digest only, not a tag": {"mirror-by-digest-only = true\n", "base", nil, false, "127.0.0.1:1"},
		"first has other manifests": {"", "base@" + s.manifest.String(), []testenv.Fault{{Path: "/manifests/", Lie: &testenv.Lie{Body: foreign}}}, false, s.manifest.String()},
		"first has other layers":    {"", "base", []testenv.Fault{{Method: http.MethodGet, Path: blob(s.small), Lie: &testenv.Lie{Body: []byte("x")}}}, false, s.small.String()},
		"blocked":                   {"blocked = true\n", "base", nil, false, "blocked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := proxy(t), proxy(t)
			p := newPlace(t, mirrored(tc.conf, first.Host, second.Host))
			before := p.settled(readers["pull"])
			for _, f := range tc.faults {
				first.Break(f)
			}
			words := readers["pull"](p, "far.example/"+tc.image, quick("1")...)
			if !tc.ok {
				p.refused(before, words, tc.says)
				return
			}
			if id := p.must(words...); id != s.config.Encoded() {
				t.Errorf("got %q", id)
			}
			if got := p.must("images", "--noheading", "--format", "{{.Name}}"); !strings.Contains(got, "far.example/base") || strings.Contains(got, first.Host) || strings.Contains(got, second.Host) {
				t.Errorf("the images are called %q", got)
			}
		})
	}
}

// Every verb finds a mirror that is up behind one that is down, and writes to none.
func TestEveryVerbUsesMirrors(t *testing.T) {
	begin(t)
	eachReader(t, func(t *testing.T, words reader) {
		way := proxy(t)
		p := newPlace(t, mirrored("", "127.0.0.1:1", way.Host))
		p.must(words(p, "far.example/base", quick("0")...)...)
		if way.Count(http.MethodGet, "/manifests/") == 0 {
			t.Error("the mirror was not asked")
		}
	})
	t.Run("push", func(t *testing.T) {
		t.Parallel()
		way, p := proxy(t), withImage(t)
		p.write("registries.conf", strings.Replace(mirrored("", way.Host), "prefix = \"far.example\"\n", "", 1))
		_, all, err := p.run(writers["push"](p, "127.0.0.1:1/mine", quick("0")...)...)
		if err == nil || !strings.Contains(all, "127.0.0.1:1") || way.Count(http.MethodPost, "") > 0 {
			t.Errorf("%v: %s", err, all)
		}
	})
}
