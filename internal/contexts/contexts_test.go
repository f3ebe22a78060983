package contexts

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// write makes files below dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, data := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// archive is a gzipped tar of entries, in order.
func archive(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, h := range entries {
		body := h.Linkname
		if h.Typeflag == tar.TypeReg {
			h.Size, h.Linkname = int64(len(body)), ""
		}
		h.Mode = 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func file(name, body string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Linkname: body}
}

// names gives the Dockerfiles of a context, with their content.
func names(t *testing.T, c *Context, o Options, files ...string) string {
	t.Helper()
	found, err := c.Files(t.Context(), files, o)
	if err != nil {
		return err.Error()
	}
	var texts []string
	for _, f := range found {
		texts = append(texts, f.Name+"="+strings.TrimSpace(string(f.Data)))
	}
	return strings.Join(texts, " ")
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"both/Containerfile": "c", "both/Dockerfile": "d", "one/Dockerfile": "one", "empty/Dockerfile": "",
		"none/x": "x", "directory/Dockerfile/x": "", "sub/a": "a", "sub/deep/b": "b", "cwd": "cwd", "pre/Dockerfile.in": "x",
	})
	for link, target := range map[string]string{"link/Dockerfile": "../secret", "inside/Dockerfile": "real"} {
		write(t, dir, map[string]string{filepath.Join(filepath.Dir(link), "real"): "inside"})
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, map[string]string{"secret": "outside"})
	o := Options{Cwd: dir, Stdin: strings.NewReader("from stdin")}
	for _, c := range []struct {
		arg   string
		files []string
		want  string
	}{
		{"both", nil, "=c"},
		{"one", nil, "Dockerfile=one"},
		{"one/Dockerfile", nil, "one/Dockerfile=one"},
		{"none", nil, "cannot find Containerfile or Dockerfile"},
		{"none", nil, "no such file or directory"},
		{"directory", nil, "is not a file"},
		{"empty", nil, "no contents in \"" + dir},
		{"empty/Dockerfile", nil, `no contents in "empty/Dockerfile"`},
		{"inside", nil, "=inside"},
		{"link", nil, "cannot find"}, // what it points to is not there inside the context
		{"sub", []string{"a", "deep/b"}, "a=a deep/b=b"},
		{"sub", []string{"cwd"}, "cwd=cwd"},
		{"sub", []string{"deep"}, "cannot be path to a directory"},
		{"sub", []string{"sub"}, "cannot be path to a directory"},
		{"sub", []string{"cwd/Dockerfile"}, "not a directory"},
		{"sub", []string{"gone"}, "no such file or directory"},
		{"sub", []string{"-"}, "stdin=from stdin"},
		{"sub", []string{"-"}, "no contents"}, // it was read before
	} {
		ctx, err := Open(t.Context(), c.arg, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, ctx, o, c.files...); !strings.Contains(got, c.want) {
			t.Errorf("%s %q: %s, want %s", c.arg, c.files, got, c.want)
		}
	}
	if _, err := Open(t.Context(), "gone", o); err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("a context that is not there: %v", err)
	}
}

func TestStdin(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	for name, c := range map[string]struct {
		stdin []byte
		want  string
	}{
		"a Dockerfile":   {[]byte("FROM scratch\n"), "Dockerfile=FROM scratch"},
		"an archive":     {archive(t, file("Dockerfile", "FROM x")), "Dockerfile=FROM x"},
		"neither":        {[]byte{1, 2, 0, 3}, "neither an archive nor a Dockerfile"},
		"nothing":        {nil, "no contents"},
		"cut":            {archive(t, file("Dockerfile", strings.Repeat("FROM x", 900)))[:60], "context"},
		"climbing links": {archive(t, tar.Header{Name: "Dockerfile", Typeflag: tar.TypeSymlink, Linkname: "/etc/hostname"}), "cannot find"},
	} {
		o := Options{Stdin: bytes.NewReader(c.stdin), TempDir: temp}
		ctx, err := Open(t.Context(), "-", o)
		var got string
		if err != nil {
			got = err.Error()
		} else {
			got = names(t, ctx, o)
			if err := ctx.Close(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	bodies := map[string][]byte{
		"/file": []byte("FROM file\n"), "/ctx.tar.gz": archive(t, file("sub/Dockerfile", "FROM tar")), "/empty": {},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := bodies[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if _, err := w.Write(body); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	o := Options{TempDir: t.TempDir(), Cwd: t.TempDir()}
	for _, c := range []struct {
		arg   string
		files []string
		want  string
	}{
		{"/file", nil, "Dockerfile=FROM file"},
		{"/ctx.tar.gz", []string{"sub/Dockerfile"}, "sub/Dockerfile=FROM tar"},
		{"/empty", nil, "no contents in"},
		{"/gone", nil, "invalid response status 404"},
	} {
		ctx, err := Open(t.Context(), server.URL+c.arg, o)
		var got string
		if err != nil {
			got = err.Error()
		} else {
			got = names(t, ctx, o, c.files...)
			if err := ctx.Close(); err != nil {
				t.Error(err)
			}
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.arg, got, c.want)
		}
	}
	dir := t.TempDir()
	ctx, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, ctx, o, server.URL+"/file"); !strings.Contains(got, "FROM file") {
		t.Errorf("-f URL: %s", got)
	}
}

func TestGit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	repository := t.TempDir()
	write(t, repository, map[string]string{"Dockerfile": "FROM git", "sub/Dockerfile": "FROM sub"})
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"add", "."},
		{"-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "m"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = repository
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	temp := t.TempDir()
	for _, c := range []struct{ fragment, want string }{
		{"", "=FROM git"},
		{"#main", "=FROM git"},
		{"#main:sub", "=FROM sub"},
		{"#:sub", "=FROM sub"},
		{"#gone", "failed while performing `git fetch`"},
		{"#--upload-pack=x", "no name of a commit"},
		{"#:none", "no such file"},
	} {
		var got string
		o := Options{TempDir: temp}
		ctx, err := openRepository(t, repository, c.fragment, o)
		if err != nil {
			got = err.Error()
		} else {
			got = names(t, ctx, o)
			if err := ctx.Close(); err != nil {
				t.Error(err)
			}
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%q: %s, want %s", c.fragment, got, c.want)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestIgnoreFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a/.containerignore": "c", "a/.dockerignore": "d", "b/.dockerignore": "d", "c/Dockerfile.x.dockerignore": "x",
		"c/Dockerfile.x.containerignore": "y", "c/.dockerignore": "d", "given": "given", "e/x": "", "out": "out",
	})
	if err := os.MkdirAll(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../out", filepath.Join(dir, "d/.dockerignore")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir, explicit string
		files         []string
		want          string
	}{
		{"a", "", nil, "c"},
		{"b", "", nil, "d"},
		{"c", "", []string{"Dockerfile.x"}, "x"},
		{"c", "", []string{"-"}, "d"},
		{"d", "", nil, ""}, // a link to the outside leads nowhere
		{"e", "", nil, ""},
		{"a", "given", nil, "given"},
		{"a", "gone", nil, "reading the ignore file"},
	} {
		ctx, err := Open(t.Context(), c.dir, Options{Cwd: dir})
		if err != nil {
			t.Fatal(err)
		}
		f, err := ctx.IgnoreFile(c.explicit, c.files, dir)
		got := string(f.Data)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) || (c.want == "" && got != "") {
			t.Errorf("%s %s %q: %q, want %q", c.dir, c.explicit, c.files, got, c.want)
		}
	}
}

// openRepository opens a repository of the host, which no address can name.
func openRepository(t *testing.T, dir, rest string, o Options) (*Context, error) {
	t.Helper()
	g, err := ParseGit("git://host/r" + rest)
	if err != nil {
		return nil, err
	}
	g.Remote = "file://" + dir
	return OpenGit(t.Context(), g, o)
}
