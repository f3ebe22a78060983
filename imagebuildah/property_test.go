package imagebuildah

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// TestCacheProperty builds random Dockerfiles after random edits, with the cache and
// without it: the images are the same, of thousands of steps. The engine is a model;
// tests/cache does the same with the real one, far fewer times.
func TestCacheProperty(t *testing.T) {
	t.Parallel()
	worlds, rounds := 4, 60
	if os.Getenv("SOAK") != "" {
		worlds, rounds = 200, 200
	}
	for range worlds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			for round := range rounds {
				w.round(round)
			}
			if w.hits < rounds || w.cached.worked > w.fresh.worked*3/4 {
				t.Errorf("%d hits; %d steps were carried out, without the cache %d", w.hits, w.cached.worked, w.fresh.worked)
			}
		})
	}
}

// world is a context that changes, and two engines that build it.
type world struct {
	t             *testing.T
	rnd           *rand.Rand
	dir           string
	args          map[string]string
	steps         [][]string // of stages
	cached, fresh *model
	hits          int
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		t: t, rnd: rand.New(rand.NewPCG(seed, 0)), dir: t.TempDir(), args: map[string]string{"A": "1", "B": "1"},
		cached: newModel(t, true), fresh: newModel(t, false),
	}
	for _, m := range []*model{w.cached, w.fresh} {
		m.image("base", func(*imageconfig.Image) {}, map[string]string{"etc": "base"})
		m.image("trigger", func(i *imageconfig.Image) { i.AddOnBuild("RUN echo $A triggered"); i.AddOnBuild("ENV T=1") }, map[string]string{"etc": "trigger"})
	}
	for i := range 6 {
		w.touch(i)
	}
	for range 3 {
		var stage []string
		for range 1 + w.rnd.IntN(5) {
			stage = append(stage, w.line())
		}
		w.steps = append(w.steps, stage)
	}
	return w
}

func (w *world) pick(list ...string) string { return list[w.rnd.IntN(len(list))] }

func (w *world) write(name, text string) {
	w.t.Helper()
	name = filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) touch(i int) {
	w.write(filepath.Join(w.pick("a", "b"), fmt.Sprint("f", i)), w.pick("one", "two", "six"))
}

// line is a random instruction.
func (w *world) line() string {
	n := fmt.Sprint(w.rnd.IntN(3))
	lines := []string{
		"ENV E" + n + "=" + w.pick("x", "$A", "${B:-y}", "$E1"),
		"ARG A", "ARG B=" + w.pick("1", "2"), "ARG C" + n,
		"WORKDIR " + w.pick("/w", "w", "/w/$A"),
		"COPY " + w.pick("a", "b", "a/f*", ".", "--exclude=f1 a") + " " + w.pick("/c/", "c/", "/d$A/"),
		"COPY --chown=" + w.pick("1:2", "3") + " --chmod=" + w.pick("700", "755") + " a /own/",
		"ADD " + w.pick("a/f9", "b/f9") + " /added" + n,
		"RUN echo $A $B $E" + n,
		"RUN [\"echo\", \"" + n + "\"]",
		"RUN --mount=type=bind,source=" + w.pick("a", "b") + ",target=/m cat /m" + n,
		"RUN --mount=source=" + w.pick("a/f9", ".") + ",target=/m cat /m",
		"RUN --network=" + w.pick("none", "host") + " fetch " + n,
		"RUN <<E\n" + w.pick("p", "q") + " $A\nE",
		"COPY <<E /doc" + n + "\n" + w.pick("$A", "text") + "\nE",
		"COPY <<'E' /doc" + n + "\n" + w.pick("$A", "text") + "\nE",
		"LABEL l" + n + "=" + w.pick("$A", "v"), "USER " + w.pick("root", "0", "$A"), "SHELL [\"" + w.pick("sh", "ash") + "\", \"-c\"]",
		"CMD " + w.pick("a", "[\"b\"]"), "ENTRYPOINT " + w.pick("e", "[\"f\"]"), "EXPOSE 8" + n, "VOLUME /v" + n, "STOPSIGNAL 1" + n,
		"HEALTHCHECK CMD h" + n, "MAINTAINER m" + n,
	}
	return lines[w.rnd.IntN(len(lines))]
}

// edit changes one thing, or nothing.
func (w *world) edit() {
	stage := w.rnd.IntN(len(w.steps))
	steps := w.steps[stage]
	at := w.rnd.IntN(len(steps))
	switch w.rnd.IntN(11) {
	case 0:
	case 1, 2:
		w.touch(w.rnd.IntN(6))
	case 3:
		w.args[w.pick("A", "B", "C1")] = w.pick("1", "2", "3")
	case 4, 5:
		steps[at] = w.line()
	case 6:
		if len(steps) < 8 {
			w.steps[stage] = append(steps, w.line())
		}
	case 7:
		_ = os.Chmod(filepath.Join(w.dir, w.pick("a/f0", "b/f1", "a/f2")), os.FileMode(0o600|w.rnd.IntN(2)*0o44))
	case 8:
		if len(steps) > 1 {
			w.steps[stage] = append(steps[:at:at], steps[at+1:]...)
		}
	case 9:
		w.cached.forget(w.rnd.IntN)
	case 10:
		name := filepath.Join(w.dir, w.pick("a/f0", "a/f1", "b/f2"))
		now := time.Now().Add(-time.Duration(w.rnd.IntN(100)) * time.Hour)
		_ = os.Chtimes(name, now, now)
	}
	w.write("a/f9", "a") // every COPY finds something
	w.write("b/f9", "b")
}

func (w *world) dockerfile() string {
	text := func(stage int) string { return strings.Join(w.steps[stage], "\n") + "\n" }
	return "FROM base AS first\n" + text(0) + "RUN first $E1\n" +
		"FROM " + []string{"base", "trigger", "first"}[len(w.steps[0])%3] + " AS second\n" + text(1) + "RUN second\n" +
		"FROM base\nARG A\nCOPY --from=first /run-* /from/\nRUN --mount=type=bind,from=second,target=/s look\n" + text(2)
}

func (w *world) round(round int) {
	w.t.Helper()
	w.edit()
	text := w.dockerfile()
	w.write("Dockerfile", text)
	got, out := w.build(w.cached)
	want, alone := w.build(w.fresh)
	if got != want {
		w.t.Fatalf("round %d, %v: another image than without the cache:\n%s\n%s", round, w.args, text, cmp.Diff(alone, strings.ReplaceAll(out, "Using cache ", "")))
	}
	w.hits += strings.Count(out, "--> Using cache")
}

func (w *world) build(m *model) (id, text string) {
	w.t.Helper()
	var out bytes.Buffer
	at := time.Unix(1, 0)
	o := Options{
		Source: Source{Context: w.dir, Fetch: contexts.Options{Cwd: w.dir, TempDir: m.dir}}, Args: w.args, Layers: true, Jobs: 1 + w.rnd.IntN(3),
		Commit: builder.CommitOptions{Times: builder.Times{Timestamp: &at}},
		Output: Output{Events: events.New(&events.Plain{Steps: &out, Out: &out, Err: &out, Warn: func(string) {}}, time.Now)},
	}
	result, err := run(context.Background(), m, o)
	if err != nil {
		w.t.Fatalf("%v\n%s\n%s", err, w.dockerfile(), out.String())
	}
	return result.ID, out.String()
}
