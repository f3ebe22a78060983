package cache

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
)

// atOnce is how many builds run side by side.
const atOnce = 8

// recipes are Dockerfiles that have steps in common and steps of their own. %d is one
// of a few variants.
var recipes = []string{
	"FROM localhost/base\nENV A=1\nCOPY data /data\nRUN cat /data/* > /all\nRUN echo %d > /own\nCMD [\"x\"]",
	"FROM localhost/base\nENV A=1\nCOPY data /data\nRUN cat /data/* > /all\nRUN echo %d >> /all\nWORKDIR /w",
	"FROM localhost/base AS first\nRUN echo %d > /first\nFROM localhost/base\nCOPY --from=first /first /from/\nRUN ls /from > /listed",
	"FROM localhost/base AS first\nRUN echo same > /first\nFROM first\nRUN mkdir /d%d && rm -r /tmp\nCOPY data/a /tmp/\nLABEL x=y",
	"FROM scratch\nCOPY data /\nLABEL v=%d",
	"FROM localhost/base\nRUN --mount=type=cache,target=/c echo %d > /c/f; echo done > /done\nRUN --mount=type=bind,source=data,target=/m cat /m/a > /a",
}

// job is one of the builds.
type job struct {
	flags []string
	dir   string
}

// lone tells what a job gives when it is alone.
type lone struct {
	*place
	mu    sync.Mutex
	known map[string]string // image IDs by command line
}

func (l *lone) build(flags []string, dir string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := strings.Join(append(flags, dir), " ")
	if l.known[key] == "" {
		out, err := l.try(append(flags, dir)...)
		if err != nil {
			l.t.Errorf("alone, %q: %v\n%s", flags, err, out)
		}
		l.known[key] = out
	}
	return l.known[key]
}

// crowd is a store that many builds use, and their jobs.
type crowd struct {
	*place
	alone  *lone
	jobs   []job
	cgroup string
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{
		place: newPlace(t), alone: &lone{place: newPlace(t), known: map[string]string{}},
		cgroup: fmt.Sprintf("/buildah-crowd-%d-%d", os.Getpid(), rand.Uint32()),
	}
	isolations := []string{"chroot"}
	if _, err := exec.LookPath("runc"); err == nil {
		isolations = append(isolations, "oci")
	}
	for n, text := range recipes {
		for variant := range 2 {
			j := job{dir: c.path(fmt.Sprintf("context-%d-%d", n, variant))}
			write(t, j.dir+"/Dockerfile", strings.ReplaceAll(text, "%d", fmt.Sprint(variant))+"\n")
			write(t, j.dir+"/data/a", "a")
			write(t, j.dir+"/data/b", strings.Repeat("b", 100_000))
			j.flags = []string{"build", "-q", "--network", "host", "--timestamp", "1", "--runtime", "runc", "--isolation", isolations[(n+variant)%len(isolations)]}
			c.jobs = append(c.jobs, j)
		}
	}
	return c
}

// build carries out a job in one of three ways: with the cache, filling it, or without.
func (c *crowd) build(rnd *rand.Rand, number int) error {
	j := c.jobs[rnd.IntN(len(c.jobs))]
	flags := j.flags[:len(j.flags):len(j.flags)]
	way := rnd.IntN(6)
	if way > 0 {
		flags = append(flags, "--layers")
	}
	args := append(flags[:len(flags):len(flags)], "--cgroup-parent", c.cgroup)
	if way == 1 {
		args = append(args, "--no-cache")
	}
	if rnd.IntN(2) == 0 {
		args = append(args, "-t", fmt.Sprintf("localhost/build-%d", number))
	}
	out, err := c.try(append(args, j.dir)...)
	if err != nil {
		return fmt.Errorf("%q: %w\n%s", args, err, out)
	}
	if want := c.alone.build(flags, j.dir); out != want {
		return fmt.Errorf("%q gave %q, alone %q", args, out, want)
	}
	return nil
}

// builds runs n builds, several at once, with beside all the while.
func (c *crowd) builds(n int, beside func(*rand.Rand) error) {
	c.t.Helper()
	seed := rand.Uint64()
	c.t.Logf("seed %d", seed)
	numbers, done := make(chan int), make(chan struct{})
	var builders, others sync.WaitGroup
	for worker := range atOnce {
		rnd := rand.New(rand.NewPCG(seed, uint64(worker)))
		builders.Go(func() {
			for number := range numbers {
				if err := c.build(rnd, number); err != nil {
					c.t.Error(err)
				}
			}
		})
	}
	others.Go(func() {
		rnd := rand.New(rand.NewPCG(seed, atOnce))
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Duration(rnd.IntN(300)) * time.Millisecond):
			}
			if err := beside(rnd); err != nil {
				c.t.Error(err)
			}
		}
	})
	for number := range n {
		numbers <- number
	}
	close(numbers)
	builders.Wait()
	close(done)
	others.Wait()
}

// many is how many builds a test makes: a sample, or with SOAK=1 200.
func many() int {
	if os.Getenv("SOAK") != "" {
		return 200
	}
	return 12
}

// TestConcurrentBuilds: builds of the same and of different files, on one store, give
// what each gives alone, and leave nothing behind.
func TestConcurrentBuilds(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.builds(many(), func(*rand.Rand) error {
		_, err := c.try("images", "-a")
		return err
	})
	c.sound()
	c.leavesNothing()
}

// TestBuildsAndPruning: the same while somebody removes all that nobody uses.
func TestBuildsAndPruning(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	c.builds(many(), func(rnd *rand.Rand) error {
		words := [][]string{{"prune", "--build-cache"}, {"prune", "--build-cache", "--keep-storage", "100k"}, {"prune"}, {"prune", "--force"}, {"rmi", "--prune"}, {"info"}}[rnd.IntN(6)]
		if out, err := c.try(words...); err != nil {
			return fmt.Errorf("%q: %w\n%s", words, err, out)
		}
		return nil
	})
	c.sound()
	c.leavesNothing()
}

// sound writes out every image: what is in the layers is compared with their digests
// on the way.
func (c *crowd) sound() {
	c.t.Helper()
	ids := map[string]bool{}
	for _, id := range strings.Fields(c.run("images", "-q", "-a", "--no-trunc")) {
		ids[strings.TrimPrefix(id, "sha256:")] = true
	}
	for id := range ids {
		if out, err := c.try("push", "-q", "--disable-compression", id, "oci:"+c.path("out")+":"+id); err != nil {
			c.t.Errorf("image %s: %v\n%s", id, err, out)
		}
	}
}

// leavesNothing looks for whatever could be left: containers, processes, mounts,
// cgroups and files now, layers once the images are removed.
func (c *crowd) leavesNothing() {
	c.t.Helper()
	if out := c.run("containers", "-q", "-a"); out != "" {
		c.t.Errorf("containers are left: %s", out)
	}
	for _, kind := range []string{"buildah-owners", "buildah-claims", "buildah-pins", "overlay/staging"} {
		c.empty(c.path("root/" + kind))
	}
	c.empty(c.path("tmp"))
	for _, line := range processesOf(c.dir) {
		c.t.Errorf("a process is left: %s", line)
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(c.path("root")))
	must(c.t, err)
	for _, m := range mounts {
		if strings.HasSuffix(m.Mountpoint, "/merged") {
			c.t.Errorf("a mount is left: %s", m.Mountpoint)
		}
	}
	c.noCgroups()
	c.run("rmi", "-a", "-f")
	c.run("prune", "-a", "-f")
	layers, err := filepath.Glob(c.path("root/overlay/????????????????????????????????????????????????????????????????"))
	if len(layers) > 0 || err != nil {
		c.t.Errorf("layers are left: %q, %v", layers, err)
	}
}

// empty tells that a directory has only hidden locks, and caches that are to stay.
func (c *crowd) empty(dir string) {
	c.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		c.t.Error(err)
	}
	for _, e := range entries {
		if e.Name() != ".lock" && !strings.HasPrefix(e.Name(), "buildah-cache-") {
			c.t.Errorf("left in %s: %s", dir, e.Name())
		}
	}
}

// processesOf lists the command lines that name a directory.
func processesOf(dir string) (lines []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		data, err := os.ReadFile(file)
		line := strings.ReplaceAll(string(data), "\x00", " ")
		if err == nil && strings.Contains(line, dir) {
			lines = append(lines, line)
		}
	}
	return lines
}

// noCgroups finds none below the parent of all runs, which it removes.
func (c *crowd) noCgroups() {
	c.t.Helper()
	var parents []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // others make and remove theirs
		case strings.HasSuffix(path, c.cgroup):
			parents = append(parents, path)
		case strings.Contains(path, c.cgroup+"/") && d.IsDir():
			c.t.Errorf("a cgroup is left: %s", path)
		}
		return nil
	})
	must(c.t, err)
	for _, path := range parents {
		_ = os.Remove(path)
	}
}
