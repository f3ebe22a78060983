package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// link is one to another file of ours, to a heading of it, or to a heading of the same page.
var link = regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, path := range everyPage(t) {
		for _, m := range link.FindAllStringSubmatch(prose(t, path), -1) {
			seen++
			target := path
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(path), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", path, err)
			} else if m[2] != "" && !slices.Contains(headings(t, target), m[2]) {
				t.Errorf("%s: %s has no heading %q", path, target, m[2])
			}
		}
	}
	if seen < 200 {
		t.Errorf("only %d links", seen)
	}
}

// everyPage finds all that is written for readers: our pages, and what lies beside examples.
func everyPage(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*.md", "examples/*/*.md"} {
		matches, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, matches...)
	}
	return found
}

// fenced is a block of code, in which brackets are no links.
var fenced = regexp.MustCompile("(?ms)^ *```.*?^ *```")

// prose is a page without its blocks of code.
func prose(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fenced.ReplaceAllString(string(text), "")
}

var (
	heading    = regexp.MustCompile(`(?m)^#+ (.*)$`)
	unanchored = regexp.MustCompile(`[^\pL\pN_ -]`)
)

// headings are those of a page, as a link names them.
func headings(t *testing.T, path string) []string {
	t.Helper()
	var found []string
	for _, m := range heading.FindAllStringSubmatch(prose(t, path), -1) {
		found = append(found, strings.ReplaceAll(unanchored.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return found
}

func TestIndexNamesEveryPage(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile("../../docs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range findPages(t) {
		name, err := filepath.Rel("../../docs", path)
		if err != nil {
			t.Fatal(err)
		}
		if name != "../README.md" && name != "README.md" && !strings.Contains(string(index), "]("+name+")") {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
}
