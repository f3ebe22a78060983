// Package ignore reads the pattern language of ignore files (.containerignore,
// .dockerignore) and of the --exclude flag, and tells which paths of a build
// context it leaves out.
package ignore

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/moby/patternmatcher"
)

// Limit is the largest ignore file that is read, in bytes.
const Limit = 16 << 20

// Parse reads the lines of an ignore file (spec build.md, 1.6) and gives its
// patterns, cleaned, an exception still with its "!" in front.
func Parse(r io.Reader) ([]string, error) {
	data, err := io.ReadAll(io.LimitReader(r, Limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading ignore patterns: %w", err)
	}
	if len(data) > Limit {
		return nil, fmt.Errorf("reading ignore patterns: more than %d bytes", Limit)
	}
	var patterns []string
	scanner := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	scanner.Buffer(nil, Limit+1)
	for scanner.Scan() {
		p, err := cleanLine(scanner.Text())
		if err != nil {
			return nil, err
		}
		if p != "" {
			patterns = append(patterns, p)
		}
	}
	return patterns, scanner.Err()
}

// cleanLine gives the pattern in a line, "" when there is none.
func cleanLine(line string) (string, error) {
	if strings.HasPrefix(line, "#") {
		return "", nil
	}
	p := strings.TrimSpace(strings.Trim(line, "/"))
	rest, exception := strings.CutPrefix(p, "!")
	if !exception {
		if p == "" {
			return "", nil
		}
		return path.Clean(p), nil
	}
	rest = strings.TrimSpace(rest)
	if rest == "" {
		return "", fmt.Errorf("illegal exclusion pattern: %q", "!")
	}
	rest = strings.TrimPrefix(path.Clean(rest), "/")
	if rest == "" {
		return "", nil
	}
	return "!" + rest, nil
}

// Exclude gives the patterns of an --exclude flag for these sources: each counts
// from the root of the copy and from every source.
func Exclude(patterns, sources []string) ([]string, error) {
	var all []string
	for _, text := range patterns {
		p, err := cleanLine(text)
		if err != nil {
			return nil, err
		}
		if p == "" {
			continue
		}
		all = append(all, p)
		rest, exception := strings.CutPrefix(p, "!")
		for _, s := range sources {
			at := strings.TrimPrefix(path.Join("/", s, rest), "/")
			if at == rest || at == "" {
				continue
			}
			if exception {
				at = "!" + at
			}
			all = append(all, at)
		}
	}
	return all, nil
}

// Matcher tells which paths its patterns leave out. It remembers the directory
// of the last question, so a walk of a tree costs one match a path and not one
// for each of its parents. It is not safe for concurrent use.
type Matcher struct {
	// File is where the patterns come from, for messages; "" says nothing.
	File       string
	patterns   *patternmatcher.PatternMatcher
	exceptions []string
	chain      []link
}

// link is one directory on the way to the last path.
type link struct {
	dir  string
	info patternmatcher.MatchInfo
}

// New compiles patterns as [Parse] and [Exclude] give them.
func New(patterns []string) (*Matcher, error) {
	pm, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("ignore patterns: %w", err)
	}
	m := &Matcher{patterns: pm}
	for _, p := range pm.Patterns() {
		// The expression is compiled at its first use, so a use now finds what is wrong with it.
		if _, err := patternmatcher.MatchesOrParentMatches("x", []string{p.String()}); err != nil {
			return nil, fmt.Errorf("ignore pattern %q: %w", p.String(), err)
		}
		if p.Exclusion() {
			m.exceptions = append(m.exceptions, p.String())
		}
	}
	return m, nil
}

// Excluded tells whether a path, relative to the root of the context, is left
// out, and, for a directory, whether nothing below it can be taken in again.
func (m *Matcher) Excluded(name string, dir bool) (excluded, prune bool) {
	name = path.Clean(name)
	if name == "." || name == "/" {
		return false, false
	}
	excluded, _ = m.match(name)
	if !excluded {
		return false, false
	}
	return true, dir && !m.exceptionBelow(name)
}

// String is the file that the patterns come from.
func (m *Matcher) String() string { return m.File }

// exceptionBelow tells whether an exception is written for something in dir.
// Only the text counts: a wildcard in the directory part does not reach into an
// excluded directory.
func (m *Matcher) exceptionBelow(dir string) bool {
	for _, e := range m.exceptions {
		if strings.HasPrefix(e, dir+"/") {
			return true
		}
	}
	return false
}

// match asks the patterns, with the answers for the parents at hand.
func (m *Matcher) match(name string) (bool, patternmatcher.MatchInfo) {
	parent := path.Dir(name)
	var above patternmatcher.MatchInfo
	if parent != "." && parent != "/" {
		above = m.parent(parent)
	}
	// The patterns were all compiled before, and that is all that can go wrong.
	yes, info, err := m.patterns.MatchesUsingParentResults(name, above)
	return yes && err == nil, info
}

// parent gives the answers for a directory, from the chain where it is there.
func (m *Matcher) parent(dir string) patternmatcher.MatchInfo {
	for n := len(m.chain); n > 0; n = len(m.chain) {
		last := m.chain[n-1]
		if last.dir == dir {
			return last.info
		}
		if strings.HasPrefix(dir, last.dir+"/") {
			break
		}
		m.chain = m.chain[:n-1]
	}
	_, info := m.match(dir)
	m.chain = append(m.chain, link{dir: dir, info: info})
	return info
}
