package roundtrip

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.podman.io/storage/pkg/reexec"
)

// checkEnv makes this program the child of check.
const checkEnv = "BUILDAH_TEST_CHECK"

// listEnv makes it the child of layerTar.
const listEnv = "BUILDAH_TEST_LIST"

func TestMain(m *testing.M) {
	if reexec.Init() {
		return
	}
	if args := os.Getenv(checkEnv); args != "" {
		os.Exit(checkChild(strings.Split(args, "\n")))
	}
	if args := os.Getenv(listEnv); args != "" {
		os.Exit(listChild(strings.Split(args, "\n")))
	}
	status := m.Run()
	stopRegistry()
	os.RemoveAll(hub.dir)
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(status)
}

// shared are the programs under test, made once.
var shared struct {
	once            sync.Once
	err             error
	dir             string
	buildah, mktree string
}

// programs gives the program under test (BUILDAH_BINARY, else it is built) and
// the maker of trees. It skips the test without root.
func programs(t testing.TB) (buildah, mktree string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: device nodes, owners and mounts")
	}
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "roundtrip-"); shared.err != nil {
			return
		}
		if shared.mktree = os.Getenv("BUILDAH_TEST_MKTREE"); shared.mktree == "" {
			shared.mktree, shared.err = goBuild("mktree", "./mktree", "CGO_ENABLED=0")
		}
		if shared.err != nil {
			return
		}
		if shared.buildah = os.Getenv("BUILDAH_BINARY"); shared.buildah == "" {
			shared.buildah, shared.err = goBuild("buildah", "../../cmd/buildah")
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.buildah, shared.mktree
}

func goBuild(name, from string, env ...string) (string, error) {
	to := filepath.Join(shared.dir, name)
	cmd := exec.Command("go", "build", "-o", to, from)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", from, err, out)
	}
	return to, nil
}

// place is a store, and the programs that work on it.
type place struct {
	t               testing.TB
	dir             string // of everything
	driver          string
	buildah, mktree string
	env             []string
}

// newPlace makes an empty store. Nothing of the machine's configuration is used.
func newPlace(t testing.TB, driver string) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "rt") // podman takes 50 characters for its runroot
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return placeAt(t, driver, dir)
}

func placeAt(t testing.TB, driver, dir string) *place {
	t.Helper()
	p := &place{t: t, dir: dir, driver: driver}
	p.buildah, p.mktree = programs(t)
	write(t, p.path("policy.json"), `{"default":[{"type":"insecureAcceptAnything"}]}`)
	write(t, p.path("registries.conf"), "unqualified-search-registries = []\n[[registry]]\nlocation = \"127.0.0.1\"\ninsecure = true\n")
	write(t, p.path("storage.conf"), "[storage]\ndriver = \"overlay\"\ngraphroot = \"/nonexistent\"\nrunroot = \"/nonexistent\"\n")
	must(t, os.MkdirAll(p.path("tmp"), 0o700))
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "BUILDAH_") && !strings.HasPrefix(kv, "SOURCE_DATE_EPOCH=") {
			p.env = append(p.env, kv)
		}
	}
	p.env = append(p.env, "CONTAINERS_REGISTRIES_CONF="+p.path("registries.conf"), "CONTAINERS_STORAGE_CONF="+p.path("storage.conf"),
		"TMPDIR="+p.path("tmp"), "ROUNDTRIP_PLACE="+dir)
	t.Cleanup(func() { unmountBelow(t, dir) })
	return p
}

func (p *place) path(names ...string) string {
	return filepath.Join(append([]string{p.dir}, names...)...)
}

// on gives the same place to a subtest.
func (p *place) on(t testing.TB) *place {
	q := *p
	q.t = t
	return &q
}

// command is a program that runs on this store.
func (p *place) command(program string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Minute)
	p.t.Cleanup(cancel)
	flags := []string{"--root", p.path("root"), "--runroot", p.path("run"), "--storage-driver", p.driver}
	switch filepath.Base(program) {
	case "skopeo":
		flags = []string{"--policy", p.path("policy.json")}
	case "podman":
		flags = append(flags, "--cgroup-manager", "cgroupfs", "--events-backend", "none")
	}
	cmd := exec.CommandContext(ctx, program, append(flags, args...)...)
	cmd.Env, cmd.Dir = p.env, p.dir
	return cmd
}

// try runs a program and gives what it printed.
func (p *place) try(program string, args ...string) (stdout, stderr string, err error) {
	cmd := p.command(program, args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return strings.TrimSpace(out.String()), errs.String(), err
}

// run is try where failure is not expected.
func (p *place) run(program string, args ...string) string {
	p.t.Helper()
	stdout, stderr, err := p.try(program, args...)
	if err != nil {
		p.t.Fatalf("%s %q: %v\n%s%s", filepath.Base(program), args, err, stdout, stderr)
	}
	return stdout
}

// b runs the program under test.
func (p *place) b(args ...string) string {
	p.t.Helper()
	return p.run(p.buildah, args...)
}

// in runs work on the mounted root of a container.
func (p *place) in(container string, work func(root string)) {
	p.t.Helper()
	work(p.b("mount", container))
	p.b("umount", container)
}

// make runs the maker of trees.
func (p *place) make(tree, root string) {
	p.t.Helper()
	if out, err := exec.Command(p.mktree, tree, root).CombinedOutput(); err != nil {
		p.t.Fatalf("mktree %s: %v\n%s", tree, err, out)
	}
}

// treeOf is what the image has. The vfs driver keeps it in one directory; when it
// copies that for a container it loses access control lists and hard links of
// symbolic links.
func (p *place) treeOf(image string) (tree map[string]entry) {
	p.t.Helper()
	if p.driver == "vfs" {
		return snapshot(p.t, p.path("root", "vfs", "dir", p.topLayer(image)))
	}
	c := p.b("from", "--pull=never", image)
	p.in(c, func(root string) { tree = snapshot(p.t, root) })
	p.b("rm", c)
	return tree
}

// topLayer finds an image's layer in the store's own records.
func (p *place) topLayer(image string) string {
	p.t.Helper()
	data, err := os.ReadFile(p.path("root", p.driver+"-images", "images.json"))
	must(p.t, err)
	var images []struct {
		ID, Layer string
		Names     []string
	}
	must(p.t, json.Unmarshal(data, &images))
	for _, i := range images {
		if i.ID == image || slices.Contains(i.Names, image+":latest") {
			return i.Layer
		}
	}
	p.t.Fatalf("no image %q in %s", image, data)
	return ""
}

// ref names an image of this store for skopeo.
func (p *place) ref(image string) string {
	return "containers-storage:[" + p.driver + "@" + p.path("root") + "+" + p.path("run") + "]" + image
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
