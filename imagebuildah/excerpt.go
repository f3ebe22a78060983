package imagebuildah

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"

	"github.com/projectatomic/buildah/internal/contexts"
)

// place is a word in a line of a source, or a range of lines.
type place struct {
	src           *source
	first, last   int // lines from 1; a last that is smaller means one line
	column, width int // of the word, in characters from 1; 0 for lines as a whole
}

func (p place) String() string {
	if p.column > 0 {
		return fmt.Sprintf("%s:%d:%d", p.src.name, p.first, p.column)
	}
	return fmt.Sprintf("%s:%d", p.src.name, p.first)
}

// Of a line that is longer than the screen is wide, what is around the word is shown.
const (
	widest = 120 // characters of a line that are shown
	before = 60  // of them in front of the word, where some are left out
	most   = 12  // lines of a step
)

// excerpt shows the lines, marked, between their neighbours; below the word, a caret.
func (p place) excerpt() string {
	if p.src == nil || p.first < 1 || p.first > len(p.src.lines) {
		return ""
	}
	var b strings.Builder
	last := min(max(p.first, p.last), p.first+most-1)
	from, to := max(1, p.first-1), min(len(p.src.lines), last+1)
	number := len(fmt.Sprint(to))
	skip := 0
	if p.column > widest-before/2 {
		skip = p.column - before
	}
	for n := from; n <= to; n++ {
		mark := " "
		if n >= p.first && n <= last {
			mark = ">"
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("%s %*d | %s", mark, number, n, part(p.src.line(n), skip)), " ") + "\n")
		if n == p.first && p.column > 0 {
			fmt.Fprintf(&b, "  %*s | %s\n", number, "", p.caret(skip))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// part is what is shown of a line. Nothing in it can steer a terminal.
func part(line string, skip int) string {
	runes := []rune(contexts.Mask(line)) // which is as long: the caret stays right
	for i, r := range runes {
		if r != '\t' && !unicode.IsPrint(r) {
			runes[i] = unicode.ReplacementChar
		}
	}
	runes = runes[min(skip, len(runes)):]
	if len(runes) > widest {
		return string(runes[:widest]) + "..."
	}
	return string(runes)
}

// caret is the line below: tabs stay tabs, so that it is right whatever their width.
func (p place) caret(skip int) string {
	var b strings.Builder
	runes := []rune(part(p.src.line(p.first), skip))
	at := min(p.column-1-skip, len(runes))
	for _, r := range runes[:at] {
		if r == '\t' {
			b.WriteByte('\t')
			continue
		}
		b.WriteString(strings.Repeat(" ", runewidth.RuneWidth(r)))
	}
	width := 0
	for _, r := range runes[at:min(at+p.width, len(runes))] {
		width += runewidth.RuneWidth(r)
	}
	b.WriteString(strings.Repeat("^", max(1, width)))
	return b.String()
}
