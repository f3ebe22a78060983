package cache

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// shared is the program under test, made once.
var shared struct {
	once sync.Once
	err  error
	dir  string
	path string
}

func TestMain(m *testing.M) {
	status := m.Run()
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(status)
}

// program gives the program under test: BUILDAH_BINARY, else it is built.
func program(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	shared.once.Do(func() {
		if shared.path = os.Getenv("BUILDAH_BINARY"); shared.path != "" {
			return
		}
		if shared.dir, shared.err = os.MkdirTemp("", "cache-"); shared.err != nil {
			return
		}
		shared.path = filepath.Join(shared.dir, "buildah")
		out, err := exec.Command("go", "build", "-o", shared.path, "../../cmd/buildah").CombinedOutput()
		if err != nil {
			shared.err = fmt.Errorf("building: %w\n%s", err, out)
		}
	})
	must(t, shared.err)
	return shared.path
}

// place is a store with a base image.
type place struct {
	t       testing.TB
	dir     string
	program string
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{t: t, program: program(t)}
	var err error
	p.dir, err = os.MkdirTemp("/var/tmp", "buildah-cache-test-")
	must(t, err)
	t.Cleanup(func() {
		mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(p.dir))
		must(t, err)
		for i := len(mounts) - 1; i >= 0; i-- {
			_ = unix.Unmount(mounts[i].Mountpoint, unix.MNT_DETACH)
		}
		os.RemoveAll(p.dir)
	})
	must(t, os.Mkdir(p.path("tmp"), 0o700))
	write(t, p.path("policy.json"), `{"default":[{"type":"insecureAcceptAnything"}]}`)
	write(t, p.path("registries.conf"), "unqualified-search-registries = []\n")
	p.base("localhost/base", nil)
	return p
}

// base makes an image with a shell, and what change adds.
func (p *place) base(name string, change []string) {
	p.t.Helper()
	root := p.path("base-" + filepath.Base(name))
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		p.t.Skip("needs the program \"busybox\", which is not installed")
	}
	data, err := os.ReadFile(busybox)
	must(p.t, err)
	for _, dir := range []string{"bin", "dev", "etc", "proc", "sys", "tmp"} {
		must(p.t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	must(p.t, os.WriteFile(root+"/bin/busybox", data, 0o755))
	for _, applet := range []string{"sh", "cat", "echo", "ls", "mkdir", "env", "id", "ln", "rm", "chmod", "stat", "pwd", "true"} {
		_ = os.Symlink("busybox", root+"/bin/"+applet)
	}
	write(p.t, root+"/etc/passwd", "root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
	for _, file := range change {
		write(p.t, root+"/"+file, "of "+name)
	}
	container := p.run("from", "scratch")
	p.run("copy", "-q", container, root, "/")
	p.run("commit", "-q", "--rm", "--timestamp", "1", container, name)
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// try runs the program; both streams are given together.
func (p *place) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Minute)
	defer cancel()
	words := append([]string{"--root", p.path("root"), "--runroot", p.path("run"), "--storage-driver", "overlay"}, args...)
	cmd := exec.CommandContext(ctx, p.program, words...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "BUILDAH_") && !strings.HasPrefix(kv, "SOURCE_DATE_EPOCH=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "CONTAINERS_REGISTRIES_CONF="+p.path("registries.conf"), "CONTAINERS_POLICY_JSON="+p.path("policy.json"),
		"BUILDAH_ISOLATION=chroot", "TMPDIR="+p.path("tmp"))
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (p *place) run(args ...string) string {
	p.t.Helper()
	out, err := p.try(args...)
	if err != nil {
		p.t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return out
}

// build builds a context and tells for each step whether it was a hit ("h") or a
// miss ("m"); FROM is left out. Stages are told apart by a space.
func (p *place) build(dir string, flags ...string) (pattern, id string) {
	p.t.Helper()
	args := append([]string{"build", "--network", "host", "-t", "localhost/out"}, flags...)
	out := p.run(append(args, dir)...)
	lines := strings.Split(out, "\n")
	for _, line := range lines {
		_, step, found := strings.Cut(line, "STEP ")
		switch {
		case found && strings.Contains(step, ": FROM "):
			pattern += " "
		case found:
			pattern += "m"
		case strings.HasPrefix(line, "--> Using cache "):
			pattern = strings.TrimSuffix(pattern, "m") + "h"
		}
	}
	return strings.TrimSpace(pattern), lines[len(lines)-1]
}

func write(t testing.TB, name, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(name), 0o755))
	must(t, os.WriteFile(name, []byte(text), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
