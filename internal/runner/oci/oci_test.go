package oci_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.podman.io/storage/pkg/reexec"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/runner/oci"
	"github.com/projectatomic/buildah/internal/runner/runnertest"
)

func TestMain(m *testing.M) {
	oci.Register()
	reexec.Register(callerName, caller)
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

// stateDir is short, since a socket lies in it.
func stateDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "oci")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := oci.Sweep(context.WithoutCancel(t.Context()), dir, os.Environ()); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}

func newRunner(t testing.TB, name string) *oci.Runner {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := exec.LookPath(name); name != "" && err != nil {
		t.Skipf("needs the program %q, which is not installed", name)
	}
	state := stateDir(t)
	found, err := oci.Find(t.Context(), oci.Search{Name: name, StateDir: state, Env: os.Environ()})
	if err != nil {
		t.Skipf("no OCI runtime: %v", err)
	}
	r := oci.New(found, oci.Options{StateDir: state, Env: os.Environ()})
	r.Ahead()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestSuite(t *testing.T) {
	runnertest.Suite(t, func(t *testing.T) runner.Runner { return newRunner(t, "") })
}

// TestSuiteRootless is the same for an ordinary user.
func TestSuiteRootless(t *testing.T) { runnertest.Rootless(t, "TestSuite") }

// TestSuiteOthers is the same for the runtimes that BUILDAH_TEST_RUNTIMES names, by
// names or paths, where they work.
func TestSuiteOthers(t *testing.T) {
	for name := range strings.FieldsSeq(os.Getenv("BUILDAH_TEST_RUNTIMES")) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			path, err := exec.LookPath(name)
			if err != nil {
				t.Fatal(err)
			}
			// Only what is not asked for by name is tried out.
			only := map[string][]string{"crun": {path}}
			if _, err := oci.Find(t.Context(), oci.Search{Runtimes: only, StateDir: stateDir(t), Env: []string{"PATH=/nonexistent"}}); errors.Is(err, oci.ErrNone) {
				t.Skip(err)
			}
			runnertest.Suite(t, func(t *testing.T) runner.Runner { return newRunner(t, name) })
		})
	}
}
