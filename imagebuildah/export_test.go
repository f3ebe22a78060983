package imagebuildah

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/transfer"
)

func TestExport(t *testing.T) {
	t.Parallel()
	e := env{realEngine(t)}
	dir, file := filepath.Join(t.TempDir(), "made", "dir"), filepath.Join(t.TempDir(), "x.tar")
	var stream bytes.Buffer
	for _, text := range []string{"FROM base\nCOPY a.txt /new\n", "FROM base\nCOPY a.txt /new\nENV A=b\n"} {
		e.build(t, text, func(o *Options) {
			stream.Reset()
			o.Exports = []Export{{Dir: dir}, {File: file}, {Stream: &stream}}
			at := time.Unix(77, 0)
			o.Commit.Times.Timestamp = &at
		})
		info, err := os.Stat(filepath.Join(dir, "new"))
		if err != nil || info.ModTime().Unix() != 77 {
			t.Errorf("%+v, %v", info, err)
		}
		written, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(written, stream.Bytes()) {
			t.Errorf("the file has %d bytes and the stream %d, %v", len(written), stream.Len(), err)
		}
	}
	var names []string
	for r := tar.NewReader(&stream); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 77 {
			t.Errorf("%s is of %s", h.Name, h.ModTime)
		}
		names = append(names, strings.TrimPrefix(h.Name, "./"))
	}
	if text := strings.Join(names, " "); !strings.Contains(text, "etc/passwd") || !strings.Contains(text, "new") {
		t.Errorf("the archive has %s", text)
	}
	if left, err := filepath.Glob(filepath.Dir(file) + "/.x*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %s, %v", left, err)
	}
}

// TestExportFails holds that an export that fails leaves neither an image nor a container.
func TestExportFails(t *testing.T) {
	t.Parallel()
	e := env{realEngine(t)}
	before, _ := e.left(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM base\nCOPY Dockerfile /\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Build(t.Context(), e.Engine, Options{
		Source:  Source{Context: dir, Fetch: contexts.Options{Cwd: dir, TempDir: e.Host.TempDir}},
		Base:    builder.BaseOptions{Pull: transfer.PullNever},
		Exports: []Export{{File: filepath.Join(dir, "no", "such.tar")}},
	})
	if err == nil || !strings.Contains(err.Error(), "exporting the root file system") {
		t.Errorf("the error is %v", err)
	}
	if images, containers := e.left(t); images != before || containers != 0 {
		t.Errorf("%d images and %d containers are left", images-before, containers)
	}
}

func TestCutImage(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"oci:dir": "oci dir ", "oci:./dir/:tag:2": "oci ./dir/ :tag:2", "dir:a:b": "dir a:b ", "docker-archive:f.tar:@0": "docker-archive f.tar :@0",
		"busybox:1": "", "docker://x": "", "oci": "", "localhost:5000/x": "",
	} {
		transport, path, rest, ok := cutImage(name)
		if got := transport + " " + path + " " + rest; ok != (want != "") || ok && got != want {
			t.Errorf("%q is %q, %v", name, got, ok)
		}
	}
}
