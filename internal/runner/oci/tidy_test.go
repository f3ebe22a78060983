package oci_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/runner/oci"
	"github.com/projectatomic/buildah/internal/spec"
)

// TestNoCgroupsLeft: a run's end is reported before it is tidied up after, and the
// bundle may be gone by then.
func TestNoCgroupsLeft(t *testing.T) {
	for name, flags := range map[string][]string{"by us": nil, "by the runtime": {"log-format=text"}} {
		t.Run(name, func(t *testing.T) {
			newRunner(t, "") // skips when there is no runtime
			state := stateDir(t)
			found, err := oci.Find(t.Context(), oci.Search{StateDir: state, Env: os.Environ()})
			if err != nil {
				t.Fatal(err)
			}
			r := oci.New(found, oci.Options{StateDir: state, Env: os.Environ(), Flags: flags})
			root := busyboxRoot(t)
			for i := range 5 {
				runAndVanish(t, r, root, "tidy-"+strconv.Itoa(os.Getpid())+"-"+strconv.Itoa(i), state)
			}
		})
	}
}

// runAndVanish runs a job whose bundle is removed at once.
func runAndVanish(t *testing.T, r *oci.Runner, root, id, state string) {
	t.Helper()
	bundle, err := os.MkdirTemp("", "bundle")
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.Build(spec.Input{Process: spec.Process{Args: []string{"/busybox", "true"}}, Root: root})
	if err != nil {
		t.Fatal(err)
	}
	s.Process.Rlimits = nil
	err = r.Run(t.Context(), runner.Job{ID: id, Spec: s, Bundle: bundle})
	_ = os.RemoveAll(bundle)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Lstat(filepath.Join(state, id)); os.IsNotExist(err) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the state of %q is still there", id)
		}
	}
	for depth := range 5 {
		left, _ := filepath.Glob("/sys/fs/cgroup/" + strings.Repeat("*/", depth) + id)
		if len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// busyboxRoot is a root with nothing but a shell.
func busyboxRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"proc", "sys", "dev"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("needs the program \"busybox\", which is not installed")
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "busybox"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}
