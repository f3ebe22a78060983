package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// meeting is work that is done once so many are at it.
func meeting(n int) func(context.Context, string) error {
	var all sync.WaitGroup
	all.Add(n)
	return func(ctx context.Context, command string) error {
		if !strings.HasPrefix(command, "meet") {
			return nil
		}
		all.Done()
		there := make(chan struct{})
		go func() { all.Wait(); close(there) }()
		select {
		case <-there:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("waiting for the others: %w", context.Cause(ctx))
		}
	}
}

// TestStagesRunTogether lets commands wait for each other.
func TestStagesRunTogether(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dockerfile string
		n          int
		change     func(*Options)
	}{
		"independent stages": {"FROM base AS a\nRUN meet\nFROM base AS b\nRUN meet\nFROM base AS c\nRUN meet\nFROM scratch\nCOPY --from=a / /\nCOPY --from=b / /\nCOPY --from=c / /\n", 3, nil},
		"before a stage is needed": {
			"FROM base AS a\nRUN meet\nFROM base\nRUN meet\nCOPY --from=a / /\n", 2, nil,
		},
		"on one base": {"FROM base AS a\nRUN x\nFROM a AS b\nRUN meet\nFROM a AS c\nRUN meet\nFROM b\nCOPY --from=c / /\n", 2, nil},
		"all stages":  {"FROM base AS a\nRUN meet\nFROM base\nRUN meet\n", 2, func(o *Options) { o.Stages.All = true }},
		"platforms": {"FROM base\nRUN meet\n", 3, func(o *Options) {
			o.Lists.Platforms = platforms(t, "linux/amd64", "linux/arm64", "linux/arm/v7")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Jobs: test.n}
			if test.change != nil {
				test.change(&o)
			}
			if b := crowdOf(t, test.dockerfile, o, meeting(test.n)); b.err != nil {
				t.Errorf("error %v", b.err)
			}
		})
	}
}

// TestStagesInOrder holds which stages do not run together, however many may.
func TestStagesInOrder(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dockerfile string
		change     func(*Options)
	}{
		"--after": {"FROM base AS a\nRUN 1\nFROM --after=a base\nRUN 2\n", nil},
		"--from":  {"FROM base AS a\nRUN 1\nFROM base\nCOPY --from=a / /\nRUN 2\n", nil},
		"a mount": {"FROM base AS a\nRUN 1\nFROM base\nRUN --mount=from=a,target=/a 2\n", nil},
		"a base":  {"FROM base AS a\nRUN 1\nFROM a\nRUN 2\n", nil},
		"measured": {"FROM base AS a\nRUN 1\nFROM base\nRUN 2\n", func(o *Options) {
			o.Stages.All = true
			o.Output.Measure = func() func() string { return func() string { return "" } }
		}},
		"one input":        {"FROM base AS a\nRUN 1\nFROM base\nRUN 2\n", func(o *Options) { o.Stages.All = true; o.Run.Stdio.In = strings.NewReader("") }},
		"a trigger":        {"FROM base AS tools\nRUN 1\nFROM trigger\nRUN 2\n", nil},
		"--after, trigger": {"FROM base AS tools\nRUN 1\nFROM base AS a\nRUN 1\nFROM --after=a trigger\nRUN 2\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Jobs: 4}
			if test.change != nil {
				test.change(&o)
			}
			var mu sync.Mutex
			var ended []string
			b := crowdOf(t, test.dockerfile, o, func(_ context.Context, command string) error {
				if command == "1" {
					time.Sleep(20 * time.Millisecond)
				}
				mu.Lock()
				defer mu.Unlock()
				ended = append(ended, command)
				return nil
			})
			if last := len(ended) - 1; b.err != nil || last < 1 || ended[last] != "2" || ended[0] != "1" {
				t.Errorf("ended %v, %v\n%s", ended, b.err, b.output)
			}
		})
	}
}

// TestStagesAroundOneThatWritesToTheContext keeps those before it and after it away from it.
func TestStagesAroundOneThatWritesToTheContext(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ended []string
	b := crowdOf(t, "FROM base AS a\nRUN 1\nFROM base AS b\nRUN --mount=type=bind,rw,target=/ctx 2\nFROM base\nRUN 3\n",
		Options{Stages: Stages{All: true}}, func(_ context.Context, command string) error {
			time.Sleep(time.Duration(30-10*len(ended)) * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			ended = append(ended, command)
			return nil
		})
	// The recorder has no words for such a mount: that is what ends the build.
	if len(ended) != 1 || ended[0] != "1" || b.err == nil || !strings.Contains(b.err.Error(), "type=bind,rw") {
		t.Errorf("ended %v, %v", ended, b.err)
	}
}

// TestFailureOfAStage stops the others, and takes back what they had begun.
func TestFailureOfAStage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ dockerfile, platforms, step string }{
		"a later one hangs":    {"FROM base AS a\nRUN fail now\nFROM base\nRUN hang\n", "", "RUN fail now"},
		"an earlier one hangs": {"FROM base AS a\nRUN hang\nFROM base\nRUN fail now\n", "", "RUN fail now"},
		"both fail":            {"FROM base AS a\nRUN slow\nRUN fail a\nFROM base\nRUN fail b\n", "", "RUN fail a"},
		"one waits":            {"FROM base AS a\nRUN slow\nRUN fail a\nFROM a AS b\nRUN b\nFROM base\nCOPY --from=b / /\n", "", "RUN fail a"},
		"a platform hangs":     {"FROM base AS a-arm64\nRUN hang\nFROM base AS a-arm\nRUN fail now\nFROM a-$TARGETARCH\n", "linux/arm64 linux/arm/v7", "RUN fail now"},
		"both platforms fail":  {"FROM base AS a-arm64\nRUN slow\nRUN fail a\nFROM base AS a-arm\nRUN fail b\nFROM a-$TARGETARCH\n", "linux/arm64 linux/arm/v7", "RUN fail a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Tags: []string{"app"}, KeepFailed: name == "both fail"}
			if o.Stages.All = test.platforms == ""; !o.Stages.All {
				o.Lists.Platforms = platforms(t, strings.Fields(test.platforms)...)
				test.dockerfile = "ARG TARGETARCH\n" + test.dockerfile
			}
			b := crowdOf(t, test.dockerfile, o, func(ctx context.Context, command string) error {
				switch command {
				case "hang":
					<-ctx.Done()
					return fmt.Errorf("killed: %w", context.Cause(ctx))
				case "slow":
					time.Sleep(20 * time.Millisecond)
				}
				return nil
			})
			var step *StepError
			if !errors.As(b.err, &step) || step.Step != test.step || errors.Is(b.err, errStopped) {
				t.Fatalf("error %v", b.err)
			}
			if o.KeepFailed && step.Container != "a-failed" {
				t.Errorf("the container %q was kept", step.Container)
			}
			if strings.Contains(b.output, "Successfully") || b.result.ID != "" {
				t.Errorf("a result %+v:\n%s", b.result, b.output)
			}
		})
	}
}

// TestRandomStages builds Dockerfiles of any shape one stage after the other, and
// then several at the same time: the same is done and the same is written.
func TestRandomStages(t *testing.T) {
	t.Parallel()
	seeds := uint64(6)
	if os.Getenv("SOAK") != "" {
		seeds = 1000
	}
	for seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 3))
		dockerfile := randomStages(random)
		o := Options{Layers: random.IntN(2) == 0, Stages: Stages{All: random.IntN(4) == 0, Save: random.IntN(4) == 0}}
		if random.IntN(3) == 0 {
			o.Lists.Platforms = platforms(t, "linux/arm64", "linux/arm/v7")
		}
		build := func(jobs int) crowdBuild {
			o.Jobs = jobs
			delays := rand.New(rand.NewPCG(seed, uint64(jobs)))
			var mu sync.Mutex
			return crowdOf(t, dockerfile, o, func(context.Context, string) error {
				mu.Lock()
				d := time.Duration(delays.IntN(1500)) * time.Microsecond
				mu.Unlock()
				time.Sleep(d)
				return nil
			})
		}
		want := build(1)
		if want.err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, want.err, dockerfile)
		}
		for _, jobs := range []int{0, 2, 3} {
			got := build(jobs)
			if got.err != nil {
				t.Fatalf("seed %d, %d jobs: %v\n%s", seed, jobs, got.err, dockerfile)
			}
			if diff := cmp.Diff(want.output, got.output); diff != "" {
				t.Errorf("seed %d, %d jobs: output (-one +several):\n%s\n%s", seed, jobs, diff, dockerfile)
			}
			if o.Lists.several() {
				continue // platforms share the names of variables
			}
			if diff := cmp.Diff(want.script, got.script); diff != "" {
				t.Errorf("seed %d, %d jobs: done (-one +several):\n%s\n%s", seed, jobs, diff, dockerfile)
			}
		}
	}
}

// randomStages writes a Dockerfile.
func randomStages(random *rand.Rand) string {
	var b strings.Builder
	n := 2 + random.IntN(6)
	for i := range n {
		base := []string{"base", "base", "scratch", "trigger"}[random.IntN(4)]
		if i > 0 && random.IntN(3) == 0 {
			base = fmt.Sprintf("s%d", random.IntN(i))
		}
		if i == 0 {
			b.WriteString("FROM base AS tools\nRUN tools\n")
		}
		after := ""
		if i > 0 && random.IntN(5) == 0 {
			after = fmt.Sprintf("--after=s%d ", random.IntN(i))
		}
		fmt.Fprintf(&b, "FROM %s%s AS s%d\nARG given\n", after, base, i)
		for step := range 1 + random.IntN(4) {
			switch kind := random.IntN(5); {
			case kind == 0 && i > 0:
				fmt.Fprintf(&b, "COPY --from=s%d /x /x%d\n", random.IntN(i), step)
			case kind == 1 && i > 0:
				fmt.Fprintf(&b, "RUN --mount=from=s%d,target=/m step %d of %d\n", random.IntN(i), step, i)
			case kind == 2:
				fmt.Fprintf(&b, "ENV e%d=%d\n", step, i)
			default:
				fmt.Fprintf(&b, "RUN step %d of %d\n", step, i)
			}
		}
	}
	return b.String()
}

// TestStoreTakesStagesAtTheSameTime builds in a real store, with the cache: the same
// image and the same lines come of it, in two stores that know nothing of each other.
// It is not run beside other tests: opening one store and using another is a race in
// the library, which the race detector finds.
func TestStoreTakesStagesAtTheSameTime(t *testing.T) {
	var text strings.Builder
	for i := range 4 {
		fmt.Fprintf(&text, "FROM base AS s%d\nCOPY a.txt /shared\nWORKDIR /w%d\nCOPY --from=base / /all\nENV N=%d\nCOPY sub /w%d/\n", i, i/2, i, i/2)
	}
	text.WriteString("FROM base\n")
	for i := range 4 {
		fmt.Fprintf(&text, "COPY --from=s%d / /s%d/\n", i, i)
	}
	for name, change := range map[string]func(*Options){
		"layers":    func(o *Options) { o.Layers = true },
		"platforms": func(o *Options) { o.Layers, o.Lists.Platforms = true, platforms(t, "linux/amd64", "linux/arm64") },
	} {
		t.Run(name, func(t *testing.T) {
			dockerfile := text.String()
			if name == "platforms" { // the base is for one only
				dockerfile = strings.NewReplacer("FROM base", "FROM scratch", "COPY --from=base / /all\n", "").Replace(dockerfile)
			}
			var results, outputs []string
			for _, jobs := range []int{1, 0} {
				e := env{realEngine(t)}
				result, out := e.build(t, dockerfile, func(o *Options) {
					o.Args, o.Commit.Times.Rewrite, o.Jobs = map[string]string{"SOURCE_DATE_EPOCH": "7"}, true, jobs
					change(o)
				})
				results, outputs = append(results, fmt.Sprint(result)), append(outputs, out)
				if _, containers := e.left(t); containers != 0 {
					t.Errorf("%d containers are left", containers)
				}
			}
			if diff := cmp.Diff(results[0], results[1]); diff != "" {
				t.Errorf("results (-one +several):\n%s", diff)
			}
			if diff := cmp.Diff(outputs[0], outputs[1]); diff != "" {
				t.Errorf("output (-one +several):\n%s", diff)
			}
		})
	}
}
