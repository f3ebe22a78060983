package copier

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// archive makes a tar of lines in the words of plant, with the names as they are.
func archive(tb testing.TB, lines ...string) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, line := range lines {
		h := &tar.Header{Name: line, Mode: 0o644, ModTime: time.Unix(1000, 0), Uid: os.Getuid(), Gid: os.Getgid(), Typeflag: tar.TypeReg}
		content := ""
		if name, target, ok := strings.Cut(line, " -> "); ok {
			h.Name, h.Linkname, h.Typeflag = name, target, tar.TypeSymlink
		} else if name, target, ok := strings.Cut(line, " = "); ok {
			h.Name, h.Linkname, h.Typeflag = name, target, tar.TypeLink
		} else if strings.HasSuffix(line, "/") {
			h.Mode, h.Typeflag = 0o755, tar.TypeDir
		} else {
			content = filepath.Base(line)
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func TestExtractStaysInside(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for name, tc := range map[string]struct {
		entries []string
		want    []string // nil when it must fail
	}{
		"dots":                    {[]string{"../../outside/x", "a/../../y"}, []string{"in/", "in/outside/", "in/outside/x", "in/y"}},
		"absolute":                {[]string{"/etc/passwd"}, []string{"in/", "in/etc/", "in/etc/passwd"}},
		"through a relative link": {[]string{"l -> ../../../outside", "l/x"}, []string{"in/", "in/l -> ../../../outside", "outside/", "outside/x"}},
		"through an absolute one": {[]string{"l -> /tmp/there", "l/x"}, []string{"in/", "in/l -> /tmp/there", "tmp/", "tmp/there/", "tmp/there/x"}},
		"a chain of links":        {[]string{"a -> b", "b -> ..", "a/c -> ..", "c/d"}, []string{"c -> ..", "in/", "in/a -> b", "in/b -> ..", "in/c/", "in/c/d"}},
		"over its own link":       {[]string{"l -> ../../outside/secret", "l"}, []string{"in/", "in/l"}},
		"directory over a link":   {[]string{"l -> ../../outside", "l/", "l/x"}, []string{"in/", "in/l/", "in/l/x"}},
		"hard link outside":       {[]string{"h = ../../outside/secret"}, nil},
		"hard link through links": {[]string{"l -> ../../outside", "h = l/secret"}, nil},
		"hard link then write":    {[]string{"f", "h = f", "h"}, []string{"in/", "in/f", "in/h"}},
		"link loop":               {[]string{"l -> l", "l/x"}, nil},
		"file as a directory":     {[]string{"f", "f/x"}, nil},
		"file over directory":     {[]string{"d/", "d/x", "d", "e"}, []string{"in/", "in/d", "in/e"}},
		"replaced parent":         {[]string{"d/", "d/x", "d", "d/", "d/y"}, []string{"in/", "in/d/", "in/d/y"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roots(t, func(t *testing.T, open func(string) *Root) {
				dir, outside := guarded(t, "./")
				err := Extract(t.Context(), open(dir), "/in", bytes.NewReader(archive(t, tc.entries...)), ExtractOptions{})
				if (err != nil) != (tc.want == nil) {
					t.Errorf("got %v", err)
				}
				if diff := cmp.Diff(tc.want, harvest(t, dir)); tc.want != nil && diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff([]string{"secret"}, harvest(t, outside)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestCompressedArchives(t *testing.T) {
	t.Parallel()
	needRoot(t)
	plain := archive(t, "d/", "d/f", "l -> d")
	for _, program := range []string{"", "gzip", "bzip2", "xz", "zstd"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			data := plain
			if program != "" {
				if _, err := exec.LookPath(program); err != nil {
					t.Skip(err)
				}
				cmd := exec.CommandContext(t.Context(), program, "-c")
				cmd.Stdin = bytes.NewReader(plain)
				var err error
				if data, err = cmd.Output(); err != nil {
					t.Fatal(err)
				}
			}
			if is, err := IsArchive(bytes.NewReader(data)); err != nil || !is {
				t.Fatalf("IsArchive: %v, %v", is, err)
			}
			src, dst := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(src, "any.name"), data, 0o644); err != nil {
				t.Fatal(err)
			}
			plant(t, src, "link -> any.name")
			for _, source := range []string{"link", "any*"} {
				result, err := Copy(t.Context(), Target{Root: openRoot(t, dst), Path: "/x"}, openRoot(t, src), []string{source}, CopyOptions{Extract: true, Chown: &Owner{9, 9}})
				if err != nil || result.Kind != "file" || result.Digest == "" || result.Files != 2 {
					t.Fatalf("%+v, %v", result, err)
				}
			}
			if diff := cmp.Diff([]string{"x/", "x/d/", "x/d/f", "x/l -> d"}, harvest(t, dst)); diff != "" {
				t.Error(diff)
			}
			if info, err := os.Lstat(filepath.Join(dst, "x/d")); err != nil || !info.ModTime().Equal(time.Unix(1000, 0)) {
				t.Errorf("%v, %v", info.ModTime(), err)
			}
			cut := data[:len(data)/2]
			if err := Extract(t.Context(), openRoot(t, t.TempDir()), "/", bytes.NewReader(cut), ExtractOptions{}); err == nil && program != "" {
				t.Error("half an archive was taken for a whole one")
			}
		})
	}
}

func TestNoArchive(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte(strings.Repeat("hello ", 200)), "zeros": make([]byte, 4096),
		"no entries": archive(t), "gzip of nothing": {0x1f, 0x8b, 8, 0}, "bzip2 in name": []byte("BZhello"),
	} {
		if is, err := IsArchive(bytes.NewReader(data)); is || err != nil {
			t.Errorf("%s: %v, %v", name, is, err)
		}
	}
	src, dst := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "f.tar"), archive(t), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(t.Context(), Target{Root: openRoot(t, dst), Path: "/x"}, openRoot(t, src), []string{"f.tar"}, CopyOptions{Extract: true}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(filepath.Join(dst, "x")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("a tar without entries is a file: %v, %v", info, err)
	}
}

func TestTarRoundTrip(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src, dst := t.TempDir(), t.TempDir()
	plant(t, src, "d/f", "d/g = d/f", "l -> d/f", "e/", strings.Repeat("long", 40)+"/name")
	from := openRoot(t, src)
	var one, two bytes.Buffer
	for _, buf := range []*bytes.Buffer{&one, &two} {
		if err := Tar(t.Context(), buf, from, "/", TarOptions{Exclude: not("e")}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two archives of one tree differ")
	}
	if err := Extract(t.Context(), openRoot(t, dst), "/", &one, ExtractOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(src, "e")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(harvest(t, src), harvest(t, dst)); diff != "" {
		t.Error(diff)
	}
	if a, b := copyAll(t, src, t.TempDir(), CopyOptions{}), copyAll(t, dst, t.TempDir(), CopyOptions{}); a != b {
		t.Errorf("%+v, %+v", a, b)
	}
}

// not excludes one name.
type not string

func (n not) Excluded(path string, _ bool) (excluded, prune bool) { return path == string(n), true }

func FuzzExtract(f *testing.F) {
	f.Add(archive(f, "a/b", "l -> ../../..", "l/x", "h = a/b", "d/"))
	f.Add(archive(f, "../x", "/y", "a -> b", "b -> a", "a/c"))
	f.Add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte("BZh91AY&SY"))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip("large input finds nothing that small does not")
		}
		base := t.TempDir()
		dir := filepath.Join(base, "a/b/root")
		plant(t, dir, "./")
		plant(t, base, "secret")
		root := openRoot(t, dir)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // a sparse file may claim to be endless
		defer cancel()
		_ = Extract(ctx, root, "/in", bytes.NewReader(data), ExtractOptions{}) // anything but an escape is right
		entries, err := os.ReadDir(base)
		if err != nil || len(entries) != 2 {
			t.Fatalf("beside the root: %v, %v", entries, err)
		}
		entries, err = os.ReadDir(filepath.Join(base, "a/b"))
		if err != nil || len(entries) != 1 {
			t.Fatalf("beside the root: %v, %v", entries, err)
		}
		if _, err := IsArchive(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	})
}
