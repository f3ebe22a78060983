package transports

import (
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/internal/testenv"
)

const page = "../../docs/transports.md"

// subject makes the image that everything is tried with, and gives its ID.
func (p *place) subject(t *testing.T) string {
	t.Helper()
	p.write("hello", "hello\n")
	ctr := p.run(t, "from", "scratch")
	p.run(t, "copy", "-q", ctr, "hello", "/hello")
	return p.run(t, "commit", "-q", "--rm", "--timestamp", "0", ctr, "localhost/subject")
}

// world is the subject in every form that can be read.
type world struct {
	id   string
	base string            // a layout with busybox
	env  []string          // where the daemon is
	read map[string]string // references by transport
	// write gives references by transport for what is to be written under a name
	write func(name string) map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	registry := testenv.NewRegistry(t).Host
	w := &world{base: testenv.OCILayout(t, "busybox", testenv.BusyboxFiles(t)), env: []string{"DOCKER_HOST=" + startDaemon(t)}}
	p := newPlace(t, w.env...)
	w.id = p.subject(t)
	other := "[overlay@" + p.path("root") + "+" + p.path("run") + "]"
	w.write = func(name string) map[string]string {
		return map[string]string{
			"docker://": "docker://" + registry + "/" + name + ":1", "containers-storage:": "containers-storage:example.com/" + name,
			"another store": "containers-storage:" + other + "example.com/" + name, "oci:": "oci:" + name + ":v1",
			"oci-archive:": "oci-archive:" + name + ".oci.tar:v1", "docker-archive:": "docker-archive:" + name + ".docker.tar:example.com/" + name + ":1",
			"dir:": "dir:" + name + ".dir", "docker-daemon:": "docker-daemon:example.com/" + name + ":1",
			"sif:": "sif:" + name + ".sif", "tarball:": "tarball:" + name + ".tar", "ostree:": "ostree:" + name + "@/repo",
		}
	}
	w.read = w.write("subject")
	for transport, ref := range w.read {
		switch transport {
		case "containers-storage:", "another store":
			p.run(t, "tag", "localhost/subject", "example.com/subject")
		case "sif:":
			makeSIF(t, p)
		case "tarball:":
			out, err := exec.CommandContext(t.Context(), "tar", "-C", p.dir, "-cf", p.path("subject.tar"), "hello").CombinedOutput()
			if err != nil {
				t.Fatalf("tar: %v: %s", err, out)
			}
		case "ostree:":
		default:
			p.run(t, "push", "-q", "localhost/subject", ref)
		}
	}
	p.write("world", "")
	w.env = append(w.env, "WORLD="+p.dir)
	return w
}

// row makes a place where the files of the world are at hand, by names relative to
// the directory of the place, which is the build context, too.
func (w *world) row(t *testing.T) *place {
	t.Helper()
	p := newPlace(t, w.env...)
	from := strings.TrimPrefix(w.env[1], "WORLD=")
	for _, name := range []string{"subject", "subject.oci.tar", "subject.docker.tar", "subject.dir", "subject.tar", "subject.sif"} {
		if _, err := os.Stat(filepath.Join(from, name)); err != nil {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), "cp", "-r", filepath.Join(from, name), p.dir).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
	}
	if id := p.subject(t); id != w.id {
		t.Fatalf("two subjects: %s, %s", id, w.id)
	}
	p.run(t, "tag", "localhost/subject", "example.com/subject")
	p.write(".dockerignore", "root\nrun\ntmp\nout*\n")
	return p
}

// table reads the table of the page: cells by command and transport.
func table(t *testing.T) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile(page)
	must(t, err)
	var head []string
	cells := map[string]map[string]string{}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		words := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range words {
			words[i] = strings.Trim(strings.TrimSpace(words[i]), "`")
		}
		if head == nil {
			head = words
			continue
		}
		row := map[string]string{}
		for i, word := range words[1:] {
			row[head[i+1]] = word
		}
		cells[words[0]] = row
	}
	return cells
}

// why is what a refusal says.
func why(command, transport string) string {
	switch _, reads := readers[command]; {
	case strings.HasPrefix(command, "build ") && command != "build --build-context" && reads:
		return "unexpected container image transport"
	case command == "inspect" && transport == "another store":
		return "in another store"
	case transport == "ostree:":
		return "not supported any more"
	}
	return "not be written there"
}

// readers try an image as a source; what they give is the file that it holds, or
// "" where the ID told enough.
var readers = map[string]func(*testing.T, *place, string) []string{
	"pull":                  func(*testing.T, *place, string) []string { return []string{"pull", "-q"} },
	"from":                  func(*testing.T, *place, string) []string { return []string{"from", "-q"} },
	"inspect":               func(*testing.T, *place, string) []string { return []string{"inspect", "--type", "image"} },
	"copy --from":           copying("copy"),
	"add --from":            copying("add"),
	"build FROM":            building("FROM %s\n"),
	"build COPY --from":     building("FROM scratch\nCOPY --from=%s /hello /\n"),
	"build --mount from=":   building("FROM localhost/busybox\nRUN --mount=type=bind,from=%s,target=/m cp /m/hello /hello\n"),
	"build --from":          building("FROM nothing\n", "--from"),
	"build --build-context": building("FROM nothing\n", "--build-context"),
}

func copying(command string) func(*testing.T, *place, string) []string {
	return func(t *testing.T, p *place, ref string) []string {
		return []string{command, "-q", "--from", ref, p.run(t, "from", "scratch"), "/hello", "/"}
	}
}

func building(dockerfile string, flag ...string) func(*testing.T, *place, string) []string {
	return func(_ *testing.T, p *place, ref string) []string {
		p.write("Dockerfile", strings.ReplaceAll(dockerfile, "%s", ref))
		os.RemoveAll(p.path("out"))
		words := []string{"build", "-q", "--output", "type=local,dest=out"}
		switch strings.Join(flag, "") {
		case "--from":
			words = append(words, "--from", ref)
		case "--build-context":
			words = append(words, "--build-context", "nothing=container-image://"+ref)
		}
		return append(words, ".")
	}
}

// TestTransports tries every command that takes an image with every transport: all
// under SOAK=1, else each command with some and each transport with some.
func TestTransports(t *testing.T) {
	t.Parallel()
	w, cells := newWorld(t), table(t)
	t.Run("reading", func(t *testing.T) { t.Parallel(); reading(t, w, cells) })
	t.Run("writing", func(t *testing.T) { t.Parallel(); writing(t, w, cells) })
}

// sampled tells whether a transport is tried with a command now.
func sampled(command, transport string) bool {
	if os.Getenv("SOAK") != "" || command == "pull" || command == "push" {
		return true
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(command + transport))
	return sum.Sum32()%4 == 0
}

func reading(t *testing.T, w *world, cells map[string]map[string]string) {
	for command, words := range readers {
		row, ok := cells[command]
		if !ok || len(row) != len(w.read) {
			t.Errorf("%s has a line %q with %d transports, wanted %d", page, command, len(row), len(w.read))
		}
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			p := w.row(t)
			if strings.Contains(command, "mount") {
				p.run(t, "tag", p.run(t, "pull", "-q", "oci:"+w.base+":busybox"), "localhost/busybox")
			}
			for transport, ref := range w.read {
				if !sampled(command, transport) {
					continue
				}
				if _, err := os.Stat(p.path("subject.sif")); transport == "sif:" && err != nil && row[transport] == "yes" {
					t.Log("without the tools for sif")
					continue
				}
				args := words(t, p, ref)
				if command == "pull" || command == "from" || command == "inspect" {
					args = append(args, ref)
				}
				if row[transport] == "no" {
					p.refuses(t, why(command, transport), args...)
					continue
				}
				w.holds(t, p, cell{command, transport, args})
			}
		})
	}
}

// cell is a command that is tried with a transport.
type cell struct {
	command, transport string
	args               []string
}

// holds runs a command and checks that the file of the subject has arrived.
func (w *world) holds(t *testing.T, p *place, c cell) {
	t.Helper()
	out := p.run(t, c.args...)
	own := c.transport == "sif:" || c.transport == "tarball:" // no image but files
	var root string
	switch {
	case c.command == "pull" && !own && out != w.id:
		t.Errorf("%s %s: got %q, wanted %q", c.command, c.transport, out, w.id)
		return
	case c.command == "inspect":
		if !strings.Contains(out, `"OCIv1"`) {
			t.Errorf("inspect %s: %s", c.transport, out)
		}
		return
	case c.command == "pull":
		root = p.run(t, "mount", p.run(t, "from", "-q", out))
	case c.command == "from":
		root = p.run(t, "mount", out)
	case strings.HasPrefix(c.command, "build"):
		root = p.path("out")
	default:
		root = p.run(t, "mount", c.args[4])
	}
	if data, err := os.ReadFile(filepath.Join(root, "hello")); string(data) != "hello\n" {
		t.Errorf("%s %s: %q, %v", c.command, c.transport, data, err)
	}
}

// writers try an image as a destination.
var writers = map[string]func(t *testing.T, p *place) []string{
	"push": func(*testing.T, *place) []string { return []string{"push", "-q", "localhost/subject"} },
	"commit": func(t *testing.T, p *place) []string {
		return []string{"commit", "-q", p.run(t, "from", "localhost/subject")}
	},
	"build -t": func(_ *testing.T, p *place) []string {
		p.write("Dockerfile", "FROM localhost/subject\nLABEL a=b\n")
		return []string{"build", "-q", "-t"}
	},
}

// writing also reads what was written.
func writing(t *testing.T, w *world, cells map[string]map[string]string) {
	for command, words := range writers {
		row, ok := cells[command]
		if !ok || len(row) != len(w.read) {
			t.Errorf("%s has a line %q with %d transports, wanted %d", page, command, len(row), len(w.read))
		}
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			p := w.row(t)
			for transport, ref := range w.write("written-by-" + command[:4]) {
				if !sampled(command, transport) {
					continue
				}
				args := append(words(t, p), ref)
				if command == "build -t" {
					args = append(args, ".")
				}
				before := p.run(t, "images", "-a", "-q")
				if row[transport] == "no" {
					p.refuses(t, why(command, transport), args...)
					if after := p.run(t, "images", "-a", "-q"); before != after {
						t.Errorf("%s %s leaves an image: %q, %q", command, transport, before, after)
					}
					continue
				}
				id := p.run(t, args...)
				if command == "push" {
					id = w.id
				}
				if got := p.run(t, "pull", "-q", ref); got != id {
					t.Errorf("%s %s: %q was written, %q read", command, transport, id, got)
				}
			}
		})
	}
}
