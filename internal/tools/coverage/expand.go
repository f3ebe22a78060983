package coverage

import (
	"maps"
	"regexp"
	"strings"
)

// unseen stands for what is only known when a test runs. It is no flag.
const unseen = "\x01"

// scope is what a running function knows.
type scope struct {
	args   []string
	values map[string][]string // of variables; several are the turns of a loop
	lists  map[string][]string // of arrays
	local  map[string]bool     // what a function keeps to itself
}

// call is the scope of a function that is called from s.
func (s *scope) call(args []string) *scope {
	return &scope{args: args, values: maps.Clone(s.values), lists: maps.Clone(s.lists)}
}

func (s *scope) set(name string, values ...string) {
	if s.values == nil {
		s.values = map[string][]string{}
	}
	s.values[name] = values
}

// keep notes what is declared with `local`.
func (s *scope) keep(declared []string) {
	if s.local == nil {
		s.local = map[string]bool{}
	}
	for _, word := range declared {
		name, _, _ := strings.Cut(word, "=")
		s.local[name] = true
	}
}

// setList sets an array.
func (s *scope) setList(name string, words []string) {
	if s.lists == nil {
		s.lists = map[string][]string{}
	}
	s.lists[name] = words
}

// learn takes over what a statement has set.
func (s *scope) learn(set *scope) {
	for name, values := range set.values {
		s.set(name, values...)
	}
	for name, words := range set.lists {
		s.setList(name, words)
	}
}

var variable = regexp.MustCompile(`^\$(?:\{([A-Za-z_][A-Za-z0-9_]*|[0-9@*])([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[0-9@*]))`)

// value gives the words that a variable stands for; known is false where that is
// not to be seen. A list keeps its words apart.
func (s *scope) value(name, modifier string) (words []string, list, known bool) {
	switch {
	case name == "@" || name == "*":
		words = s.args
		if modifier == ":2" && len(words) > 0 {
			words = words[1:]
		}
		return words, true, modifier == "" || modifier == ":2"
	case digits.MatchString(name):
		if n := int(name[0] - '0'); n >= 1 && n <= len(s.args) {
			return s.args[n-1 : n], false, true
		}
	case modifier == "[@]" || modifier == "[*]":
		words, known = s.lists[name]
		return words, true, known
	default:
		if value, ok := s.scalar(name, modifier); ok {
			return []string{value}, false, true
		}
	}
	if preset, ok := strings.CutPrefix(modifier, ":-"); ok {
		return expandWord(preset, s), false, true
	}
	return nil, false, false
}

// scalar is the value of ${name}, ${name:-preset} or ${name/from/to}.
func (s *scope) scalar(name, modifier string) (value string, known bool) {
	if len(s.values[name]) == 0 {
		return "", false
	}
	value = s.values[name][0]
	if strings.HasPrefix(modifier, "/") {
		return replaced(value, modifier), true
	}
	return value, modifier == "" || strings.HasPrefix(modifier, ":-")
}

// replaced is the value of ${name/from/to}.
func replaced(value, modifier string) string {
	from, to, _ := strings.Cut(modifier[1:], "/")
	return strings.Replace(value, from, to, 1)
}

// expander makes words of one written word.
type expander struct {
	scope *scope
	words []string
	now   strings.Builder
	begun bool
}

// expandWord gives what a written word stands for, without its quotes.
func expandWord(raw string, s *scope) []string {
	e := &expander{scope: s}
	for raw != "" {
		raw = e.step(raw, false)
	}
	e.finish()
	return e.words
}

func (e *expander) finish() {
	if e.begun {
		e.words = append(e.words, e.now.String())
	}
	e.now.Reset()
	e.begun = false
}

func (e *expander) add(text string) {
	e.now.WriteString(text)
	e.begun = true
}

// step takes the beginning of the text, and gives the rest.
func (e *expander) step(text string, quoted bool) string {
	switch c := text[0]; {
	case c == '\\' && len(text) > 1:
		if text[1] != '\n' {
			e.add(text[1:2])
		}
		return text[2:]
	case c == '\'' && !quoted:
		n := until(text[1:], "'")
		e.add(text[1 : 1+n])
		return text[min(2+n, len(text)):]
	case c == '"' && !quoted:
		l := &lexer{text: text}
		l.quoted()
		e.begun = e.begun || l.at == 2
		for inner := text[1:max(1, l.at-1)]; inner != ""; {
			inner = e.step(inner, true)
		}
		return text[l.at:]
	case strings.HasPrefix(text, "$'") && !quoted:
		return e.step(text[1:], false)
	case strings.HasPrefix(text, "$("), c == '`':
		l := &lexer{text: text, at: 1}
		if c == '`' {
			l.at = min(2+until(text[1:], "`"), len(text))
		} else {
			l.parens()
		}
		e.add(unseen)
		return text[l.at:]
	case c == '$':
		return e.variable(text, quoted)
	}
	e.add(text[:1])
	return text[1:]
}

// variable puts the value of a variable in its place.
func (e *expander) variable(text string, quoted bool) string {
	m := variable.FindStringSubmatch(text)
	if m == nil {
		if strings.HasPrefix(text, "${") {
			l := &lexer{text: text, at: 1}
			l.parens()
			e.add(unseen)
			return text[l.at:]
		}
		e.add("$")
		return text[1:]
	}
	words, list, known := e.scope.value(m[1]+m[3], m[2])
	switch {
	case !known:
		e.add(unseen)
	case quoted && !list:
		e.add(strings.Join(words, " "))
	case list:
		e.several(words)
	default:
		e.several(strings.Fields(strings.Join(words, " ")))
	}
	return text[len(m[0]):]
}

// several adds words of which the first and the last join what stands beside them.
func (e *expander) several(words []string) {
	for i, w := range words {
		if i > 0 {
			e.finish()
		}
		e.add(w)
	}
}
