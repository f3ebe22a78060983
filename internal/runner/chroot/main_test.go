package chroot

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/projectatomic/buildah/internal/runner"
	"go.podman.io/storage/pkg/reexec"
)

func TestMain(m *testing.M) {
	Register()
	reexec.Register(callerName, caller)
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

const busybox = "/bin/busybox"

// newRoot makes a root file system of busybox.
func newRoot(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	data, err := os.ReadFile(busybox)
	if err != nil {
		t.Skipf("needs a static busybox: %v", err)
	}
	root := t.TempDir()
	for _, dir := range []string{"bin", "etc", "tmp", "dev", "proc", "sys"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, busybox), data, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"sh", "cat", "id", "ls", "true", "false", "echo", "sleep", "kill", "mount", "chroot", "ps", "readlink", "mkdir", "stty", "tty",
		"grep", "touch", "stat", "head", "wc", "hostname", "ip", "chown", "umount", "pwd", "env", "setsid", "dd", "mknod", "sort", "nc", "cut", "cp",
	} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// defaultCaps are the rights that a container has unless told otherwise.
var defaultCaps = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
	"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// newSpec is what internal/spec makes of defaults.
func newSpec(root string, args ...string) *specs.Spec {
	return &specs.Spec{
		Root:     &specs.Root{Path: root},
		Hostname: "inside",
		Process: &specs.Process{
			Args: args, Cwd: "/", Env: []string{"PATH=/sbin:/bin"},
			User: specs.User{AdditionalGids: []uint32{0}},
			Capabilities: &specs.LinuxCapabilities{
				Bounding: defaultCaps, Permitted: defaultCaps, Effective: defaultCaps, Inheritable: defaultCaps, Ambient: defaultCaps,
			},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"private", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"rprivate", "nosuid", "noexec", "nodev", "relatime", "rw"}},
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
			},
			MaskedPaths:   []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/acpi", "/sys/firmware", "/proc/nosuch"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

// result is what a run came to.
type result struct {
	out, err string
	failure  error
}

func run1(t testing.TB, r *Runner, spec *specs.Spec, stdin string) result {
	t.Helper()
	var out, errs bytes.Buffer
	job := runner.Job{ID: "test", Spec: spec, Bundle: t.TempDir(), Stdio: runner.Stdio{Out: &out, Err: &errs}}
	if stdin != "" {
		job.Stdio.In = strings.NewReader(stdin)
	}
	err := r.Run(t.Context(), job)
	return result{out.String(), errs.String(), err}
}

// shell runs a script in a new root and wants it to succeed.
func shell(t *testing.T, script string, change func(*specs.Spec)) string {
	t.Helper()
	spec := newSpec(newRoot(t), "sh", "-c", script)
	if change != nil {
		change(spec)
	}
	got := run1(t, New(), spec, "")
	if got.failure != nil {
		t.Fatalf("%v\nstdout: %s\nstderr: %s", got.failure, got.out, got.err)
	}
	return got.out
}

func capabilityName(n int) string { return "CAP_" + strings.ToUpper(capability.Cap(n).String()) }
