package copier

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// A root and a neighbour that nothing may get at.
func guarded(t *testing.T, lines ...string) (root, outside string) {
	t.Helper()
	base := t.TempDir()
	root, outside = filepath.Join(base, "root"), filepath.Join(base, "outside")
	plant(t, root, lines...)
	plant(t, outside, "secret")
	return root, outside
}

func TestPathsStayInside(t *testing.T) {
	t.Parallel()
	roots(t, func(t *testing.T, open func(string) *Root) {
		dir, outside := guarded(t, "a/b/file", "up -> ../../../outside/secret", "etc/secret", "loop -> loop", "chain1 -> chain2", "chain2 -> /a/b")
		if err := os.Symlink(outside+"/secret", filepath.Join(dir, "abs")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/etc/secret", filepath.Join(dir, "in")); err != nil {
			t.Fatal(err)
		}
		r := open(dir)
		for name, want := range map[string]string{
			"a/b/file": "file", "/a/b/file": "file", "../../a/b/file": "file", "in": "secret",
			"chain1/file": "file", "chain1/../b/file": "file", "a/./b//file": "file",
			"up": "", "abs": "", "../outside/secret": "", "loop": "", "a/b/file/x": "",
		} {
			data, err := r.ReadFile(name, 100)
			if string(data) != want || (err != nil) != (want == "") {
				t.Errorf("ReadFile(%q) = %q, %v; want %q", name, data, err, want)
			}
		}
		if _, err := r.ReadFile("loop", 100); !errors.Is(err, unix.ELOOP) {
			t.Errorf("a loop gives %v", err)
		}
		if info, err := r.Lstat("in"); err != nil || info.Mode.Type() != fs.ModeSymlink {
			t.Errorf("Lstat: %v, %v", info, err)
		}
		if info, err := r.Stat("in"); err != nil || info.Size != 6 || info.Name != "in" {
			t.Errorf("Stat: %v, %v", info, err)
		}
		if got, err := r.EvalSymlinks("chain1/../b/file"); err != nil || got != "/a/b/file" {
			t.Errorf("EvalSymlinks: %q, %v", got, err)
		}
		if _, err := r.EvalSymlinks("up"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("EvalSymlinks of a dangling link: %v", err)
		}
	})
}

func TestWritesStayInside(t *testing.T) {
	t.Parallel()
	roots(t, func(t *testing.T, open func(string) *Root) {
		dir, outside := guarded(t, "a/", "dang -> /new/dir", "abs -> /a", "deep -> nowhere/else")
		if err := os.Symlink("../outside", filepath.Join(dir, "out")); err != nil {
			t.Fatal(err)
		}
		r := open(dir)
		created, err := r.MkdirAll("dang/below", MkdirOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"/new", "/new/dir", "/new/dir/below"}, created); diff != "" {
			t.Error(diff)
		}
		for _, name := range []string{"abs/w", "../../top"} {
			if err := r.WriteFile(name, []byte(filepath.Base(name)), FileOptions{}); err != nil {
				t.Error(err)
			}
		}
		if err := r.WriteFile("out/x", nil, FileOptions{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("writing through a link that leads out: %v", err)
		}
		if err := r.RemoveAll("abs"); err != nil {
			t.Error(err)
		}
		if err := r.RemoveAll("out/secret"); err != nil {
			t.Error(err)
		}
		if err := r.RemoveAll("/"); err == nil {
			t.Error("the root itself was removed")
		}
		if file, err := r.OpenFile("deep", unix.O_WRONLY|unix.O_CREAT, 0o644); err == nil {
			file.Close()
			t.Error("a file appeared below a directory that is not there")
		}
		want := []string{"a/", "a/w", "dang -> /new/dir", "deep -> nowhere/else", "new/", "new/dir/", "new/dir/below/", "out -> ../outside", "top"}
		if diff := cmp.Diff(want, harvest(t, dir)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"secret"}, harvest(t, outside)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMkdirAllMetadata(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := t.TempDir()
	r := openRoot(t, dir)
	when := time.Unix(1e9, 5)
	if _, err := r.MkdirAll("x/y", MkdirOptions{Mode: 0o2750, Owner: &Owner{7, 8}, Time: &when}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "x/y"} {
		info, err := r.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.UID != 7 || info.GID != 8 || ModeOf(info.Mode) != 0o2750 || !info.ModTime.Equal(when) {
			t.Errorf("%+v", info)
		}
	}
	plant(t, dir, "file")
	if _, err := r.MkdirAll("file", MkdirOptions{}); err == nil || !strings.Contains(err.Error(), "already exists but is not a directory") {
		t.Errorf("a file in the way: %v", err)
	}
}

func TestReadFileRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plant(t, dir, "long", "dir/")
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := openRoot(t, dir)
	if _, err := r.ReadFile("long", 3); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too long a file: %v", err)
	}
	for _, name := range []string{"fifo", "dir", "missing"} {
		if _, err := r.ReadFile(name, 10); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plant(t, dir, "a/b/c", "a/b/d/", "empty/", "l -> a")
	r := openRoot(t, dir)
	if err := r.Remove("a"); err == nil {
		t.Error("a full directory was removed")
	}
	for _, name := range []string{"empty", "l", "a/b/c"} {
		if err := r.Remove(name); err != nil {
			t.Error(err)
		}
	}
	if err := r.RemoveAll("a"); err != nil {
		t.Error(err)
	}
	if err := r.RemoveAll("a/b"); err != nil {
		t.Errorf("what is not there: %v", err)
	}
	if got := harvest(t, dir); len(got) != 0 {
		t.Error(got)
	}
}

func TestGlob(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plant(t, dir, "a.c", "b.h", "x/a.c", "x/y/a.c", "x/y/b.c", "lit[1]", "ln -> x", "self -> self", ".hid", "out -> ../..")
	r := openRoot(t, dir)
	for _, tc := range []struct {
		pattern string
		want    []string
	}{
		{"*.c", []string{"a.c"}},
		{"/*.c", []string{"/a.c"}},
		{"**/*.c", []string{"a.c", "x/a.c", "x/y/a.c", "x/y/b.c"}},
		{"x/**/a.c", []string{"x/a.c", "x/y/a.c"}},
		{"x/**", []string{"x/a.c", "x/y", "x/y/a.c", "x/y/b.c"}},
		{"?.[ch]", []string{"a.c", "b.h"}},
		{"lit[[]1]", []string{"lit[1]"}},
		{`lit\[1\]`, []string{"lit[1]"}},
		{"ln/*", []string{"ln/a.c", "ln/y"}},
		{"self/*", nil},
		{"out/*.c", []string{"out/a.c"}},
		{"../../*.c", []string{"a.c"}},
		{"*hid", []string{".hid"}},
		{"none*", nil},
		{"none", nil},
		{".", []string{"."}},
	} {
		got, err := r.Glob(tc.pattern)
		if err != nil {
			t.Errorf("%q: %v", tc.pattern, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q: %s", tc.pattern, diff)
		}
	}
	if _, err := r.Glob("a["); err == nil {
		t.Error("a broken pattern was accepted")
	}
}
