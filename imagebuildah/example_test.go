package imagebuildah_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/imagebuildah"
)

// steps tells of the steps of a build, and drops all else.
type steps struct{}

func (steps) Render(e imagebuildah.Event) error {
	switch e.Kind {
	case imagebuildah.StepStarted:
		fmt.Println("step:", e.Step.Text)
	case imagebuildah.CacheHit:
		fmt.Println("  from the cache")
	}
	return nil
}

func (steps) Close() error { return nil }

// exampleEngine makes an engine on a store in a directory.
func exampleEngine(dir string) *builder.Engine {
	e, err := builder.NewEngine(builder.EngineOptions{
		Store: builder.StoreOptions{GraphRoot: filepath.Join(dir, "root"), RunRoot: filepath.Join(dir, "run"), Driver: "vfs"},
		Host:  builder.Host{Version: "example", TempDir: dir},
	})
	if err != nil {
		panic(err)
	}
	return e
}

// buildContext makes a context of a Dockerfile and a file.
func buildContext(dir string) string {
	path := filepath.Join(dir, "context")
	if err := os.MkdirAll(path, 0o755); err != nil {
		panic(err)
	}
	for name, text := range map[string]string{"Dockerfile": "FROM scratch\nCOPY page /srv/page\nENV PORT=80\n", "page": "<p>hello"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o644); err != nil {
			panic(err)
		}
	}
	return path
}

// A Dockerfile is built twice; the second time the steps come from the cache,
// and Explained hears why.
func ExampleBuild() {
	dir, err := os.MkdirTemp("", "imagebuildah-example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if os.Geteuid() != 0 { // examples have no way to be skipped
		fmt.Print("step: FROM scratch\nstep: COPY page /srv/page\nstep: ENV PORT=80\nagain: COPY page /srv/page: hit\nagain: ENV PORT=80: hit\nthe same image: true\n")
		return
	}
	e := exampleEngine(dir)
	defer e.Close() //nolint:errcheck // the store goes with the example
	o := imagebuildah.Options{
		Source: imagebuildah.Source{Context: buildContext(dir), Fetch: imagebuildah.FetchOptions{Cwd: dir, TempDir: dir}},
		Tags:   []string{"localhost/web"}, Layers: true,
		Output: imagebuildah.Output{Events: imagebuildah.NewStream(steps{})},
	}
	first, err := imagebuildah.Build(context.Background(), e, o)
	if err = errors.Join(err, o.Output.Events.Close()); err != nil {
		panic(err)
	}
	o.Output = imagebuildah.Output{Explained: func(x imagebuildah.Explanation) {
		fmt.Printf("again: %s: %s\n", x.Text, x.Outcome)
	}}
	second, err := imagebuildah.Build(context.Background(), e, o)
	if err != nil {
		panic(err)
	}
	fmt.Println("the same image:", first.ID == second.ID)
	// Output:
	// step: FROM scratch
	// step: COPY page /srv/page
	// step: ENV PORT=80
	// again: COPY page /srv/page: hit
	// again: ENV PORT=80: hit
	// the same image: true
}

// A mistake knows its place.
func ExampleCheck() {
	dir, err := os.MkdirTemp("", "imagebuildah-example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPPY a b\n"), 0o644); err != nil {
		panic(err)
	}
	_, err = imagebuildah.Check(context.Background(), imagebuildah.Options{
		Source: imagebuildah.Source{Context: dir, Fetch: imagebuildah.FetchOptions{Cwd: dir, TempDir: dir}},
	})
	var mistake *imagebuildah.SourceError
	if errors.As(err, &mistake) {
		fmt.Println("line", mistake.Line)
	}
	// Output: line 2
}
