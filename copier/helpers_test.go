package copier

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// plant makes files below dir: "name/" is a directory, "name -> target" a link,
// "name = other" a hard link, "name" a file whose content is its own name.
func plant(tb testing.TB, dir string, lines ...string) {
	tb.Helper()
	for _, line := range lines {
		name, target, link := strings.Cut(line, " -> ")
		other, first, hard := strings.Cut(line, " = ")
		if hard {
			name = other
		}
		full := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(full), 0o755)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(target, full)
		case hard:
			err = os.Link(filepath.Join(dir, first), full)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(full, 0o755)
		default:
			err = os.WriteFile(full, []byte(filepath.Base(name)), 0o644)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// harvest lists what is below dir in the words of plant; a file whose content is
// not its name is "name: content".
func harvest(tb testing.TB, dir string) []string {
	tb.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case e.IsDir():
			name += "/"
		case e.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			name += " -> " + target
		case e.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if string(data) != filepath.Base(name) {
				name += fmt.Sprintf(": %s", data)
			}
		default:
			name += " " + e.Type().String()
		}
		lines = append(lines, name)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	sort.Strings(lines)
	return lines
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files away")
	}
}

// roots gives the two ways in which a root can resolve paths.
func roots(t *testing.T, work func(t *testing.T, open func(dir string) *Root)) {
	t.Helper()
	for _, walking := range []bool{false, true} {
		t.Run(fmt.Sprintf("walking=%v", walking), func(t *testing.T) {
			t.Parallel()
			work(t, func(dir string) *Root {
				root := openRoot(t, dir)
				root.walkOnly.Store(walking)
				return root
			})
		})
	}
}
