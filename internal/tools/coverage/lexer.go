package coverage

import (
	"regexp"
	"slices"
	"strings"
)

// statement is one simple command of a shell script: its words as they are
// written, with their quotes, and the here-documents that it reads.
type statement struct {
	words     []string
	documents []string
}

// lexer cuts a shell script into statements. It knows as much of the grammar as
// tests use; keywords and braces are words like others.
type lexer struct {
	text    string
	at      int
	out     []statement
	now     statement
	pending []pendingDocument
}

// pendingDocument is a here-document whose body begins on the next line.
type pendingDocument struct {
	end  string
	tabs bool // the end may be indented with tabs
	of   int  // number of the statement that reads it
}

// statements cuts a script. The statements of $(...) come before the one that
// they stand in.
func statements(text string) []statement {
	l := &lexer{text: text}
	for l.at < len(l.text) {
		l.step()
	}
	l.end()
	return l.out
}

// end finishes the statement.
func (l *lexer) end() {
	if len(l.now.words) > 0 || len(l.now.documents) > 0 {
		l.out = append(l.out, l.now)
	}
	l.now = statement{}
}

var digits = regexp.MustCompile(`^[0-9]+$`)

func (l *lexer) step() {
	switch c := l.text[l.at]; {
	case c == ' ' || c == '\t':
		l.at++
	case c == '\\' && strings.HasPrefix(l.text[l.at:], "\\\n"):
		l.at += 2
	case c == '\n':
		l.at++
		l.end()
		l.documents()
	case c == '#':
		l.at += until(l.text[l.at:], "\n")
	case strings.HasPrefix(l.text[l.at:], "<(") || strings.HasPrefix(l.text[l.at:], ">("):
		l.at++
		inner := l.parens()
		l.out = append(l.out, statements(inner)...)
		l.now.words = append(l.now.words, "/dev/fd")
	case c == '<' || c == '>' || strings.HasPrefix(l.text[l.at:], "&>"):
		l.redirection()
	case strings.IndexByte(";&|()", c) >= 0:
		l.at++
		l.end()
	default:
		l.word()
	}
}

// redirection skips an operator and its word.
func (l *lexer) redirection() {
	start := l.at
	for l.at < len(l.text) && strings.IndexByte("<>&|", l.text[l.at]) >= 0 {
		l.at++
	}
	operator := l.text[start:l.at]
	tabs := operator == "<<" && l.at < len(l.text) && l.text[l.at] == '-'
	if tabs {
		l.at++
	}
	for l.at < len(l.text) && (l.text[l.at] == ' ' || l.text[l.at] == '\t') {
		l.at++
	}
	word := l.rawWord()
	if operator == "<<" {
		end := strings.NewReplacer("'", "", `"`, "", `\`, "").Replace(word)
		l.pending = append(l.pending, pendingDocument{end: end, tabs: tabs, of: len(l.out)})
		return
	}
	l.inside(word)
}

// documents takes the here-documents that begin here.
func (l *lexer) documents() {
	for _, p := range l.pending {
		var body strings.Builder
		for l.at < len(l.text) {
			n := until(l.text[l.at:], "\n")
			line := l.text[l.at : l.at+n]
			l.at = min(l.at+n+1, len(l.text))
			if line == p.end || p.tabs && strings.TrimLeft(line, "\t") == p.end {
				break
			}
			body.WriteString(line + "\n")
		}
		if p.of < len(l.out) {
			l.out[p.of].documents = append(l.out[p.of].documents, body.String())
		}
	}
	l.pending = nil
}

// word takes one word. `[[` and `((` are taken whole: what is in them looks like
// operators.
func (l *lexer) word() {
	for open, closing := range map[string]string{"[[ ": " ]]", "((": "))"} {
		if l.first() && strings.HasPrefix(l.text[l.at:], open) {
			n := min(until(l.text[l.at:], closing)+len(closing), len(l.text)-l.at)
			word := l.text[l.at : l.at+n]
			l.at += n
			l.now.words = append(l.now.words, word)
			return
		}
	}
	start := l.at
	word := l.rawWord()
	if l.at == start {
		l.at++ // a quote that never ends
		return
	}
	if digits.MatchString(word) && l.at < len(l.text) && strings.IndexByte("<>", l.text[l.at]) >= 0 {
		return // of a redirection: 2>file
	}
	l.inside(word)
	l.now.words = append(l.now.words, word)
	if strings.HasPrefix(l.text[l.at:], "()") && isName(word) && len(l.now.words) == 1 {
		l.at += 2
		l.now.words = []string{"function", word}
		l.end()
	}
}

// first tells that only keywords came before.
func (l *lexer) first() bool {
	for _, w := range l.now.words {
		if !slices.Contains(keywords, w) {
			return false
		}
	}
	return true
}

var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func isName(word string) bool { return name.MatchString(word) }

var arrayStart = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\+?=$`)

// rawWord reads to the end of a word.
func (l *lexer) rawWord() string {
	start := l.at
	for l.at < len(l.text) {
		switch c := l.text[l.at]; {
		case c == '\\':
			l.at = min(l.at+2, len(l.text))
		case c == '\'':
			l.at = min(l.at+2+until(l.text[l.at+1:], "'"), len(l.text))
		case c == '"':
			l.quoted()
		case c == '`':
			l.at = min(l.at+2+until(l.text[l.at+1:], "`"), len(l.text))
		case c == '$' && l.opens("(", "{"):
			l.at++
			l.parens()
		case c == '(' && arrayStart.MatchString(l.text[start:l.at]):
			l.parens()
		case strings.IndexByte(" \t\n;&|()<>", c) >= 0:
			return l.text[start:l.at]
		default:
			l.at++
		}
	}
	return l.text[start:l.at]
}

// opens tells what comes after the character.
func (l *lexer) opens(what ...string) bool {
	for _, w := range what {
		if strings.HasPrefix(l.text[l.at+1:], w) {
			return true
		}
	}
	return false
}

// quoted skips a word in double quotes.
func (l *lexer) quoted() {
	for l.at++; l.at < len(l.text) && l.text[l.at] != '"'; {
		switch {
		case l.text[l.at] == '\\':
			l.at = min(l.at+2, len(l.text))
		case l.text[l.at] == '$' && l.opens("(", "{"):
			l.at++
			l.parens()
		default:
			l.at++
		}
	}
	l.at = min(l.at+1, len(l.text))
}

// parens skips what is in parentheses or braces, and gives it.
func (l *lexer) parens() string {
	open := l.text[l.at]
	closing := map[byte]byte{'(': ')', '{': '}'}[open]
	start, depth := l.at+1, 0
	for l.at < len(l.text) {
		switch c := l.text[l.at]; c {
		case '\\':
			l.at++
		case '\'':
			l.at += 1 + until(l.text[l.at+1:], "'")
		case '"':
			l.quoted()
			continue
		case open:
			depth++
		case closing:
			if depth--; depth == 0 {
				l.at++
				return l.text[start : l.at-1]
			}
		}
		l.at++
	}
	l.at = len(l.text)
	return l.text[min(start, len(l.text)):]
}

// inside takes the statements of $(...) in a word.
func (l *lexer) inside(word string) {
	if strings.HasPrefix(word, "'") {
		return
	}
	for i := strings.Index(word, "$("); i >= 0 && i < len(word); {
		inner := &lexer{text: word, at: i + 1}
		text := inner.parens()
		if !strings.HasPrefix(text, "(") { // arithmetic
			l.out = append(l.out, statements(text)...)
		}
		next := strings.Index(word[inner.at:], "$(")
		if next < 0 {
			return
		}
		i = inner.at + next
	}
}

// until is how many bytes come before the mark; all of them where there is none.
func until(text, mark string) int {
	if i := strings.Index(text, mark); i >= 0 {
		return i
	}
	return len(text)
}
