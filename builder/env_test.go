package builder

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.podman.io/storage/pkg/reexec"

	"github.com/projectatomic/buildah/internal/containersconf"
	"github.com/projectatomic/buildah/internal/network"
	"github.com/projectatomic/buildah/internal/runner/chroot"
	"github.com/projectatomic/buildah/internal/runner/oci"
	"github.com/projectatomic/buildah/internal/spec"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/testenv"
	"github.com/projectatomic/buildah/internal/transfer"
)

func TestMain(m *testing.M) {
	chroot.Register()
	oci.Register()
	network.Register()
	reexec.Register(childName, childMain)
	reexec.Register(stepChildName, stepChildMain)
	testenv.Main(m)
}

// env is an engine on a temporary store, and what it warned about.
type env struct {
	*Engine
	t testing.TB

	mu       sync.Mutex
	warnings []string
}

// newEnv makes an engine on an empty store; "" is the overlay driver.
func newEnv(t testing.TB, driver string) *env {
	t.Helper()
	testenv.NeedRoot(t)
	v := &env{t: t}
	v.Engine = engineOn(testenv.Store(t, driver), t.TempDir())
	v.Warn = func(format string, args ...any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.warnings = append(v.warnings, fmt.Sprintf(format, args...))
	}
	return v
}

// engineOn is an engine whose files for a while are in dir.
func engineOn(s *store.Store, dir string) *Engine {
	return &Engine{
		Store: s, Images: &transfer.Client{Store: s},
		Config: containersconf.Config{Containers: containersconf.Containers{
			Namespaces: containersconf.Namespaces{NetNS: "host"}, DefaultCapabilities: spec.DefaultCapabilities(),
		}},
		Host: Host{Version: "test", TempDir: dir, RuntimeDir: dir, Umask: 0o022, Stderr: io.Discard},
	}
}

func (v *env) warned() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Join(v.warnings, "\n")
}

// image writes a base image localhost/NAME with one layer, "" for no name, and
// gives its ID.
func (v *env) image(name string, files testenv.Files, edits ...testenv.Edit) string {
	v.t.Helper()
	if name != "" {
		name = "localhost/" + name
	}
	return testenv.BaseImage(v.t, v.Store, name, files, edits...)
}

// smallFiles is a root with one user and one group.
func smallFiles() testenv.Files {
	return testenv.Files{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\nu:x:7:8::/:/bin/sh\n", "etc/group": "root:x:0:\ng:x:9:\n", "d/f": "base",
	}
}

// from makes a container on an image of the store, or on scratch.
func (v *env) from(image string, change ...func(*FromOptions)) *Builder {
	v.t.Helper()
	o := FromOptions{Base: BaseOptions{Pull: transfer.PullNever}}
	for _, c := range change {
		c(&o)
	}
	b, err := From(v.t.Context(), v.Engine, image, o)
	if err != nil {
		v.t.Fatalf("making a container on %q: %v", image, err)
	}
	return b
}

func named(name string) func(*FromOptions) { return func(o *FromOptions) { o.Name = name } }

func never() PullPolicy { return transfer.PullNever }

func owned(o *FromOptions) { o.Owned = true }

// write puts a file into a container.
func (v *env) write(b *Builder, name, text string) {
	v.t.Helper()
	v.inside(b, func(root string) {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			v.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			v.t.Fatal(err)
		}
	})
}

// inside mounts a container for the time of work.
func (v *env) inside(b *Builder, work func(root string)) {
	v.t.Helper()
	root, err := v.Store.Mount(b.ID(), "")
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() {
		if _, err := v.Store.Unmount(b.ID()); err != nil {
			v.t.Errorf("unmounting: %v", err)
		}
	}()
	work(root)
}

// read gives a file of a container, or an error's text.
func (v *env) read(b *Builder, name string) (text string) {
	v.t.Helper()
	v.inside(b, func(root string) {
		data, err := os.ReadFile(filepath.Join(root, name))
		text = string(data)
		if err != nil {
			text = "missing"
		}
	})
	return text
}

func (v *env) commit(b *Builder, dest string, change ...func(*CommitOptions)) Committed {
	v.t.Helper()
	var o CommitOptions
	for _, c := range change {
		c(&o)
	}
	done, err := b.Commit(v.t.Context(), dest, o)
	if err != nil {
		v.t.Fatalf("committing to %q: %v", dest, err)
	}
	return done
}

// at fixes the times of a commit.
func at(o *CommitOptions) {
	when := fixedTime()
	o.Times.Timestamp = &when
}

func fixedTime() time.Time { return time.Unix(1700000000, 0).UTC() }

// counts is how many images, containers and layers the store has.
func (v *env) counts() [3]int {
	v.t.Helper()
	images, err := v.Store.Images()
	if err != nil {
		v.t.Fatal(err)
	}
	containers, err := v.Store.Containers()
	if err != nil {
		v.t.Fatal(err)
	}
	layers, err := v.Store.LayerParents()
	if err != nil {
		v.t.Fatal(err)
	}
	return [3]int{len(images), len(containers), len(layers)}
}

// tree writes files below a new directory.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func decode[T any](t testing.TB, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("decoding: %v\n%s", err, data)
	}
	return v
}

// try gives a result, or ends the test: try(f())(t).
func try[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantError checks that an error has a text in it.
func wantError(t testing.TB, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("got the error %v, want one with %q", err, text)
	}
}
