package copier

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestChmod(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		mode Mode
		dir  bool
		want Mode
	}{
		{"0644", 0o777, false, 0o644},
		{"7777", 0, true, 0o7777},
		{"u=rwX,go=rX", 0o600, false, 0o644},
		{"u=rwX,go=rX", 0o700, false, 0o755},
		{"u=rwX,go=rX", 0o600, true, 0o755},
		{"+x", 0o644, false, 0o755},
		{"a-w", 0o666, false, 0o444},
		{"g=u", 0o750, false, 0o770},
		{"o=g-w", 0o775, false, 0o775},
		{"u+s,g+s,+t", 0o755, false, 0o7755},
		{"u-s", 0o4755, false, 0o755},
		{"o+s", 0o755, false, 0o755},
		{"=", 0o7777, false, 0},
		{"go=", 0o777, true, 0o700},
		{"u+x-w", 0o644, false, 0o544},
		{"=rX", 0o100, false, 0o555},
	} {
		change, err := ParseChmod(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if got := change.Apply(c.mode, c.dir); got != c.want {
			t.Errorf("%q on %o: %o, want %o", c.text, c.mode, got, c.want)
		}
	}
	for _, text := range []string{"", "8", "10000", "u", "u+y", "x", "u=rw,", ",", "u=go", "-1", "0o644", "u+x8", "rwx"} {
		if _, err := ParseChmod(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// FuzzChmod compares with chmod(1), which accepts more and has opinions of its
// own about set-ID bits of directories.
func FuzzChmod(f *testing.F) {
	for _, seed := range []string{"u=rwX,go=rX", "+x", "g=u", "a+t,u-s", "o=g-w+x"} {
		f.Add(seed, uint16(0o640))
	}
	f.Fuzz(func(t *testing.T, text string, mode uint16) {
		mode &= modeAll
		change, err := ParseChmod(text)
		if err != nil || change.fixed != nil {
			return
		}
		name := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := unix.Chmod(name, uint32(mode)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `umask 0; exec chmod -- "$0" "$1"`, text, name)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("chmod %q: %s", text, out)
		}
		var st unix.Stat_t
		if err := unix.Stat(name, &st); err != nil {
			t.Fatal(err)
		}
		if got := change.Apply(Mode(mode), false); uint32(got) != st.Mode&modeAll {
			t.Errorf("%q on %o: %o, chmod says %o", text, mode, got, st.Mode&modeAll)
		}
	})
}

// TestCopyChmod changes modes of a tree.
func TestCopyChmod(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), t.TempDir()
	for name, mode := range map[string]os.FileMode{"run": 0o700, "text": 0o600} {
		if err := os.WriteFile(filepath.Join(src, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(src, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	from, to := openRoot(t, src), openRoot(t, dst)
	change, err := ParseChmod("go=rX")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(t.Context(), Target{Root: to, Path: "/"}, from, []string{"."}, CopyOptions{Chmod: &change}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, name := range []string{"run", "text", "dir"} {
		info, err := os.Stat(filepath.Join(dst, name))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Mode().Perm().String())
	}
	if text := strings.Join(got, " "); text != "-rwxr-xr-x -rw-r--r-- -rwxr-xr-x" {
		t.Errorf("modes %s", text)
	}
}
