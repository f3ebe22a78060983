package registry

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/testenv"
)

// place is a store, and what the program is told about the world.
type place struct {
	t   *testing.T
	dir string
}

// newPlace makes one where every registry on the loopback may be insecure; conf is
// added to registries.conf.
func newPlace(t *testing.T, conf string) *place {
	t.Helper()
	parent := "/dev/shm" // the disk is not what is tested
	if fi, err := os.Stat(parent); err != nil || !fi.IsDir() {
		parent = "/var/tmp"
	}
	dir, err := os.MkdirTemp(parent, "buildah-registry-")
	must(t, err)
	p := &place{t: t, dir: dir}
	t.Cleanup(func() {
		mounts, _ := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
		for i := range mounts {
			_ = unix.Unmount(mounts[len(mounts)-1-i].Mountpoint, unix.MNT_DETACH)
		}
		os.RemoveAll(dir)
	})
	for name, text := range map[string]string{
		"policy.json":     `{"default":[{"type":"insecureAcceptAnything"}]}`,
		"registries.conf": "unqualified-search-registries = []\n[[registry]]\nlocation = \"127.0.0.1\"\ninsecure = true\n" + conf,
		"context/f":       "f\n",
	} {
		p.write(name, text)
	}
	must(t, os.Mkdir(p.path("tmp"), 0o755))
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) write(name, text string) {
	must(p.t, os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	must(p.t, os.WriteFile(p.path(name), []byte(text), 0o644))
}

// command is the program with words, not yet started.
func (p *place) command(words ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), shared.program, append([]string{"--root", p.path("root"), "--runroot", p.path("run"), "--storage-driver", "overlay"}, words...)...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "BUILDAH_") && !strings.HasPrefix(kv, "REGISTRY_AUTH_FILE=") && !strings.HasPrefix(kv, "DOCKER_CONFIG=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "CONTAINERS_POLICY_JSON="+p.path("policy.json"), "CONTAINERS_REGISTRIES_CONF="+p.path("registries.conf"),
		"TMPDIR="+p.path("tmp"), "HOME="+p.dir, "XDG_RUNTIME_DIR="+p.dir, "BUILDAH_ISOLATION=chroot")
	cmd.Dir = p.dir
	return cmd
}

// run gives what the program prints on standard output, and in all.
func (p *place) run(words ...string) (out, all string, err error) {
	cmd := p.command(words...)
	var stdout, both strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &both
	err = cmd.Run()
	return strings.TrimSpace(stdout.String()), stdout.String() + both.String(), err
}

// must is run where it has to succeed.
func (p *place) must(words ...string) string {
	p.t.Helper()
	out, all, err := p.run(words...)
	if err != nil {
		p.t.Fatalf("buildah %s: %v\n%s", strings.Join(words, " "), err, all)
	}
	return out
}

// refused is run where it has to fail with one line that has each of the texts, and
// to leave everything as it was.
func (p *place) refused(before map[string]string, words []string, texts ...string) {
	p.t.Helper()
	_, all, err := p.run(words...)
	if err == nil {
		p.t.Fatalf("buildah %s succeeded:\n%s", strings.Join(words, " "), all)
	}
	if n := strings.Count("\n"+all, "\nError: "); n != 1 {
		p.t.Errorf("%d lines with errors:\n%s", n, all)
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			p.t.Errorf("%q is not in:\n%s", text, all)
		}
	}
	p.unchanged(before)
}

func (p *place) unchanged(before map[string]string) {
	p.t.Helper()
	if diff := cmp.Diff(before, p.look()); diff != "" {
		p.t.Errorf("before (-) and after (+):\n%s", diff)
	}
}

// look gives the files of the store, of its state and of the temporary directory, by
// their content. Lock files tell who wrote last, which is no content.
func (p *place) look() map[string]string {
	p.t.Helper()
	seen := map[string]string{}
	for _, top := range []string{"root", "run", "tmp"} {
		must(p.t, filepath.WalkDir(p.path(top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && filepath.Base(path) == "merged" {
				return err
			}
			name, _ := filepath.Rel(p.dir, path)
			switch {
			case strings.HasPrefix(name, "run/buildah-locks/layer-"): // one for each of 256 kinds of layers, for ever
			case strings.HasPrefix(name, "root/buildah-blobs/"): // which blobs registries have: they do, whatever fails after that
			case d.Type().IsRegular() && strings.HasSuffix(path, ".lock"):
				seen[name] = "a lock"
			case d.Type().IsRegular():
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				seen[name] = fmt.Sprintf("%d bytes, %x", len(data), sha256.Sum256(data))
			default:
				seen[name] = d.Type().String()
			}
			return nil
		}))
	}
	return seen
}

// interrupted runs the program until ready, ends it politely and wants it gone.
func (p *place) interrupted(ready func() bool, words ...string) {
	p.t.Helper()
	cmd := p.command(words...)
	must(p.t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }()
	for deadline := time.Now().Add(20 * time.Second); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatal("it does not get as far as it should")
		}
	}
	must(p.t, cmd.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	select {
	case err := <-ended:
		if err == nil {
			p.t.Error("it succeeded")
		}
	case <-ctx.Done():
		p.t.Fatal("it does not end")
	}
}

// proxy is a way to the open registry.
func proxy(t *testing.T) *testenv.Proxy {
	t.Helper()
	return testenv.NewProxy(t, shared.open.url, nil)
}
