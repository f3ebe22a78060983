package contexts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// predefined is what cpp includes by itself.
const predefined = "stdc-predef.h"

// includes is the list that cpp keeps of the files it has read, for a Dockerfile
// of a context that was fetched: a stranger wrote it, and neither an #include nor
// a link may bring files of the host into the image.
type includes struct{ list string }

// watch gives the flags that make cpp keep the list. A local context has none: it
// is the user's own.
func (c *Context) watch() (*includes, []string) {
	if c.temp == "" {
		return nil, nil
	}
	w := &includes{list: filepath.Join(c.temp, "includes")}
	return w, []string{"-MD", "-MF", w.list, "-MT", "x"}
}

// check finds a file outside of the context. Without a list, which cpp leaves out
// when it fails, nobody knows.
func (w *includes) check(c *Context) error {
	if w == nil {
		return nil
	}
	data, err := os.ReadFile(w.list)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("the preprocessor failed, and a context that was fetched cannot do without it")
	}
	if err != nil {
		return fmt.Errorf("reading the list of included files: %w", err)
	}
	dir, err := filepath.EvalSymlinks(c.Dir)
	if err != nil {
		return err
	}
	for _, name := range makeWords(string(data)) {
		if filepath.Base(name) == predefined {
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(c.Dir, name)
		}
		if full, err := filepath.EvalSymlinks(name); err != nil || !strings.HasPrefix(full, dir+"/") {
			return fmt.Errorf("%q is outside of the build context", name)
		}
	}
	return nil
}

// makeWords takes apart the prerequisites of a rule of make(1).
func makeWords(rule string) []string {
	_, rule, _ = strings.Cut(rule, ":")
	rule = strings.ReplaceAll(rule, "\\\n", " ")
	var words []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for i := 0; i < len(rule); i++ {
		switch next := i + 1; {
		case rule[i] == ' ' || rule[i] == '\n':
			flush()
		case next < len(rule) && (rule[i] == '\\' && strings.IndexByte(" #\\", rule[next]) >= 0 || rule[i] == '$' && rule[next] == '$'):
			word.WriteByte(rule[next])
			i++
		default:
			word.WriteByte(rule[i])
		}
	}
	flush()
	return words
}
