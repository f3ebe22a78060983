package copier

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// memory is a Sums that counts.
type memory struct {
	mu      sync.Mutex
	known   map[FileID]Content
	learned int
}

func (m *memory) Known(id FileID) (Content, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.known[id]
	return c, ok
}

func (m *memory) Learn(id FileID, c Content) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[id] = c
	m.learned++
}

// leaving excludes names that begin with "no", and all below them but "but".
type leaving struct{}

func (leaving) Excluded(name string, dir bool) (out, prune bool) {
	base := filepath.Base(name)
	return strings.Contains(name, "no") && base != "but", false
}

// randomTree makes files of every kind.
func randomTree(t *testing.T, dir string, rnd *rand.Rand) {
	t.Helper()
	dirs, files := []string{"."}, []string{}
	for i := range 40 {
		up := dirs[rnd.IntN(len(dirs))]
		name := filepath.Join(up, []string{"a", "no", "but", "x", "deep"}[rnd.IntN(5)]+fmt.Sprint(i))
		if rnd.IntN(8) == 0 {
			name = filepath.Join(up, "but")
		}
		full := filepath.Join(dir, name)
		if _, err := os.Lstat(full); err == nil {
			continue
		}
		var err error
		switch rnd.IntN(9) {
		case 0, 1, 2:
			if err = os.Mkdir(full, os.FileMode(0o700|rnd.IntN(64))); err == nil {
				dirs = append(dirs, name)
			}
		case 3:
			err = os.Symlink(fmt.Sprint("../", rnd.IntN(3)), full)
		case 4:
			if len(files) > 0 {
				err = os.Link(filepath.Join(dir, files[rnd.IntN(len(files))]), full)
			}
		case 5:
			err = unix.Mkfifo(full, 0o600)
		case 6:
			err = os.WriteFile(full, bytes.Repeat([]byte{byte(i)}, rnd.IntN(300<<10)), 0o4755)
			_ = unix.Setxattr(full, "user.x", []byte{byte(rnd.IntN(2))}, 0)
		default:
			err = os.WriteFile(full, []byte(fmt.Sprint(i, rnd.IntN(3))), 0o640)
			files = append(files, name)
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = os.Lchown(full, rnd.IntN(3), rnd.IntN(3))
	}
}

// TestDigestIsThatOfCopy: what Digest says ahead, Copy finds.
func TestDigestIsThatOfCopy(t *testing.T) {
	t.Parallel()
	needRoot(t)
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	mode, _ := ParseChmod("0755")
	for seed := range rounds {
		rnd := rand.New(rand.NewPCG(uint64(seed), 1))
		src := t.TempDir()
		randomTree(t, src, rnd)
		o := CopyOptions{KeepOwner: rnd.IntN(2) == 0, StripSetID: rnd.IntN(2) == 0, Parents: rnd.IntN(3) == 0, NoLinks: rnd.IntN(3) == 0}
		if rnd.IntN(2) == 0 {
			o.Exclude = leaving{}
		}
		if rnd.IntN(2) == 0 {
			o.Chown, o.Chmod = &Owner{7, 8}, &mode
		}
		sources := [][]string{{"."}, {"a*", "x*"}, {"*"}, {"deep*/./b*", "no*"}}[rnd.IntN(4)]
		o.AllowEmptyGlob = true
		copied, errCopy := Copy(t.Context(), Target{Root: openRoot(t, t.TempDir()), Path: "/to/"}, openRoot(t, src), sources, o)
		sums := &memory{known: map[FileID]Content{}}
		for turn := range 2 {
			found, err := Digest(t.Context(), openRoot(t, src), sources, o, sums)
			if (err == nil) != (errCopy == nil) {
				t.Fatalf("seed %d: copying says %v, reading %v", seed, errCopy, err)
			}
			copied.Digest = ""
			if err == nil && found != copied {
				t.Fatalf("seed %d, turn %d, %q with %+v: copied %+v, read %+v", seed, turn, sources, o, copied, found)
			}
			if turn == 0 {
				sums.learned = 0
			}
		}
		if errCopy == nil && sums.learned > 0 {
			t.Fatalf("seed %d: %d files were read again", seed, sums.learned)
		}
	}
}

func TestDigestOfArchive(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	var archive bytes.Buffer
	plant(t, src, "in/file")
	if err := Tar(t.Context(), &archive, openRoot(t, src), "in", TarOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "a.tar"), archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	o := CopyOptions{Extract: true}
	copied, err := Copy(t.Context(), Target{Root: openRoot(t, t.TempDir()), Path: "/"}, openRoot(t, src), []string{"a.tar"}, o)
	if err != nil {
		t.Fatal(err)
	}
	found, err := Digest(t.Context(), openRoot(t, src), []string{"a.tar"}, o, nil)
	if err != nil || found.Sources != copied.Sources || found.Sources == "" {
		t.Errorf("read %+v, %v; copied %+v", found, err, copied)
	}
}

// TestDigestSeesChanges: all but times counts, also with an index of contents.
func TestDigestSeesChanges(t *testing.T) {
	t.Parallel()
	needRoot(t)
	file := func(dir string) string { return filepath.Join(dir, "d/file") }
	for name, c := range map[string]struct {
		change  func(dir string) error
		changes bool
	}{
		"nothing": {func(string) error { return nil }, false},
		"touched": {func(dir string) error { return os.Chtimes(file(dir), time.Unix(1, 0), time.Unix(1, 0)) }, false},
		"same size and time": {func(dir string) error {
			info, err := os.Stat(file(dir))
			if err != nil {
				return err
			}
			if err := os.WriteFile(file(dir), []byte("FILE"), 0o644); err != nil {
				return err
			}
			return os.Chtimes(file(dir), info.ModTime(), info.ModTime())
		}, true},
		"mode":      {func(dir string) error { return os.Chmod(file(dir), 0o600) }, true},
		"owner":     {func(dir string) error { return os.Chown(file(dir), 1, 1) }, true},
		"link":      {func(dir string) error { _ = os.Remove(dir + "/l"); return os.Symlink("elsewhere", dir+"/l") }, true},
		"name":      {func(dir string) error { return os.Rename(file(dir), dir+"/d/file2") }, true},
		"directory": {func(dir string) error { return os.Mkdir(dir+"/empty", 0o755) }, true},
		"xattr":     {func(dir string) error { return unix.Setxattr(file(dir), "user.a", []byte("b"), 0) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, sums := t.TempDir(), &memory{known: map[FileID]Content{}}
			plant(t, dir, "d/file", "d/other", "l -> d/file")
			digest := func() string {
				r, err := Digest(t.Context(), openRoot(t, dir), []string{"."}, CopyOptions{KeepOwner: true}, sums)
				if err != nil {
					t.Fatal(err)
				}
				return r.Sources
			}
			before := digest()
			time.Sleep(10 * time.Millisecond) // a clock tick of the file system
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			if changed := digest() != before; changed != c.changes {
				t.Errorf("changed: %v", changed)
			}
		})
	}
}
