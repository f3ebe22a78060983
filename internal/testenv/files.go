package testenv

import (
	"archive/tar"
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// Files is a tree: the content of each path. A path that ends in "/" is a
// directory, content that begins with "-> " makes a symbolic link to what
// follows. Programs (ELF, "#!" or below a bin directory) are executable.
// Directories that lead to a path need not be listed.
type Files = map[string]string

// epoch is the time stamp of everything made here, so that digests are stable.
func epoch() time.Time { return time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC) }

// Tar returns the tree as a tar archive, sorted and with fixed time stamps.
func Tar(t testing.TB, files Files) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range withParents(files) {
		h, body := header(name, files[name])
		if err := w.WriteHeader(h); err != nil {
			t.Fatalf("writing the tar entry %q: %v", name, err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatalf("writing the tar entry %q: %v", name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatalf("writing a tar archive: %v", err)
	}
	return buf.Bytes()
}

// withParents lists the paths and the directories above them, parents first.
func withParents(files Files) []string {
	all := map[string]bool{}
	for name := range files {
		all[name] = true
		for dir := path.Dir(strings.TrimSuffix(name, "/")); dir != "." && dir != "/"; dir = path.Dir(dir) {
			all[dir+"/"] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func header(name, content string) (*tar.Header, string) {
	h := &tar.Header{Name: strings.TrimPrefix(name, "/"), ModTime: epoch(), Mode: 0o644, Format: tar.FormatPAX}
	target, link := strings.CutPrefix(content, "-> ")
	switch {
	case strings.HasSuffix(name, "/"):
		h.Typeflag, h.Mode = tar.TypeDir, 0o755
		if name == "tmp/" || name == "/tmp/" {
			h.Mode = 0o1777
		}
		return h, ""
	case link:
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, target, 0o777
		return h, ""
	}
	h.Typeflag, h.Size = tar.TypeReg, int64(len(content))
	dir := path.Base(path.Dir(name))
	if dir == "bin" || dir == "sbin" || strings.HasPrefix(content, "#!") || strings.HasPrefix(content, "\x7fELF") {
		h.Mode = 0o755
	}
	return h, content
}
