package registry

import (
	"net/http"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/internal/testenv"
)

// writers are the verbs that write an image to a registry: that of the place.
var writers = map[string]func(p *place, dest string, flags ...string) []string{
	"push": func(_ *place, dest string, flags ...string) []string {
		return append(append([]string{"push", "-q"}, flags...), "mine", "docker://"+dest)
	},
	"commit": func(p *place, dest string, flags ...string) []string {
		return append(append([]string{"commit", "-q", "--timestamp", "1700000000"}, flags...), p.container(), "docker://"+dest)
	},
}

// withImage makes an image "mine" that no registry has.
func withImage(t *testing.T) *place {
	t.Helper()
	p := newPlace(t, "")
	p.write("content", t.Name()+strings.Repeat("x", 1<<16))
	ctr := p.must("from", "scratch")
	p.must("copy", "-q", ctr, p.path("content"), "/content")
	p.must("commit", "-q", ctr, "mine")
	return p
}

// eachWriter runs a test for each verb and each plan.
func eachWriter(t *testing.T, plans map[string][]testenv.Fault, test func(t *testing.T, verb, plan string)) {
	t.Helper()
	for verb := range writers {
		for plan := range plans {
			t.Run(verb+": "+plan, func(t *testing.T) {
				t.Parallel()
				test(t, verb, plan)
			})
		}
	}
}

func TestWritersRecover(t *testing.T) {
	begin(t)
	plans := map[string][]testenv.Fault{
		"upload begins with 503":  {{Method: http.MethodPost, Path: "/uploads/", Status: 503, Times: 2}},
		"upload begins with 500":  {{Method: http.MethodPost, Path: "/uploads/", Status: 500, Times: 1}},
		"upload dropped":          {{Method: http.MethodPatch, Path: "/uploads/", Drop: true, Times: 2}},
		"upload 429":              {{Method: http.MethodPatch, Path: "/uploads/", Status: 429, RetryAfter: "0", Times: 2}},
		"upload ends with 502":    {{Method: http.MethodPut, Path: "/uploads/", Status: 502, Times: 1}},
		"manifest 504":            {{Method: http.MethodPut, Path: "/manifests/", Status: 504, Times: 2}},
		"answer to it gets lost":  {{Method: http.MethodPut, Path: "/manifests/", Drop: true, Times: 1}},
		"looking for blobs fails": {{Method: http.MethodHead, Path: "/blobs/", Status: 503, Times: 2}},
	}
	eachWriter(t, plans, func(t *testing.T, verb, plan string) {
		way, p := proxy(t), withImage(t)
		for _, f := range plans[plan] {
			way.Break(f)
		}
		repo := "/" + strings.ToLower(strings.NewReplacer(" ", "-", ":", "", "/", "-", "_", "-").Replace(t.Name()))
		p.must(writers[verb](p, way.Host+repo, quick("4")...)...)
		// What arrived is whole: another store gets it, from the registry itself.
		other := newPlace(t, "")
		ctr := other.must("from", "-q", shared.open.host+repo)
		if got := other.must("inspect", "--format", "{{len .OCIv1.RootFS.DiffIDs}}", ctr); got != "1" {
			t.Errorf("%s layers arrived", got)
		}
	})
}

func TestWritersGiveUp(t *testing.T) {
	begin(t)
	plans := map[string][]testenv.Fault{
		"denied":            {{Method: http.MethodPost, Path: "/uploads/", Status: 403}},
		"not authorized":    {{Method: http.MethodPost, Path: "/uploads/", Status: 401}},
		"manifest refused":  {{Method: http.MethodPut, Path: "/manifests/", Status: 400}},
		"manifest too long": {{Method: http.MethodPut, Path: "/manifests/", Status: 413}},
		"503 for ever":      {{Method: http.MethodPost, Path: "/uploads/", Status: 503}},
	}
	eachWriter(t, plans, func(t *testing.T, verb, plan string) {
		way, p := proxy(t), withImage(t)
		retries, most := "5", 1
		if strings.HasPrefix(plan, "503") {
			retries, most = "1", 2
		}
		words := writers[verb](p, way.Host+"/"+verb+"-gives-up", quick(retries)...)
		p.must(writers[verb](p, shared.open.host+"/"+verb+"-warm")...) // what it remembers of blobs
		before := p.look()
		f := plans[plan][0]
		way.Break(f)
		p.refused(before, words, way.Host)
		// An image has a layer and a configuration; each may be tried.
		if n := way.Count(f.Method, f.Path); n > 2*most {
			t.Errorf("%d requests, want at most %d", n, 2*most)
		}
	})
}

// A killed connection that never ends is left by whoever is asked to stop.
func TestWriterStalls(t *testing.T) {
	begin(t)
	for verb, words := range writers {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			way, p := proxy(t), withImage(t)
			line := words(p, way.Host+"/"+verb+"-stalls", quick("3")...)
			p.must(words(p, shared.open.host+"/"+verb+"-warm")...)
			before := p.look()
			way.Break(testenv.Fault{Method: http.MethodPut, Path: "/manifests/", Hold: true})
			p.interrupted(func() bool { return way.Count(http.MethodPut, "/manifests/") > 0 }, line...)
			p.unchanged(before)
		})
	}
}
