// Package runnertest is the suite that every runner has to pass. It needs root
// and a static busybox. The test program that calls it must re-execute itself,
// as main does: see the TestMain of internal/runner/oci.
package runnertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"debug/elf"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/spec"
)

// fixture is a root file system and the runner under test.
type fixture struct {
	runner runner.Runner
	root   string
}

// newFixture makes a root with busybox in it.
func newFixture(t *testing.T, r runner.Runner) *fixture {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("needs the program \"busybox\", which is not installed")
	}
	if !static(busybox) {
		t.Skip("needs a static busybox (package busybox-static)")
	}
	root := t.TempDir()
	must(t, os.Chmod(root, 0o755))
	for _, dir := range []string{"bin", "dev", "etc", "proc", "root", "sys", "tmp", "work", "vol", "ro"} {
		must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	program, err := os.ReadFile(busybox)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "bin/busybox"), program, 0o755))
	list, err := exec.CommandContext(t.Context(), busybox, "--list").Output()
	must(t, err)
	for applet := range strings.FieldsSeq(string(list)) {
		if applet != "busybox" {
			must(t, os.Symlink("busybox", filepath.Join(root, "bin", applet)))
		}
	}
	must(t, os.WriteFile(filepath.Join(root, "bin/plain"), []byte("not a program\n"), 0o644))
	return &fixture{runner: r, root: root}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func static(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// outcome is what became of a run.
type outcome struct {
	out, err string
	failure  error
}

// shell runs a script of the shell.
func (f *fixture) shell(t *testing.T, script string, adjust ...func(*spec.Input, *runner.Job)) outcome {
	t.Helper()
	return f.run(t, []string{"/bin/sh", "-c", script}, adjust...)
}

func (f *fixture) run(t *testing.T, argv []string, adjust ...func(*spec.Input, *runner.Job)) outcome {
	t.Helper()
	return f.runUntil(t.Context(), t, argv, adjust...)
}

func (f *fixture) runUntil(ctx context.Context, t *testing.T, argv []string, adjust ...func(*spec.Input, *runner.Job)) outcome {
	t.Helper()
	var out, err bytes.Buffer
	in := f.input(argv)
	job := runner.Job{ID: "runnertest-" + unique(), Bundle: t.TempDir(), Stdio: runner.Stdio{Out: &out, Err: &err}}
	for _, a := range adjust {
		a(&in, &job)
	}
	built, buildErr := spec.Build(in)
	must(t, buildErr)
	job.Spec = built
	failure := f.runner.Run(ctx, job)
	return outcome{out: out.String(), err: err.String(), failure: failure}
}

// input is what a run has unless a test says otherwise.
func (f *fixture) input(argv []string) spec.Input {
	return spec.Input{
		Process:  spec.Process{Args: argv, Env: []string{"PATH=/bin", "HOME=/root"}, Cwd: "/"},
		Root:     f.root,
		Hostname: "suite",
		// The network is the host's, since not every runner makes others.
		Namespaces: []spec.Namespace{{Name: "network", Host: true}},
		Security:   spec.Security{Capabilities: spec.DefaultCapabilities()},
		Ceiling:    ceiling(),
		Rootless:   InUserNamespace(),
	}
}

// ceiling is what this process may set, as far as the suite needs it.
func ceiling() spec.Ceiling {
	c := spec.Ceiling{Hard: map[string]uint64{}}
	for name, number := range map[string]int{"RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_NPROC": unix.RLIMIT_NPROC} {
		var limit unix.Rlimit
		if unix.Getrlimit(number, &limit) == nil {
			c.Hard[name] = limit.Max
		}
	}
	return c
}

func unique() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func bind(source, target string, options ...string) specs.Mount {
	return specs.Mount{Destination: target, Type: "bind", Source: source, Options: append([]string{"rbind", "rprivate"}, options...)}
}

// says fails the test unless the run succeeded with exactly this output.
func (o outcome) says(t *testing.T, want string) {
	t.Helper()
	if o.failure != nil {
		t.Fatalf("run failed: %v\nstdout: %s\nstderr: %s", o.failure, o.out, o.err)
	}
	if o.out != want {
		t.Fatalf("stdout is %q, want %q\nstderr: %s", o.out, want, o.err)
	}
}
