package fleet

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// families is how many kinds of images there are: those of a kind have more steps in common.
const families = 4

// work is what there is to build.
type work struct {
	images int
	wait   float64 // what a RUN takes besides its files, in seconds
	size   int     // of what a step of the common chain adds, in bytes
}

// chain is what all images begin with. It is a stage, so that it can be built alone.
const chain = `FROM REGISTRY/base AS common
ENV LANG=C.UTF-8
COPY common /common
RUN sleep WAIT; cp /common/data /packages
RUN sleep WAIT; cp /common/data /toolchain
RUN sleep WAIT; cp /common/data /libraries
`

// own is what an image adds: two steps of its family, and its own.
const own = `FROM common
RUN sleep WAIT; { head -c 100000 /packages; echo; echo FAMILY; } >/family
RUN sleep WAIT; tail -n 1 /family >/runtime
COPY app /app
RUN sleep WAIT; cat /runtime /app >/result
LABEL image=IMAGE
CMD ["cat", "/result"]
`

// prepare writes the contexts, and puts the base into the registry.
func (w work) prepare(m *machine) {
	data := make([]byte, w.size)
	rnd := rand.NewChaCha8([32]byte{1})
	_, _ = rnd.Read(data) // never fails
	for n := range w.images {
		at := m.path(fmt.Sprint("context-", n))
		text := strings.NewReplacer("REGISTRY", registry, "WAIT", fmt.Sprint(w.wait), "FAMILY", fmt.Sprint("family ", n%families), "IMAGE", fmt.Sprint(n)).Replace(chain + own)
		write(m.t, at+"/Dockerfile", text)
		write(m.t, at+"/app", fmt.Sprintf("app %d\n", n))
		write(m.t, at+"/common/data", string(data))
	}
	busybox, err := exec.LookPath("busybox")
	must(m.t, err)
	program, err := os.ReadFile(busybox)
	must(m.t, err)
	write(m.t, m.path("base/bin/busybox"), string(program))
	must(m.t, os.Chmod(m.path("base/bin/busybox"), 0o755))
	for _, applet := range []string{"sh", "sleep", "cp", "head", "tail", "cat", "echo"} {
		must(m.t, os.Symlink("busybox", m.path("base/bin/"+applet)))
	}
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "etc"} {
		must(m.t, os.Mkdir(m.path("base/"+dir), 0o755))
	}
	container := m.run("from", "scratch")
	m.run("copy", "-q", container, m.path("base"), "/")
	id := m.run("commit", "-q", "--rm", container)
	m.run("push", "-q", id, "docker://"+registry+"/base")
}

// name is that of an image in the registry.
func (w work) name(n int) string { return fmt.Sprint("app-", n) }

// check finds whether all images are in the registry and hold what they should. It
// reads the registry's files.
func (w work) check(h *hall) {
	h.t.Helper()
	for n := range w.images {
		at := h.path("registry/docker/registry/v2/repositories/" + w.name(n) + "/_manifests/tags/latest/current/link")
		link, err := os.ReadFile(at)
		must(h.t, err)
		var manifest imgspec.Manifest
		must(h.t, json.NewDecoder(h.blob(digest.Digest(link))).Decode(&manifest))
		var config imgspec.Image
		must(h.t, json.NewDecoder(h.blob(manifest.Config.Digest)).Decode(&config))
		if got := config.Config.Labels["image"]; got != fmt.Sprint(n) {
			h.t.Errorf("image %d has the label %q", n, got)
		}
		want := fmt.Sprintf("family %d\napp %d\n", n%families, n)
		if got := h.file(manifest.Layers[len(manifest.Layers)-1].Digest, "result"); got != want {
			h.t.Errorf("image %d holds %q instead of %q", n, got, want)
		}
	}
}

// blob opens a blob of the registry; it is closed with the test.
func (h *hall) blob(d digest.Digest) io.Reader {
	h.t.Helper()
	must(h.t, d.Validate())
	file, err := os.Open(filepath.Join(h.path("registry/docker/registry/v2/blobs/sha256"), d.Encoded()[:2], d.Encoded(), "data"))
	must(h.t, err)
	h.t.Cleanup(func() { file.Close() })
	return file
}

// file reads a file of a layer.
func (h *hall) file(layer digest.Digest, name string) string {
	h.t.Helper()
	unzipped, err := gzip.NewReader(h.blob(layer))
	must(h.t, err)
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if err != nil {
			h.t.Fatalf("reading %q of the layer %s: %v", name, layer, err)
		}
		if header.Name == name {
			data, err := io.ReadAll(archive)
			must(h.t, err)
			return string(data)
		}
	}
}
