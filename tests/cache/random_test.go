package cache

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRandom builds random Dockerfiles after random edits, once with the cache and
// once without. With the times fixed the images are the same.
func TestRandom(t *testing.T) {
	t.Parallel()
	cached, fresh := newPlace(t), newPlace(t)
	rounds := 25
	if os.Getenv("SOAK") != "" {
		rounds = 2000
	}
	seed := uint64(rand.Uint32())
	rnd := rand.New(rand.NewPCG(seed, 0))
	w := &world{t: t, rnd: rnd, dir: cached.path("context"), args: map[string]string{"A": "1", "B": "1"}}
	for i := range 6 {
		w.touch(i)
	}
	w.lines()
	hits := 0
	for round := range rounds {
		w.edit()
		text := w.dockerfile()
		write(t, w.dir+"/Dockerfile", text)
		flags := []string{"--layers", "--timestamp", "1", "--build-arg", "A=" + w.args["A"], "--build-arg", "B=" + w.args["B"]}
		pattern, got := cached.build(w.dir, flags...)
		_, want := fresh.build(w.dir, append(flags, "--no-cache")...)
		if got != want {
			t.Fatalf("seed %d, round %d: %q gave %s, without the cache %s:\n%s", seed, round, pattern, got, want, text)
		}
		hits += strings.Count(pattern, "h")
	}
	if hits == 0 {
		t.Error("nothing was ever found in the cache")
	}
}

// world is a context that changes.
type world struct {
	t     *testing.T
	rnd   *rand.Rand
	dir   string
	args  map[string]string
	steps [][]string // of stages
}

func (w *world) pick(list ...string) string { return list[w.rnd.IntN(len(list))] }

func (w *world) touch(i int) {
	write(w.t, filepath.Join(w.dir, w.pick("a", "b"), fmt.Sprint("f", i)), w.pick("one", "two", "six"))
}

func (w *world) lines() {
	w.steps = nil
	for range 2 {
		var stage []string
		for range 2 + w.rnd.IntN(4) {
			stage = append(stage, w.line())
		}
		w.steps = append(w.steps, stage)
	}
}

func (w *world) line() string {
	n := fmt.Sprint(w.rnd.IntN(3))
	switch w.rnd.IntN(14) {
	case 0:
		return "ENV E" + n + "=" + w.pick("x", "$A", "${B:-y}")
	case 1:
		return "ARG A"
	case 2:
		return "ARG B=" + w.pick("1", "2")
	case 3:
		return "WORKDIR " + w.pick("/w", "w", "/w/$A")
	case 4:
		return "COPY " + w.pick("a", "b", "a/f*", ".") + " " + w.pick("/c/", "c/", "/d$A/")
	case 5:
		return "COPY --chown=" + w.pick("1:2", "user") + " --chmod=" + w.pick("700", "755") + " a /own/"
	case 6:
		return "RUN echo $A $B $E" + n + " > /r" + n
	case 7:
		return "RUN --mount=type=bind,source=" + w.pick("a", "b") + ",target=/m cat /m/* > /m" + n + " || true"
	case 8:
		return "LABEL l" + n + "=" + w.pick("$A", "v")
	case 9:
		return "USER " + w.pick("root", "0")
	case 10:
		return "RUN <<EOT\necho " + w.pick("p", "q") + " $A > /h" + n + "\nEOT"
	case 11:
		return "COPY <<EOT /doc" + n + "\n" + w.pick("$A", "text") + "\nEOT"
	case 12:
		return "CMD [\"" + w.pick("a", "b") + "\"]"
	}
	return "RUN ls -ln /c /own /d1 > /list" + n + " 2>/dev/null || true"
}

// edit changes one thing, or nothing.
func (w *world) edit() {
	stage := w.rnd.IntN(len(w.steps))
	at := w.rnd.IntN(len(w.steps[stage]))
	switch w.rnd.IntN(9) {
	case 0:
	case 1, 2:
		w.touch(w.rnd.IntN(6))
	case 3:
		w.args[w.pick("A", "B")] = w.pick("1", "2", "3")
	case 4, 5:
		w.steps[stage][at] = w.line()
	case 6:
		w.steps[stage] = append(w.steps[stage], w.line())
	case 7:
		_ = os.Chmod(filepath.Join(w.dir, w.pick("a/f0", "b/f1", "a/f2")), os.FileMode(0o600|w.rnd.IntN(2)*0o44))
	case 8:
		if len(w.steps[stage]) > 2 {
			w.steps[stage] = append(w.steps[stage][:at:at], w.steps[stage][at+1:]...)
		}
	}
	for _, dir := range []string{"a", "b"} { // every COPY finds something
		write(w.t, filepath.Join(w.dir, dir, "f9"), dir)
	}
}

func (w *world) dockerfile() string {
	first, second := strings.Join(w.steps[0], "\n"), strings.Join(w.steps[1], "\n")
	return "FROM localhost/base AS first\n" + first + "\nRUN echo end > /end\nFROM localhost/base\nARG A\nCOPY --from=first /end /r* /from/\n" + second + "\n"
}
