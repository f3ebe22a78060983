package transports

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/testenv"
)

// built is the program under test, made once.
var built struct {
	once sync.Once
	err  error
	dir  string
	path string
}

func TestMain(m *testing.M) {
	status := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(status)
}

// program gives the program under test: BUILDAH_BINARY, else it is built.
func program(t *testing.T) string {
	t.Helper()
	testenv.NeedRoot(t)
	built.once.Do(func() {
		if built.path = os.Getenv("BUILDAH_BINARY"); built.path != "" {
			return
		}
		if built.dir, built.err = os.MkdirTemp("", "buildah-transports-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "buildah")
		if out, err := exec.Command("go", "build", "-o", built.path, "../../cmd/buildah").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("building: %w\n%s", err, out)
		}
	})
	must(t, built.err)
	return built.path
}

// place is a store, and a directory in which the program runs.
type place struct {
	t   *testing.T
	dir string
	env []string
}

func newPlace(t *testing.T, env ...string) *place {
	t.Helper()
	program(t)
	p := &place{t: t, dir: t.TempDir()}
	p.write("policy.json", `{"default":[{"type":"insecureAcceptAnything"}]}`)
	p.write("registries.conf", "unqualified-search-registries = []\n[[registry]]\nlocation = \"127.0.0.1\"\ninsecure = true\n")
	must(t, os.Mkdir(p.path("tmp"), 0o700))
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "BUILDAH_") && !strings.HasPrefix(kv, "DOCKER_") {
			p.env = append(p.env, kv)
		}
	}
	p.env = append(p.env, "CONTAINERS_POLICY_JSON="+p.path("policy.json"), "CONTAINERS_REGISTRIES_CONF="+p.path("registries.conf"),
		"TMPDIR="+p.path("tmp"), "BUILDAH_ISOLATION=chroot")
	p.env = append(p.env, env...)
	t.Cleanup(p.unmount)
	return p
}

// unmount takes away what the program leaves mounted on purpose: the store itself.
func (p *place) unmount() {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		p.t.Error(err)
		return
	}
	var mounts []string
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], p.dir+"/") {
			mounts = append([]string{fields[4]}, mounts...)
		}
	}
	for _, m := range mounts {
		if err := unix.Unmount(m, unix.MNT_DETACH); err != nil {
			p.t.Errorf("unmounting %s: %v", m, err)
		}
	}
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) write(name, text string) {
	p.t.Helper()
	must(p.t, os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	must(p.t, os.WriteFile(p.path(name), []byte(text), 0o644))
}

// try runs the program.
func (p *place) try(t *testing.T, args ...string) (out, errs string, err error) {
	t.Helper()
	words := append([]string{"--root", p.path("root"), "--runroot", p.path("run"), "--storage-driver", "overlay"}, args...)
	cmd := exec.CommandContext(t.Context(), program(t), words...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, p.env, &stdout, &stderr
	err = cmd.Run()
	return strings.TrimSpace(stdout.String()), strings.TrimSpace(stderr.String()), err
}

// run runs the program, which has to succeed, and gives what it prints.
func (p *place) run(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, err := p.try(t, args...)
	if err != nil {
		t.Fatalf("buildah %q: %v\n%s\n%s", args, err, out, errs)
	}
	return out
}

// refuses runs the program, which has to fail with one line that contains a text.
func (p *place) refuses(t *testing.T, text string, args ...string) {
	t.Helper()
	out, errs, err := p.try(t, args...)
	if err == nil {
		t.Errorf("buildah %q succeeded: %s", args, out)
		return
	}
	first, _, _ := strings.Cut(errs, "\n")
	if strings.Count("\n"+errs, "\nError: ") != 1 || !strings.HasPrefix(first, "Error: ") || !strings.Contains(first, text) {
		t.Errorf("buildah %q: wanted one line with %q:\n%s", args, text, errs)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
