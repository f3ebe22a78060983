package roundtrip

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestEveryFile makes every kind of file in each way that a layer can come to be,
// on each driver, and sends the image through registries, layouts and tools. What
// arrives is what was there.
func TestEveryFile(t *testing.T) {
	t.Parallel()
	programs(t)
	hub := registry(t)
	for _, driver := range []string{"overlay", "vfs"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, driver)
			p.b("from", "--name", "base", "scratch")
			p.in("base", func(root string) { p.make("lower", root) })
			p.b("commit", "--rm", "base", "localhost/base")
			p.b("from", "--name", "work", "localhost/base")
			var want map[string]entry
			p.in("work", func(root string) {
				p.make("upper", root)
				want = inLayer(snapshot(t, root))
				if os.Getenv(rootlessEnv) != "" { // such a mount shows two inodes; the layer has one
					kept := want["over/kept"]
					kept.Links = want["hard/b/of-below"].Links
					want["over/kept"] = kept
				}
			})
			for way, make := range ways() {
				t.Run(way, func(t *testing.T) {
					p, image := p.on(t), "localhost/"+strings.ReplaceAll(way, " ", "-")
					make(p, image)
					p.compare("the image", want, inLayer(p.treeOf(image)))
					p.check()
					travel(t, p, image, hub)
				})
			}
		})
	}
}

// ways are the ways in which a layer comes to be.
func ways() map[string]func(p *place, image string) {
	return map[string]func(*place, string){
		"commit": func(p *place, image string) { p.b("commit", "work", image) },
		"squash": func(p *place, image string) { p.b("commit", "--squash", "work", image) },
		"build with layers": func(p *place, image string) {
			p.build(image, "--layers", "--no-cache")
		},
		"build without layers": func(p *place, image string) { p.build(image, "--layers=false") },
	}
}

// build runs the maker of trees in a Dockerfile.
func (p *place) build(image string, flags ...string) {
	p.t.Helper()
	dir := p.t.TempDir()
	must(p.t, os.Link(p.mktree, dir+"/mktree"))
	write(p.t, dir+"/Dockerfile", "FROM localhost/base\nRUN --mount=type=bind,source=mktree,target=/mktree [\"/mktree\",\"upper\",\"/\"]\n")
	p.b(append([]string{"build", "-q", "--cap-add", "all", "-t", image}, append(flags, dir)...)...)
}

func (p *place) compare(what string, want, got map[string]entry) {
	p.t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		p.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// travel pushes an image everywhere, and pulls it back with every tool.
func travel(t *testing.T, p *place, image, hub string) {
	want := p.treeOf(image) // with the root
	name := strings.TrimPrefix(image, "localhost/")
	remote := fmt.Sprintf("docker://%s/%s-%s", hub, p.driver, name)
	oci, dir := "oci:"+p.path("oci-"+name), "dir:"+p.path("dir-"+name)
	for _, to := range []string{remote, oci, dir} {
		p.b("push", "-q", "--tls-verify=false", image, to)
	}
	for _, from := range []string{remote, oci, dir} {
		t.Run("buildah "+from[:strings.Index(from, ":")], func(t *testing.T) {
			q := newPlace(t, p.driver)
			q.arrives(want, q.b("pull", "-q", "--tls-verify=false", from))
		})
	}
	t.Run("skopeo", func(t *testing.T) {
		skopeo, q := needs(t, "skopeo"), newPlace(t, p.driver)
		q.run(skopeo, "copy", "-q", "--src-tls-verify=false", remote, q.ref("localhost/copy"))
		q.arrives(want, "localhost/copy")
	})
	t.Run("skopeo reads the store", func(t *testing.T) {
		skopeo, q := needs(t, "skopeo"), newPlace(t, p.driver)
		q.run(skopeo, "copy", "-q", p.ref(image), "dir:"+q.path("out"))
		q.arrives(want, q.b("pull", "-q", "dir:"+q.path("out")))
	})
	t.Run("podman", func(t *testing.T) {
		podman, q := needs(t, "podman"), newPlace(t, p.driver)
		q.arrives(want, q.run(podman, "pull", "-q", "--tls-verify=false", remote))
	})
}

func (p *place) arrives(want map[string]entry, image string) {
	p.t.Helper()
	p.compare("what arrived", want, p.treeOf(image))
	p.check()
}

func needs(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	return path
}
