package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// way is how a fleet does its work.
type way struct {
	name   string
	flags  []string // of each build
	shared bool     // the machines share a cache
	first  bool     // one machine builds the common chain before all others start
}

// stamped makes files that are made again the same, so that what follows them is as well.
var stamped = []string{"--timestamp", "1700000000"}

func TestFleet(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		h := newHall(t)
		h.serve()
		f := h.fleet(2, work{images: 6, size: 100_000})
		f.do(way{name: "cold", flags: stamped, shared: true}).holds(t)
		warm := f.do(way{name: "warm", flags: stamped, shared: true})
		warm.holds(t)
		if n := len(warm.times); n != 0 {
			t.Errorf("%d steps were carried out although the registry had all of them", n)
		}
		return
	}
	w := work{images: 40, wait: 1, size: 4 << 20}
	t.Run("alone", func(t *testing.T) { soak(t, 1, w, way{name: "one machine, its own cache", flags: stamped}) })
	t.Run("apart", func(t *testing.T) { soak(t, 8, w, way{name: "8 machines, each its own cache", flags: stamped}) })
	t.Run("shared", func(t *testing.T) {
		soak(t, 8, w, way{name: "8 machines, shared cache", flags: stamped, shared: true},
			way{name: "the same again, new stores", flags: stamped, shared: true})
	})
	t.Run("unstamped", func(t *testing.T) { soak(t, 8, w, way{name: "shared cache, without --timestamp", shared: true}) })
	t.Run("first", func(t *testing.T) {
		soak(t, 8, w, way{name: "shared cache, common steps first", flags: stamped, shared: true, first: true})
	})
}

// soak does work in several ways, one after the other, with one registry.
func soak(t *testing.T, machines int, w work, ways ...way) {
	h := newHall(t)
	h.serve()
	f := h.fleet(machines, w)
	for _, way := range ways {
		r := f.do(way)
		r.holds(t)
		t.Log(r)
	}
}

// fleet is machines with work to do.
type fleet struct {
	*hall
	machines []*machine
	work     work
}

func (h *hall) fleet(machines int, w work) *fleet {
	f := &fleet{hall: h, work: w}
	for n := range machines {
		f.machines = append(f.machines, h.machine(n))
	}
	w.prepare(f.machines[0])
	return f
}

// build is what came of building one image.
type build struct {
	began, ended time.Time
	hits         int
	ran          []string // keys of the steps that were carried out
}

// report is what came of a way.
type report struct {
	way    way
	took   time.Duration
	bytes  int64 // that the machines received
	builds []build
	times  map[string]int // how often each step was carried out, by its key
}

// do empties all stores and builds all images: each machine takes the next of the list.
func (f *fleet) do(w way) report {
	f.t.Helper()
	r := report{way: w, times: map[string]int{}, builds: make([]build, f.work.images)}
	for _, m := range f.machines {
		m.empty()
		r.bytes -= m.received()
	}
	began := time.Now()
	if w.first {
		r.builds = append(r.builds, f.machines[0].build(w, 0, "--target", "common"))
	}
	images := make(chan int)
	var all sync.WaitGroup
	for _, m := range f.machines {
		all.Go(func() {
			for n := range images {
				r.builds[n] = m.build(w, n, "--push", "-t", registry+"/"+f.work.name(n))
			}
		})
	}
	for n := range f.work.images {
		images <- n
	}
	close(images)
	all.Wait()
	r.took = time.Since(began)
	for _, m := range f.machines {
		r.bytes += m.received()
	}
	for _, b := range r.builds {
		for _, key := range b.ran {
			r.times[key]++
		}
	}
	f.work.check(f.hall)
	return r
}

// build builds an image.
func (m *machine) build(w way, n int, flags ...string) (b build) {
	args := append([]string{"build", "--layers", "--explain=json", "--network", "none"}, w.flags...)
	cache := "dir:" + m.path(m.name+"/cache") // only so that steps are told with their keys
	if w.shared {
		cache = registry + "/cache"
		args = append(args, "--cache-from", cache)
	}
	args = append(append(args, "--cache-to", cache), append(flags, m.path(fmt.Sprint("context-", n)))...)
	cmd := m.buildah(m.t.Context(), args...)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	b.began = time.Now()
	out, err := cmd.Output()
	b.ended = time.Now()
	if err != nil {
		m.t.Errorf("%s, image %d: %v\n%s%s", m.name, n, err, out, &errors)
		return b
	}
	b.read(m, string(out), errors.String())
	return b
}

// told are lines about a step: that it begins, came from the cache, or goes to it.
var told = regexp.MustCompile(`(?m)^(?:\[[0-9/]+\] )?(?:(STEP) \d+/\d+: .*|--> (Using) cache .*|--> Pushing cache \[.*\]:([0-9a-f]{64}))$`)

// read finds which steps were carried out. The explanation of the build has to agree.
func (b *build) read(m *machine, out, errors string) {
	hit := false
	for _, line := range told.FindAllStringSubmatch(out, -1) {
		switch {
		case line[1] != "":
			hit = false
		case line[2] != "":
			hit = true
			b.hits++
		case !hit:
			b.ran = append(b.ran, line[3])
		}
	}
	var explained struct {
		Steps []struct{ Cache string }
	}
	at := strings.Index(errors, `{"version":1,"steps"`)
	if at < 0 {
		m.t.Errorf("nothing is explained: %s", errors)
		return
	}
	if err := json.NewDecoder(strings.NewReader(errors[at:])).Decode(&explained); err != nil {
		m.t.Error(err)
	}
	counts := map[string]int{}
	for _, s := range explained.Steps {
		counts[s.Cache]++
	}
	if counts["hit"] != b.hits || counts["miss"] != len(b.ran) || counts["uncacheable"] != 0 {
		m.t.Errorf("%d hits and %d others were told, but explained are %v\n%s", b.hits, len(b.ran), counts, out)
	}
}

// holds fails when a step was carried out that the registry had: a build that pushed
// it was over when this one began.
func (r report) holds(t *testing.T) {
	t.Helper()
	if !r.way.shared {
		return
	}
	had := map[string]time.Time{}
	for _, b := range r.builds {
		for _, key := range b.ran {
			if at, known := had[key]; !known || b.ended.Before(at) {
				had[key] = b.ended
			}
		}
	}
	for n, b := range r.builds {
		for _, key := range b.ran {
			if b.began.After(had[key]) {
				t.Errorf("%s: image %d carried out the step %.12s, which the registry had", r.way.name, n, key)
			}
		}
		if n < len(r.builds) && b.hits+len(b.ran) == 0 {
			t.Errorf("%s: image %d had no step", r.way.name, n)
		}
	}
}

func (r report) String() string {
	hits, ran, twice := 0, 0, 0
	for _, b := range r.builds {
		hits += b.hits
	}
	for _, times := range r.times {
		ran += times
		twice += times - 1
	}
	return fmt.Sprintf("%s: %.0f s, %.0f MB received, %d steps: %d hits (%.0f %%), %d carried out, of them %d distinct, %d again",
		r.way.name, r.took.Seconds(), float64(r.bytes)/1e6, hits+ran, hits, 100*float64(hits)/float64(hits+ran), ran, len(r.times), twice)
}
