package library

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/internal/testenv"
)

// A program of another module can do what ours does: it is compiled there, where
// nothing below internal/ can be said, and run.
func TestAnotherModule(t *testing.T) {
	t.Parallel()
	testenv.NeedRoot(t)
	program := compileOutside(t)
	dir := t.TempDir()
	write(t, dir, "context/file", "from the context\n")
	write(t, dir, "more/file", "from another place\n")
	write(t, dir, "context/Dockerfile", `FROM localhost/base
ARG WHO
COPY file /file
COPY --from=more file /more
RUN --mount=type=secret,id=word,target=/word echo "hello $WHO, $(/bin/sh -c 'read -r w </word; echo $w')" >/greeting
`)
	cmd := exec.CommandContext(t.Context(), program, dir, staticBusybox(t))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, out.String(), errs.String())
	}
	want := `base: [localhost/base:latest]
steps: 5, from the cache: 0, explained: 4
steps: 5, from the cache: 4, explained: 4
the same image: true
images: 1 true
pushed: true, sound true
hello world, secret
`
	if out.String() != want {
		t.Errorf("got\n%s%swanted\n%s", out.String(), errs.String(), want)
	}
}

// compileOutside makes the program of testdata/outside in a module of its own.
func compileOutside(t *testing.T) string {
	t.Helper()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	_, requires, _ := strings.Cut(string(mod), "\n") // all of the versions that are known here
	sum, err := os.ReadFile(filepath.Join(top, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("testdata/outside/main.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/outside\n"+requires+"\nrequire "+module+" v0.0.0\n\nreplace "+module+" => "+top+"\n")
	write(t, dir, "go.sum", string(sum))
	write(t, dir, "main.go", string(source))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-ldflags=-s -w", "-o", "outside", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS"), "GOPROXY=off", "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compiling: %v\n%s", err, text)
	}
	return filepath.Join(dir, "outside")
}

func staticBusybox(t *testing.T) string {
	t.Helper()
	for _, path := range []string{"/usr/bin/busybox", "/bin/busybox"} {
		if data, err := os.ReadFile(path); err == nil && !bytes.Contains(data, []byte("/ld-linux")) {
			return path
		}
	}
	t.Skip("no static busybox is installed")
	return ""
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
