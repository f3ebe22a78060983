package copier

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Glob gives the sorted paths that match a pattern of path.Match, in which a
// component "**" stands for any number of directories, also none; at the end it
// stands for all that is below. Links in the directory part are followed inside
// the root, but "**" goes through none. Paths begin with a slash if the pattern
// does. A pattern without wildcards matches the file of that name.
func (r *Root) Glob(pattern string) ([]string, error) {
	for part := range strings.SplitSeq(pattern, "/") {
		if _, err := path.Match(part, ""); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	start := ""
	if strings.HasPrefix(pattern, "/") {
		start = "/"
	}
	g := globber{root: r}
	if err := g.match(start, splitPath(path.Clean("/"+pattern))); err != nil {
		return nil, err
	}
	slices.Sort(g.found)
	return slices.Compact(g.found), nil
}

// hasMeta tells patterns from plain names.
func hasMeta(name string) bool { return strings.ContainsAny(name, `*?[\`) }

type globber struct {
	root  *Root
	found []string
}

// match goes on with the pattern's parts below dir.
func (g *globber) match(dir string, parts []string) error {
	plain := dir
	for len(parts) > 0 && !hasMeta(parts[0]) {
		plain, parts = path.Join(plain, parts[0]), parts[1:]
	}
	switch {
	case len(parts) == 0:
		return g.accept(plain)
	case parts[0] == "**":
		return g.deep(plain, parts[1:])
	}
	names, err := g.names(plain)
	if err != nil {
		return err
	}
	for _, name := range names {
		if ok, _ := path.Match(parts[0], name); !ok {
			continue
		}
		if err := g.below(path.Join(plain, name), parts[1:]); err != nil {
			return err
		}
	}
	return nil
}

// below goes on below one match. A match that was listed needs no second look.
func (g *globber) below(name string, rest []string) error {
	if len(rest) == 0 {
		g.found = append(g.found, name)
		return nil
	}
	return g.match(name, rest)
}

func (g *globber) accept(name string) error {
	_, err := g.root.Lstat(name)
	switch {
	case unreachable(err):
		return nil
	case err != nil:
		return err
	}
	if name == "" {
		name = "."
	}
	g.found = append(g.found, name)
	return nil
}

// deep applies the rest to dir and to every directory below it.
func (g *globber) deep(dir string, rest []string) error {
	if len(rest) > 0 {
		if err := g.match(dir, rest); err != nil {
			return err
		}
	}
	names, err := g.names(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		below := path.Join(dir, name)
		if len(rest) == 0 {
			g.found = append(g.found, below)
		}
		info, err := g.root.Lstat(below)
		if err != nil && !unreachable(err) {
			return err
		}
		if err != nil || !info.IsDir() {
			continue
		}
		if err := g.deep(below, rest); err != nil {
			return err
		}
	}
	return nil
}

// names lists a directory; what is none has no names.
func (g *globber) names(dir string) ([]string, error) {
	names, err := g.root.ReadDir(dir)
	if unreachable(err) {
		return nil, nil
	}
	slices.Sort(names)
	return names, err
}

// unreachable are the errors of a path that does not exist.
func unreachable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, os.ErrNotExist)
}

// splitLast cuts a cleaned path into directory and name.
func splitLast(name string) (dir, base string) {
	dir, base = path.Split(name)
	return dir, base
}
