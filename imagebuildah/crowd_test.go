package imagebuildah

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
