package oci_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.podman.io/storage/pkg/reexec"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/runner/oci"
	"github.com/projectatomic/buildah/internal/spec"
)

const callerName = "oci-test-caller"

// caller is a process that can be killed while it runs a job. Its arguments are
// the state directory, the bundle, the root and a number of seconds.
func caller() {
	state, bundle, root, seconds := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	ctx := context.Background()
	found, err := oci.Find(ctx, oci.Search{StateDir: state, Env: os.Environ()})
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	in := spec.Input{
		Process: spec.Process{Args: []string{"/busybox", "sh", "-c", "echo up; exec /busybox sleep " + seconds}},
		Root:    root,
	}
	built, err := spec.Build(in)
	if err != nil {
		os.Exit(2)
	}
	built.Process.Rlimits = nil
	id := "death"
	if seconds == "0" { // for benchmarks, of which one begins before the last one is tidied up
		id = fmt.Sprintf("death-%d", os.Getpid())
	}
	job := runner.Job{ID: id, Spec: built, Bundle: bundle, Stdio: runner.Stdio{Out: os.Stdout, Err: os.Stderr}}
	if err := oci.New(found, oci.Options{StateDir: state, Env: os.Environ()}).Run(ctx, job); err != nil {
		fmt.Println(err)
	}
	os.Exit(0)
}

// startCaller starts a caller and waits until its command runs.
func startCaller(t *testing.T) (cmd *exec.Cmd, state, bundle, mark string) {
	t.Helper()
	newRunner(t, "") // skips when there is no runtime
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("needs the program \"busybox\", which is not installed")
	}
	root := t.TempDir()
	for _, dir := range []string{"dev", "proc", "sys"} {
		mustDo(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	program, err := os.ReadFile(busybox)
	mustDo(t, err)
	mustDo(t, os.WriteFile(filepath.Join(root, "busybox"), program, 0o755))
	state, bundle = stateDir(t), filepath.Join(t.TempDir(), "bundle")
	mustDo(t, os.MkdirAll(filepath.Join(bundle, "mounted"), 0o755))
	mustDo(t, unix.Mount("tmpfs", filepath.Join(bundle, "mounted"), "tmpfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(filepath.Join(bundle, "mounted"), unix.MNT_DETACH) })
	mark = "8" + strconv.FormatInt(time.Now().UnixNano()%1e9, 10)
	cmd = reexec.CommandContext(t.Context(), callerName, state, bundle, root, mark)
	out, err := cmd.StdoutPipe()
	mustDo(t, err)
	mustDo(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "up\n" {
		rest, _ := io.ReadAll(out)
		t.Fatalf("the command says %q%q, %v", line, rest, err)
	}
	return cmd, state, bundle, mark
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// find lists processes by one of their arguments.
func find(argument string) []int {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var all []int
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil || !slices.Contains(strings.Split(string(data), "\x00"), argument) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return os.IsNotExist(err)
}

func TestCallerIsKilled(t *testing.T) {
	cmd, state, bundle, mark := startCaller(t)
	mustDo(t, cmd.Process.Kill())
	_ = cmd.Wait()
	await(t, "the state is removed", func() bool { return missing(filepath.Join(state, "death")) })
	if left := find(mark); len(left) > 1 { // the caller itself had the mark, too
		t.Fatalf("processes are left: %v", left)
	}
	if !missing(bundle) {
		t.Fatal("the bundle is left")
	}
	noCgroups(t)
}

func TestSweep(t *testing.T) {
	cmd, state, bundle, mark := startCaller(t)
	mustDo(t, oci.Sweep(t.Context(), state, os.Environ()))
	if missing(filepath.Join(state, "death")) {
		t.Fatal("a run under way was swept")
	}
	// The supervisor is the child of the caller.
	supervisors := childrenOf(t, cmd.Process.Pid)
	mustDo(t, cmd.Process.Signal(unix.SIGSTOP))
	for _, pid := range supervisors {
		mustDo(t, unix.Kill(pid, unix.SIGKILL))
	}
	mustDo(t, cmd.Process.Kill())
	_ = cmd.Wait()
	await(t, "the supervisor's end", func() bool {
		mustDo(t, oci.Sweep(t.Context(), state, os.Environ()))
		return missing(filepath.Join(state, "death"))
	})
	if left := find(mark); len(left) > 0 {
		t.Fatalf("processes are left: %v", left)
	}
	if !missing(bundle) {
		t.Fatal("the bundle is left")
	}
	noCgroups(t)
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	mustDo(t, err)
	var all []int
	for _, file := range files {
		data, err := os.ReadFile(file)
		mustDo(t, err)
		for field := range strings.FieldsSeq(string(data)) {
			child, err := strconv.Atoi(field)
			mustDo(t, err)
			all = append(all, child)
		}
	}
	return all
}

func noCgroups(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"/sys/fs/cgroup/death", "/sys/fs/cgroup/*/death", "/sys/fs/cgroup/*/*/death"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Fatalf("cgroups are left: %v", left)
		}
	}
}
