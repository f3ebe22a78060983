package imagebuildah

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// The package that expands words knows ${name/pattern/replacement} and the form
// with "//". Here are the others that shells have and Dockerfiles use: without a
// replacement, and with a pattern that must be at the beginning ("/#") or at the
// end ("/%") of the value.

// substituter rewrites a word so that it has only forms which the package knows.
type substituter struct {
	lex    *shell.Lex
	escape byte
	quotes bool // single quotes keep what is in them
	vars   shell.EnvGetter
	made   []string // values of variables that stand for what was substituted here
}

// madePrefix begins the names of those variables.
const madePrefix = "__buildah_made_"

var slashForm = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)/`)

// rewritten gives an equal word, and the variables that it is to be expanded with.
func rewritten(lex *shell.Lex, escape rune, quotes bool, text string, vars shell.EnvGetter) (string, shell.EnvGetter) {
	if !strings.Contains(text, "${") || !strings.Contains(text, "/") {
		return text, vars
	}
	s := &substituter{lex: lex, escape: byte(escape), quotes: quotes, vars: vars}
	return s.rewrite(text), s
}

// Get looks up a variable of ours, or of the word.
func (s *substituter) Get(name string) (string, bool) {
	var n int
	if number, ok := strings.CutPrefix(name, madePrefix); ok {
		if _, err := fmt.Sscanf(number, "%d", &n); err == nil && n < len(s.made) {
			return s.made[n], true
		}
	}
	return s.vars.Get(name)
}

// Keys are those of the word.
func (s *substituter) Keys() []string { return s.vars.Keys() }

func (s *substituter) rewrite(text string) string {
	var out strings.Builder
	double := false
	for i := 0; i < len(text); {
		n := 1
		switch c := text[i]; {
		case c == s.escape:
			n = min(2, len(text)-i)
		case c == '"':
			double = !double
		case c == '\'' && s.quotes && !double:
			n = len(text) - i
			if end := strings.IndexByte(text[i+1:], '\''); end >= 0 {
				n = end + 2
			}
		case c == '$':
			if m := slashForm.FindStringSubmatch(text[i:]); m != nil {
				if form, length := s.form(m[1], text[i+len(m[0]):]); length > 0 {
					out.WriteString(form)
					i += len(m[0]) + length
					continue
				}
			}
		}
		out.WriteString(text[i : i+n])
		i += n
	}
	return out.String()
}

// form rewrites what follows "${name/"; length is how much of it belongs there, 0
// if it is left as it is.
func (s *substituter) form(name, rest string) (form string, length int) {
	kind, skip := "", 0
	if rest != "" && strings.IndexByte("/#%", rest[0]) >= 0 {
		kind, skip = rest[:1], 1
	}
	pattern, end := s.until(rest[skip:], "/}")
	if end == 0 {
		return "", 0
	}
	at := skip + end
	replacement := ""
	if rest[at-1] == '/' {
		text, more := s.until(rest[at:], "}")
		if more == 0 {
			return "", 0
		}
		replacement, at = text, at+more
	}
	pattern, replacement = s.rewrite(pattern), s.rewrite(replacement)
	if kind != "#" && kind != "%" {
		return "${" + name + "/" + kind + pattern + "/" + replacement + "}", at
	}
	value, err := s.anchored(name, kind, pattern, replacement)
	if err != nil {
		return "", 0 // the package says what is wrong
	}
	s.made = append(s.made, value)
	return fmt.Sprintf("${%s%d}", madePrefix, len(s.made)-1), at
}

// until gives what stands before the first of some bytes that is outside of braces,
// and the length up to and with it, 0 if there is none.
func (s *substituter) until(text, stops string) (before string, length int) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == s.escape:
			i++
		case depth == 0 && strings.IndexByte(stops, c) >= 0:
			return text[:i], i + 1
		case c == '{' && i > 0 && text[i-1] == '$':
			depth++
		case c == '}':
			depth--
		}
	}
	return "", 0
}

// anchored replaces the longest match of a pattern at one end of a value.
func (s *substituter) anchored(name, end, pattern, replacement string) (string, error) {
	value, _ := s.Get(name)
	left, _, err := s.lex.ProcessWord("${"+name+end+end+pattern+"}", s)
	if err != nil {
		return "", err
	}
	with, _, err := s.lex.ProcessWord(replacement, s)
	switch {
	case err != nil:
		return "", err
	case left == value:
		return value, nil
	case end == "#":
		return with + left, nil
	}
	return left + with, nil
}
