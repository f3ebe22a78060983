package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/events"
)

// crowd is a recorder that several stages use at the same time.
type crowd struct {
	*recorder
	mu  sync.Mutex
	run func(ctx context.Context, command string) error // what a RUN does besides being noted
}

// newCrowd makes a recorder for one build.
func newCrowd(t *testing.T, o Options, work func(context.Context, string) error) *crowd {
	t.Helper()
	return &crowd{recorder: newRecorder(t, o), run: work}
}

func (c *crowd) Base(ctx context.Context, image string, o builder.BaseOptions) (builder.State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recorder.Base(ctx, image, o)
}

func (c *crowd) Images(ctx context.Context) (map[string]bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recorder.Images(ctx)
}

func (c *crowd) Name(ctx context.Context, id string, names []string, o builder.CommitOptions) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recorder.Name(ctx, id, names, o)
}

func (c *crowd) Start(st builder.State, o builder.FromOptions, from origin) workspace {
	c.mu.Lock()
	defer c.mu.Unlock()
	inner, _ := c.recorder.Start(st, o, from).(*recorded)
	return &crowded{recorded: inner, c: c}
}

// crowded is a workspace of a crowd.
type crowded struct {
	*recorded
	c *crowd
}

func (w *crowded) Step(text string, at place) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	w.recorded.Step(text, at)
}

func (w *crowded) State() builder.State {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	return w.recorded.State()
}

func (w *crowded) Run(ctx context.Context, argv []string, o builder.RunOptions) error {
	w.c.mu.Lock()
	err := w.recorded.Run(ctx, argv, o)
	w.c.mu.Unlock()
	if err == nil && w.c.run != nil {
		err = w.c.run(ctx, argv[len(argv)-1])
	}
	return err
}

func (w *crowded) Add(ctx context.Context, dest string, sources []string, o builder.AddOptions) (builder.Added, error) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	return w.recorded.Add(ctx, dest, sources, o)
}

func (w *crowded) Commit(ctx context.Context, dest string, o builder.CommitOptions) (builder.Committed, error) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	return w.recorded.Commit(ctx, dest, o)
}

func (w *crowded) Preview(o builder.CommitOptions) (string, []byte, error) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	return w.recorded.Preview(o)
}

func (w *crowded) Root(ctx context.Context) (*copier.Root, func(), error) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	root, done, err := w.recorded.Root(ctx)
	return root, func() { w.c.mu.Lock(); defer w.c.mu.Unlock(); done() }, err
}

func (w *crowded) Delete(ctx context.Context) error {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	return w.recorded.Delete(ctx)
}

// crowdBuild is a build by a crowd and what came of it.
type crowdBuild struct {
	result Result
	output string
	script []string // what was done, sorted
	err    error
}

// crowdOf builds a Dockerfile with so many jobs.
func crowdOf(t *testing.T, dockerfile string, o Options, work func(context.Context, string) error) crowdBuild {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	furnish(t, dir, dockerfile)
	var out strings.Builder
	c := newCrowd(t, o, work)
	stream := events.New(&events.Plain{Steps: &out, HideIDs: o.Lists.several(), Warn: func(text string) { out.WriteString("! " + text + "\n") }}, time.Now)
	o.Source = Source{Context: dir, Fetch: contexts.Options{Cwd: dir, TempDir: t.TempDir()}}
	o.Output.Events = stream
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var b crowdBuild
	b.result, b.err = run(ctx, c, o)
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	b.output = strings.ReplaceAll(out.String(), dir, "DIR")
	if o.Lists.several() { // platforms have images of the same stem, numbered as they come
		b.output = regexp.MustCompile(`\$\w+`).ReplaceAllString(b.output, "IMAGE")
	}
	for _, l := range c.lines {
		b.script = append(b.script, strings.ReplaceAll(l.text, dir, "DIR"))
	}
	slices.Sort(b.script)
	if len(c.open) > 0 {
		t.Errorf("left behind: %v", c.open)
	}
	return b
}

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
