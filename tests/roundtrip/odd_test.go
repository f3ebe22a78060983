package roundtrip

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestEmptyLayer commits a container in which nothing was changed.
func TestEmptyLayer(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		p := newPlace(t, driver)
		p.furnish()
		p.b("from", "--name", "same", "localhost/base")
		want := p.treeOf("localhost/base")
		p.b("commit", "-q", "same", "localhost/same")
		p.compare("the image", want, p.treeOf("localhost/same"))
		p.b("push", "-q", "localhost/same", "dir:"+p.path("out"))
		q := newPlace(t, driver)
		q.arrives(want, q.b("pull", "-q", "dir:"+p.path("out")))
		p.check()
	}
}

// TestRefused: what no layer can hold is refused by name, and nothing is made.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		p := newPlace(t, driver)
		p.b("from", "--name", "work", "scratch")
		p.in("work", func(root string) {
			must(t, os.Mkdir(root+"/dir", 0o755))
			write(t, root+"/dir/.wh.x", "a real file")
		})
		for _, args := range [][]string{{"commit", "work", "localhost/x"}, {"commit", "--squash", "work", "localhost/x"}} {
			_, stderr, err := p.try(p.buildah, args...)
			if err == nil || !strings.Contains(stderr, `"dir/.wh.x" cannot be in a layer`) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s %q: %v\n%s", driver, args, err, stderr)
			}
		}
		if out := p.b("images", "-q", "-a"); out != "" {
			t.Errorf("images: %s", out)
		}
		p.check()
	}
}

// TestLongPath makes a path that no system call takes whole. No tool can unpack it,
// so it is refused.
func TestLongPath(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		p := newPlace(t, driver)
		p.b("from", "--name", "work", "scratch")
		p.in("work", func(root string) { must(t, deep(root, 25)) })
		_, stderr, err := p.try(p.buildah, "commit", "-q", "work", "localhost/deep")
		if err == nil || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "name too long") && !strings.Contains(stderr, "4094") {
			t.Errorf("%s: %v\n%s", driver, err, stderr)
		}
		p.check()
	}
}

// deep makes directories in each other, each named by 200 letters.
func deep(root string, levels int) error {
	at, err := unix.Open(root, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	name := strings.Repeat("d", 200)
	for range levels {
		if err != nil {
			return err
		}
		err = unix.Mkdirat(at, name, 0o755)
		next := -1
		if err == nil {
			next, err = unix.Openat(at, name, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		}
		err = errors.Join(err, unix.Close(at))
		at = next
	}
	return errors.Join(err, unix.Close(at))
}

// TestWriterOutlives: a process that outlives its RUN, or a user's run, cannot
// write into a layer that is finished.
func TestWriterOutlives(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "overlay")
	p.furnish()
	must(t, os.Link(p.mktree, p.path("source", "mktree")))
	t.Cleanup(func() { p.endWriters() })
	for _, isolation := range []string{"oci", "chroot"} {
		write(t, p.path("source", "Dockerfile"), "FROM localhost/base\nCOPY mktree /mktree\nRUN [\"/mktree\",\"writer\",\"/\"]\nRUN [\"/mktree\",\"lower\",\"/again\"]\n")
		for _, layers := range []string{"--layers", "--layers=false"} {
			p.b("build", "-q", "--isolation", isolation, "--pid", "host", "--no-cache", layers, "-t", "localhost/writer", p.path("source"))
			p.check()
			time.Sleep(100 * time.Millisecond)
			p.check()
			p.endWriters()
		}
		p.b("from", "--name", "w", "localhost/base")
		p.b("copy", "-q", "w", p.mktree, "/mktree")
		p.b("run", "--isolation", isolation, "--pid", "host", "w", "/mktree", "writer", "/")
		p.b("commit", "-q", "--rm", "w", "localhost/w")
		p.check()
		time.Sleep(100 * time.Millisecond)
		p.check()
		p.endWriters()
	}
}

// endWriters ends the processes of this test only: those whose root, or program,
// is in its place.
func (p *place) endWriters() {
	dirs, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, exe := range dirs {
		args, _ := os.ReadFile(filepath.Dir(exe) + "/cmdline")
		target, _ := os.Readlink(exe)
		if !strings.HasPrefix(string(args), "/proc/self/exe\x00writing\x00") || !strings.HasSuffix(target, "/mktree") {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(exe, "/proc/%d/exe", &pid); err == nil {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// layerTar lists what the tar of a layer says.
func (p *place) layerTar(id string) (lines []string) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(slices.Clone(p.env), listEnv+"="+strings.Join([]string{p.path("root"), p.path("run"), p.driver, id}, "\n"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Errorf("listing layer %s: %v\n%s", id, err, out)
	}
	return strings.Split(string(out), "\n")
}

// TestSameLayerAtOnce has processes apply the same layer at the same time: there
// is one, and both images are right. (The kernel gives whiteouts the time of the
// deletion, so that only a fixed time makes layers the same.)
func TestSameLayerAtOnce(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		p := newPlace(t, driver)
		p.furnish()
		for range 4 {
			const n = 3
			for i := range n {
				c := fmt.Sprintf("c%d", i)
				p.b("from", "--name", c, "localhost/base")
				p.in(c, func(root string) { p.make("upper", root) })
			}
			var all sync.WaitGroup
			errs := make([]error, n)
			for i := range n {
				cmd := p.command(p.buildah, "commit", "-q", "--rm", "--timestamp", "1600000000", fmt.Sprintf("c%d", i), fmt.Sprintf("localhost/i%d", i))
				all.Go(func() {
					if out, err := cmd.CombinedOutput(); err != nil {
						errs[i] = fmt.Errorf("%w: %s", err, out)
					}
				})
			}
			all.Wait()
			must(t, errors.Join(errs...))
			want := p.treeOf("localhost/i0")
			for i := range n {
				p.compare(fmt.Sprintf("image %d", i), want, p.treeOf(fmt.Sprintf("localhost/i%d", i)))
				if a, b := p.topLayer("localhost/i0"), p.topLayer(fmt.Sprintf("localhost/i%d", i)); a != b {
					t.Errorf("%s: two layers: %s, %s\n%s", driver, a, b, cmp.Diff(p.layerTar(a), p.layerTar(b)))
				}
			}
			p.check()
			p.b("rmi", "-f", "localhost/i0", "localhost/i1", "localhost/i2")
		}
		p.b("rm", "-a")
		p.b("rmi", "-a", "-f")
	}
}
