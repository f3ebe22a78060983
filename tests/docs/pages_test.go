package docs

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/testenv"
)

var update = flag.Bool("update", false, "put the real output into the pages")

// counted is what the run is closed with.
var counted struct{ pages, blocks, outputs, excused, notRun atomic.Int64 }

// unread are pages without anything to type.
var unread = []string{"architecture.md", "benchmarks.md", "coverage.md"}

// findPages gives the pages whose blocks are run: README.md, docs/ and its tutorials,
// but not the manual, whose synopses are no commands.
func findPages(t *testing.T) []string {
	t.Helper()
	found := []string{"../../README.md"}
	for _, pattern := range []string{"../../docs/*.md", "../../docs/tutorials/*.md"} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, matches...)
	}
	return slices.DeleteFunc(found, func(path string) bool {
		name := filepath.Base(path)
		manual, _ := filepath.Match("*.[157].md", name)
		return manual || slices.Contains(unread, name)
	})
}

func TestPages(t *testing.T) {
	testenv.NeedRoot(t)
	for _, name := range []string{"docker-registry", "openssl", "unshare", "runuser", "curl", "ip"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	w := newWorld(t)
	t.Cleanup(func() {
		t.Logf("%d pages: %d blocks run, %d outputs compared; not run: %d pages, %d blocks", counted.pages.Load(), counted.blocks.Load(),
			counted.outputs.Load(), counted.notRun.Load(), counted.excused.Load())
	})
	for _, path := range findPages(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parse(path, string(text))
		if err != nil {
			t.Error(err)
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".md"), func(t *testing.T) {
			t.Parallel()
			w.try(t, p)
		})
	}
}

// world is where pages are run: what they share.
type world struct{ dir, binary string }

func newWorld(t *testing.T) *world {
	t.Helper()
	// Everybody may look into it: an ordinary user runs blocks, too.
	dir, err := os.MkdirTemp("/var/tmp", "buildah-docs-")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{dir: dir, binary: os.Getenv("BUILDAH_BINARY")}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if w.binary == "" {
		w.binary = filepath.Join(dir, "buildah")
		if out, err := exec.Command("go", "build", "-o", w.binary, "../../cmd/buildah").CombinedOutput(); err != nil {
			t.Fatalf("building: %v\n%s", err, out)
		}
	}
	if out, err := exec.Command("./world.sh", "seed", filepath.Join(dir, "seed"), w.binary).CombinedOutput(); err != nil {
		t.Fatalf("making base images: %v\n%s", err, out)
	}
	return w
}

// try runs a page and looks at what its commands printed.
func (w *world) try(t *testing.T, p *page) {
	if p.excuse != "" {
		counted.notRun.Add(1)
		t.Skipf("page not run: %s", p.excuse)
	}
	counted.pages.Add(1)
	if !slices.ContainsFunc(p.blocks, block.runs) {
		w.judge(t, p, "")
		return
	}
	dir := filepath.Join(w.dir, strings.TrimSuffix(filepath.Base(p.name), ".md"))
	file := dir + ".sh"
	if err := os.WriteFile(file, []byte(script(p)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "./world.sh", "page", dir, w.binary, file)
	cmd.Env = append(os.Environ(), "DOCS_SEED="+filepath.Join(w.dir, "seed", "seed"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	t.Cleanup(func() { unix.Unmount(filepath.Join(dir, "store"), unix.MNT_DETACH) }) //nolint:errcheck // the mounts went with the world
	if err != nil {
		at, _ := os.ReadFile(filepath.Join(dir, "at"))
		t.Errorf("%s:%s: %v\n%s%s", p.name, strings.TrimSpace(string(at)), err, out.Bytes(), registries(dir))
	}
	w.judge(t, p, dir)
}

// registries gives what the registries of a page say, to tell their faults from ours;
// that something is not there yet is none.
func registries(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	var b strings.Builder
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "response completed with error") {
				b.WriteString(filepath.Base(file) + ": " + line)
			}
		}
	}
	return b.String()
}

// judge compares the outputs of a page that was run, from its end, so that the lines
// before stay where they are when outputs are put in.
func (w *world) judge(t *testing.T, p *page, dir string) {
	changed := false
	for _, b := range slices.Backward(p.blocks) {
		switch {
		case b.excuse != "":
			counted.excused.Add(1)
		case b.runs():
			counted.blocks.Add(1)
		}
		if !b.runs() || b.language != "console" {
			continue
		}
		for _, c := range slices.Backward(b.commands()) {
			real, status, ok := result(t, dir, c)
			if !ok {
				continue
			}
			counted.outputs.Add(1)
			if same(c.output, real) && c.fails() == (status != "0") {
				continue
			}
			if *update {
				p.lines = slices.Replace(p.lines, c.end-1-len(c.output), c.end-1, real...)
				changed = true
				continue
			}
			t.Errorf("%s:%d: $ %s\nthe page shows:\n%s\nit prints, with status %s:\n%s", p.name, c.line, c.text, strings.Join(c.output, "\n"), status,
				strings.Join(real, "\n"))
		}
	}
	if changed {
		if err := os.WriteFile(p.name, []byte(strings.Join(p.lines, "\n")), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// result reads what a command printed, as a terminal shows it in the end, and its status.
func result(t *testing.T, dir string, c command) (out []string, status string, ok bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(c.line, ".status")))
	if err != nil {
		return nil, "", false // the page has failed before, and that was told
	}
	raw, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(c.line, ".out")))
	if err != nil {
		t.Fatal(err)
	}
	return screen(string(raw)), strings.TrimSpace(string(text)), true
}
