// A program of another module that builds, runs, lists and pushes images with
// the three packages, and tells what it has done.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/imagebuildah"
)

func main() {
	if builder.Init() {
		return
	}
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// counter counts events by kind, as any program might show them.
type counter struct {
	mu    sync.Mutex
	kinds map[imagebuildah.EventKind]int
	next  imagebuildah.Renderer
}

func (c *counter) Render(e imagebuildah.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds[e.Kind]++
	return c.next.Render(e)
}

func (c *counter) Close() error { return c.next.Close() }

func run(ctx context.Context, dir, busybox string) (err error) {
	e, err := builder.NewEngine(builder.EngineOptions{
		Store: builder.StoreOptions{GraphRoot: filepath.Join(dir, "root"), RunRoot: filepath.Join(dir, "run"), Driver: "vfs"},
		Host:  builder.Host{Version: "outside", TempDir: dir, Env: os.Environ(), Stderr: os.Stderr},
		Warn:  func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) },
	})
	if err != nil {
		return err
	}
	defer func() {
		if cerr := e.Close(); err == nil {
			err = cerr
		}
	}()
	if err := base(ctx, e, busybox); err != nil {
		return err
	}
	first, err := build(ctx, e, dir)
	if err != nil {
		return err
	}
	second, err := build(ctx, e, dir)
	if err != nil {
		return err
	}
	fmt.Println("the same image:", first == second)
	return publish(ctx, e, first, filepath.Join(dir, "out"))
}

// base makes an image by verbs.
func base(ctx context.Context, e *builder.Engine, busybox string) error {
	b, err := builder.From(ctx, e, builder.Scratch, builder.FromOptions{Name: "base"})
	if err != nil {
		return err
	}
	if _, err := b.Add(ctx, "/bin/sh", []string{busybox}, builder.AddOptions{}); err != nil {
		return err
	}
	change := builder.Change{
		Process: builder.ProcessChange{Cmd: builder.Set("/bin/sh"), Env: []string{"PATH=/bin"}},
		Labels:  builder.KeyChange{Set: []string{"made=outside"}},
	}
	if _, err := b.Configure(change); err != nil {
		return err
	}
	image, err := b.Commit(ctx, "localhost/base", builder.CommitOptions{
		Format: builder.FormatOCI, Remove: true, Metadata: builder.Metadata{Identity: builder.No},
	})
	fmt.Println("base:", image.Names)
	return err
}

// build builds a Dockerfile with all that a command line could say about it.
func build(ctx context.Context, e *builder.Engine, dir string) (string, error) {
	keys, err := builder.LoadKeys([]string{"id=word,env=WORD"}, nil, func(string) (string, bool) { return "secret", true })
	if err != nil {
		return "", err
	}
	named, err := imagebuildah.ParseNamedContext("more="+filepath.Join(dir, "more"), dir)
	if err != nil {
		return "", err
	}
	policy, err := imagebuildah.ParsePolicy([]byte(`{"rules":[{"action":"DENY","selector":{"identifier":"docker-image://example.com/*"}}]}`))
	if err != nil {
		return "", err
	}
	events := &counter{kinds: map[imagebuildah.EventKind]int{}, next: &imagebuildah.PlainRenderer{Out: os.Stdout, Err: os.Stderr}}
	stream := imagebuildah.NewStream(events)
	o := imagebuildah.Options{
		Source: imagebuildah.Source{
			Context: filepath.Join(dir, "context"), Named: []imagebuildah.NamedContext{named},
			Fetch: imagebuildah.FetchOptions{Cwd: dir, TempDir: dir},
		},
		Args: map[string]string{"WHO": "world"}, Tags: []string{"localhost/built"}, Layers: true, Policy: policy,
		Output: imagebuildah.Output{Events: stream, Explained: func(x imagebuildah.Explanation) { events.explain(x) }},
		Base:   builder.BaseOptions{Pull: builder.PullNever},
		Run:    builder.RunOptions{Isolation: builder.IsolationChroot, Mounts: builder.MountOptions{Keys: keys}},
		Commit: builder.CommitOptions{Format: builder.FormatDocker, Push: builder.PushOptions{Compression: builder.Compression{Format: "gzip"}}},
	}
	r, err := imagebuildah.Build(ctx, e, o)
	if cerr := stream.Close(); err == nil {
		err = cerr
	}
	fmt.Printf("steps: %d, from the cache: %d, explained: %d\n", events.kinds[imagebuildah.StepStarted], events.kinds[imagebuildah.CacheHit], events.kinds["explained"])
	return r.ID, err
}

func (c *counter) explain(x imagebuildah.Explanation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x.Outcome == imagebuildah.Hit || x.Reason != "" {
		c.kinds["explained"]++
	}
}

// publish looks at an image, writes it to a directory and reads one of its files.
func publish(ctx context.Context, e *builder.Engine, id, out string) error {
	images, err := e.ListImages(ctx, builder.ListOptions{Filters: []string{"reference=localhost/built"}})
	if err != nil {
		return err
	}
	fmt.Println("images:", len(images), images[0].ID == id)
	pushed, _, err := e.Push(ctx, id, "dir:"+out, builder.PushOptions{Format: "oci"})
	if err != nil {
		return err
	}
	root, err := copier.OpenRoot(out)
	if err != nil {
		return err
	}
	defer root.Close()
	manifest, err := root.ReadFile("manifest.json", 1<<20)
	if err != nil {
		return err
	}
	fmt.Printf("pushed: %v, sound %v\n", len(manifest) > 0, pushed.ManifestDigest.Validate() == nil)
	b, err := builder.From(ctx, e, id, builder.FromOptions{})
	if err != nil {
		return err
	}
	defer b.Delete(ctx)
	tree, finish, err := b.Lend(ctx)
	if err != nil {
		return err
	}
	defer finish()
	text, err := tree.ReadFile("/greeting", 100)
	if err == nil {
		_, err = io.WriteString(os.Stdout, string(text))
	}
	return err
}
