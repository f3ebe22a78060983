// Package manpage puts a manual page together: a page is Markdown, and a line
// that is only a link to a file below options/ stands for that file, so that the
// text about flags that several commands share is written once.
package manpage

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Read gives the text of the page at path with everything included.
func Read(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading a manual page: %w", err)
	}
	include := regexp.MustCompile(`^\[[^]]*\]\((options/[a-z-]+\.md)\)$`)
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		m := include.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			b.WriteString(line)
			continue
		}
		shared, err := os.ReadFile(filepath.Join(filepath.Dir(path), m[1]))
		if err != nil {
			return "", fmt.Errorf("including in %q: %w", path, err)
		}
		b.Write(shared)
	}
	return b.String(), nil
}
