package roundtrip

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rounds is how often each operation is killed: 4 times, 50 with SOAK=1.
func rounds() int {
	if soak() {
		return 50
	}
	return 4
}

func soak() bool { return os.Getenv("SOAK") != "" }

// victim is an operation that is killed.
type victim struct {
	args  []string
	good  func(p *place) // whether it has done what it should, after it was run in peace
	again func(p *place) // undoes it, so that it has everything to do again
}

// TestKill kills the program at random moments of each operation. The next
// command works, the user's container has its content, no process, mount or layer
// is left behind, and the same operation succeeds.
func TestKill(t *testing.T) {
	t.Parallel()
	programs(t)
	hub := registry(t)
	drivers := []string{"overlay"}
	if soak() {
		drivers = append(drivers, "vfs")
	}
	for _, driver := range drivers {
		for name, make := range victims(hub) {
			t.Run(driver+" "+name, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, driver)
				want := p.furnish()
				p.killAgainAndAgain(make(p), want)
				p.leavesNothing()
			})
		}
	}
}

func (p *place) killAgainAndAgain(v victim, want map[string]entry) {
	p.t.Helper()
	longest := p.time(v)
	for range rounds() {
		at := time.Duration(rand.Int64N(int64(longest)))
		if !p.round(v, at, want) {
			p.t.Fatalf("killed after %v", at)
		}
	}
}

func victims(hub string) map[string]func(p *place) victim {
	return map[string]func(p *place) victim{
		"commit": func(p *place) victim {
			return victim{
				args: []string{"commit", "-q", "work", "localhost/killed"},
				good: func(p *place) { p.same("work", "localhost/killed") }, again: removeKilled,
			}
		},
		"build": func(p *place) victim {
			write(p.t, p.path("source", "Dockerfile"), "FROM localhost/base\nCOPY many /many\nRUN --mount=type=bind,source=mktree,target=/mktree [\"/mktree\",\"upper\",\"/\"]\n")
			must(p.t, os.Link(p.mktree, p.path("source", "mktree")))
			return victim{
				args: []string{"build", "-q", "--no-cache", "--cap-add", "all", "-t", "localhost/killed", p.path("source")},
				good: func(p *place) { p.same("work", "localhost/killed") }, again: removeKilled,
			}
		},
		"copy": func(p *place) victim {
			return victim{
				args: []string{"copy", "-q", "work", p.path("source", "many"), "/copied"},
				good: func(p *place) {
					p.in("work", func(root string) {
						if d := cmp.Diff(sizes(p.t, p.path("source", "many")), sizes(p.t, root+"/copied")); d != "" {
							p.t.Errorf("the copy (-want +got):\n%s", d)
						}
					})
				},
				again: func(p *place) {
					p.in("work", func(root string) { must(p.t, os.RemoveAll(root+"/copied")) })
				},
			}
		},
		"push": func(p *place) victim {
			p.b("commit", "-q", "work", "localhost/pushed")
			return victim{
				args: []string{"push", "-q", "--tls-verify=false", "localhost/pushed", "docker://" + hub + "/killed"},
				good: func(p *place) {
					q := newPlace(p.t, p.driver)
					id := q.b("pull", "-q", "--tls-verify=false", "docker://"+hub+"/killed")
					p.compare("what arrived", p.treeOf("localhost/pushed"), q.treeOf(id))
				},
				// Another layer, or the registry would have it by now.
				again: func(p *place) {
					p.in("work", func(root string) { write(p.t, root+"/many/random", fmt.Sprint(rand.Uint64())) })
					p.b("commit", "-q", "work", "localhost/pushed")
				},
			}
		},
	}
}

// furnish makes a base image, a source of many files, and a user's container with
// content.
func (p *place) furnish() map[string]entry {
	p.t.Helper()
	p.b("from", "--name", "base", "scratch")
	p.in("base", func(root string) { p.make("lower", root) })
	p.b("commit", "-q", "--rm", "base", "localhost/base")
	many := p.path("source", "many")
	must(p.t, os.MkdirAll(many, 0o755))
	big := make([]byte, 8<<20)
	for i := range big {
		big[i] = byte(rand.Uint32())
	}
	must(p.t, os.WriteFile(many+"/big", big, 0o644))
	for i := range 300 {
		write(p.t, fmt.Sprintf("%s/%d", many, i), strings.Repeat("x", i))
	}
	p.b("from", "--name", "work", "localhost/base")
	p.b("copy", "-q", "work", many, "/many")
	var tree map[string]entry
	p.in("work", func(root string) {
		p.make("upper", root)
		tree = snapshot(p.t, root)
	})
	return tree
}

// time runs the operation in peace, and tells how long it takes.
func (p *place) time(v victim) time.Duration {
	begin := time.Now()
	p.b(v.args...)
	took := time.Since(begin)
	v.good(p)
	v.again(p)
	return took
}

// round kills the operation once.
func (p *place) round(v victim, at time.Duration, want map[string]entry) bool {
	cmd := p.command(p.buildah, v.args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 10 * time.Second
	must(p.t, cmd.Start())
	time.Sleep(at)
	_ = cmd.Process.Kill() // it may have ended by itself
	_ = cmd.Wait()
	p.noProcesses()
	if list := p.b("containers", "--format", "{{.ContainerName}}"); list != "work" {
		p.t.Errorf("containers: %q", list)
	}
	p.b("images", "-q")
	p.b(v.args...)
	v.good(p)
	if v.args[0] != "push" { // whose container changes from round to round
		p.in("work", func(root string) {
			got := snapshot(p.t, root)
			for name := range got {
				if name == "copied" || strings.HasPrefix(name, "copied/") {
					delete(got, name)
				}
			}
			p.compare("the user's container", want, got)
		})
	}
	p.check()
	v.again(p)
	return !p.t.Failed()
}

// noProcesses waits for the descendants of a killed program to be gone.
func (p *place) noProcesses() {
	p.t.Helper()
	var left []string
	for range 100 {
		if left = p.processes(); len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Errorf("processes are left: %q", left)
}

func removeKilled(p *place) { p.b("rmi", "-f", "localhost/killed") }

// same compares an image with the container that it should be like. Times of what
// was copied, and the root, which no layer has, may differ.
func (p *place) same(container, image string) {
	p.t.Helper()
	got, want := inLayer(p.treeOf(image)), map[string]entry{}
	p.in(container, func(root string) { want = inLayer(snapshot(p.t, root)) })
	delete(got, "many")
	delete(want, "many")
	p.compare("the image", want, got)
}

// leavesNothing removes everything by the verbs for it: no layer is forgotten.
func (p *place) leavesNothing() {
	p.t.Helper()
	time.Sleep(5 * time.Second) // a younger staging directory may be somebody's
	p.b("rm", "-a")
	p.b("rmi", "-a", "-f")
	p.b("prune", "-a", "-f")
	p.check()
	var left []string
	entries, err := os.ReadDir(p.path("root", p.driver))
	must(p.t, err)
	for _, e := range entries {
		if len(e.Name()) == 64 {
			left = append(left, e.Name())
		}
	}
	total := int64(0)
	_ = filepath.WalkDir(p.path("root"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() {
			if total += fi.Size(); fi.Size() > 64<<10 {
				left = append(left, path)
			}
		}
		return nil
	})
	if len(left) > 0 || total > 1<<20 {
		p.t.Errorf("left in the store: %d bytes, %q", total, left)
	}
}

// sizes lists the files of a directory.
func sizes(t testing.TB, dir string) map[string]int64 {
	t.Helper()
	set := map[string]int64{}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		fi, err := e.Info()
		must(t, err)
		set[e.Name()] = fi.Size()
	}
	return set
}
