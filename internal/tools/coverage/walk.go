package coverage

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Run is a command line of the program that a test carries out.
type Run struct {
	Test    string   // file, and name of the test in it
	Words   []string // after the name of the program
	Refused bool     // the test wants it to be refused
}

// ours is what the tests call the program.
const ours = "/ours/buildah"

// The limits of following functions: helpers nest a few levels, and a loop has a
// few turns.
const (
	deepest = 8
	turns   = 64
)

// walker follows a test through its functions.
type walker struct {
	functions map[string][]statement
	test      string
	runs      []Run
}

// block is the body of a function that is being followed.
type block struct {
	*scope
	depth    int
	refused  bool
	skipping bool // over what is done with a status that was not given
}

func (w *walker) walk(body []statement, b block) {
	if b.depth > deepest {
		return
	}
	for _, s := range body {
		if b.skipping {
			b.skipping = len(s.words) == 0 || s.words[0] != "shift"
			continue
		}
		w.statement(s, &b)
	}
}

// givenStatus is how helpers find out whether their first word is a status.
var givenStatus = regexp.MustCompile(`^\[\[ .*=~ \^\[0-9\]\+\$`)

func (w *walker) statement(s statement, b *block) {
	words := s.words
	for len(words) > 0 && slices.Contains(keywords, words[0]) {
		words = words[1:]
	}
	switch {
	case len(words) == 0:
		return
	case givenStatus.MatchString(words[0]):
		if len(b.args) > 0 && digits.MatchString(b.args[0]) {
			b.refused = b.args[0] == "125"
		} else {
			b.skipping = true
		}
		return
	case words[0] == "shift":
		b.args = b.args[min(1, len(b.args)):]
		return
	case words[0] == "for" && len(words) > 3 && words[2] == "in" && isName(words[1]):
		var choices []string
		for _, raw := range words[3:] {
			choices = append(choices, expandWord(raw, b.scope)...)
		}
		b.set(words[1], choices...)
		return
	}
	set := &scope{}
	for _, turn := range alternatives(words, b.scope) {
		w.command(words, s.documents, block{scope: turn, depth: b.depth, refused: b.refused}, set)
	}
	b.learn(set)
}

// alternatives gives a scope for each turn of the loops whose variables are used.
func alternatives(words []string, s *scope) []*scope {
	all := []*scope{s}
	text := strings.Join(words, " ")
	for name, values := range s.values {
		if len(values) < 2 || !regexp.MustCompile(`\$\{?`+name+`\b`).MatchString(text) {
			continue
		}
		var next []*scope
		for _, base := range all {
			for _, v := range values {
				turn := base.call(base.args)
				turn.set(name, v)
				next = append(next, turn)
			}
		}
		all = next[:min(len(next), turns)]
	}
	return all
}

var (
	assignment = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(\+?)=`)
	prefixes   = []string{"local", "export", "declare", "readonly", "env", "exec", "command", "nohup", "setsid"}
)

// command carries one simple command out, as far as that can be seen. Variables
// are set in outer, beside what earlier turns set, when nothing but names is left: `local a b=1 c`.
func (w *walker) command(raw, documents []string, b block, outer *scope) {
	var argv []string
	var sets []func()
	for _, word := range raw {
		m := assignment.FindStringSubmatch(word)
		if m == nil || len(argv) > 0 && (!slices.Contains(prefixes, argv[0]) || !allNames(argv)) {
			argv = append(argv, expandWord(word, b.scope)...)
			continue
		}
		sets = append(sets, b.assign(outer, m[1], m[2] == "+", word[len(m[0]):]))
	}
	names := slices.Contains(prefixes, raw[0])
	for len(argv) > 0 && slices.Contains(prefixes, argv[0]) {
		argv = argv[1:]
	}
	if len(argv) > 0 && (!names || len(sets) == 0 || !allNames(argv)) {
		w.carryOut(argv, documents, b, outer)
		return
	}
	if raw[0] == "local" {
		b.keep(raw[1:])
	}
	for _, set := range sets {
		set()
	}
}

// assign gives what sets a variable or an array of outer to what is written.
func (s *scope) assign(outer *scope, name string, more bool, value string) func() {
	inner, list := strings.CutPrefix(value, "(")
	if !list {
		text := strings.Join(expandWord(value, s), " ")
		return func() { outer.set(name, append(outer.values[name], text)...) }
	}
	var items []string
	for _, line := range statements(strings.ReplaceAll(strings.TrimSuffix(inner, ")"), "\n", " ")) {
		for _, item := range line.words {
			items = append(items, expandWord(item, s)...)
		}
	}
	if more {
		items = append(slices.Clone(s.lists[name]), items...)
	}
	return func() { outer.setList(name, items) }
}

// allNames tells that nothing but names is left: `local a b=1 c`.
func allNames(words []string) bool {
	for _, w := range words {
		if !isName(w) {
			return false
		}
	}
	return true
}

// carryOut follows a function, or notes a command line of the program. Arrays that a
// function sets, and that are not its own, are set in outer.
func (w *walker) carryOut(argv, documents []string, b block, outer *scope) {
	inner := block{depth: b.depth + 1, refused: b.refused}
	if body, ok := w.functions[argv[0]]; ok {
		inner.scope = b.call(argv[1:])
		w.walk(body, inner)
		for name, words := range inner.lists {
			if !inner.local[name] {
				outer.setList(name, words)
			}
		}
		w.scripts(body, argv[1:], inner)
		return
	}
	if argv[0] == "buildah" {
		argv = append([]string{ours}, argv[1:]...)
	}
	if i := slices.IndexFunc(argv, isOurs); i >= 0 {
		w.runs = append(w.runs, Run{Test: w.test, Words: argv[i+1:], Refused: b.refused})
	}
	inner.scope = b.call(b.args)
	if path.Base(argv[0]) == "bash" || path.Base(argv[0]) == "sh" {
		for _, d := range documents {
			w.walk(statements(d), inner)
		}
	}
	for i, word := range argv {
		if i >= 2 && (argv[i-1] == "-c" || argv[i-1] == "-ec") && (path.Base(argv[i-2]) == "sh" || path.Base(argv[i-2]) == "bash") {
			w.walk(statements(word), inner)
		}
	}
}

// scripts follows a function that makes a script of its first word.
func (w *walker) scripts(body []statement, args []string, b block) {
	if len(args) > 0 && digits.MatchString(args[0]) {
		b.refused = args[0] == "125"
		args = args[1:]
	}
	if len(args) == 0 {
		return
	}
	for _, s := range body {
		for _, d := range s.documents {
			if strings.Contains("\n"+d, "\n$1\n") {
				b.scope = b.call(nil)
				w.walk(statements(args[0]), b)
			}
		}
	}
}

// isOurs tells the program from those of the machine that have its name.
func isOurs(word string) bool {
	return strings.HasSuffix(word, "/buildah") && !strings.HasPrefix(word, "/usr/")
}
