package imagebuildah

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// blamed is an error about one word of an instruction. Blamed errors nest: each
// narrows down what the one around it says, such as one option of a flag.
type blamed struct {
	word string
	nth  int // which of its occurrences, from 0
	err  error
}

func (b *blamed) Error() string { return b.err.Error() }
func (b *blamed) Unwrap() error { return b.err }

// blame says which word of an instruction an error is about, as it was written.
func blame(word string, err error) error {
	if err == nil || word == "" {
		return err
	}
	return &blamed{word: word, err: err}
}

// isBlamed tells whether an error knows its word.
func isBlamed(err error) bool {
	var b *blamed
	return errors.As(err, &b)
}

// joined is an instruction as one text, its continuation lines put together, and
// where each byte of it stands. Bodies of here-documents follow, in lines.
type joined struct {
	text []byte
	at   []position
}

// position is a byte of a line.
type position struct{ line, offset int }

func (j *joined) add(line, offset int, text string) {
	for i := range len(text) {
		j.text = append(j.text, text[i])
		j.at = append(j.at, position{line, offset + i})
	}
}

// join reads lines of a source as the parser does. A comment or an empty line
// among continued ones is left out.
func (s *source) join(first, last int) joined {
	var j joined
	continued := true
	for n := first; n <= max(first, last); n++ {
		line := s.line(n)
		blank := len(line) - len(strings.TrimLeft(line, " \t"))
		switch {
		case !continued:
			j.add(n, len(line), "\n")
			j.add(n, 0, line)
			continue
		case n > first && (blank == len(line) || line[blank] == '#'):
			continue
		}
		if n > first {
			blank = 0
		}
		end := strings.TrimRight(line, " \t")
		if end, continued = strings.CutSuffix(end, string(s.escape)); !continued {
			end = line
		}
		j.add(n, blank, end[min(blank, len(end)):])
	}
	return j
}

// span is a part of a joined text.
type span struct{ from, to int }

// keyword is the instruction word.
func (j *joined) keyword() span {
	end := strings.IndexAny(string(j.text), " \t\n")
	if end < 0 {
		end = len(j.text)
	}
	return span{0, end}
}

// locate finds the word that an error is about in the lines of an instruction,
// or else the instruction word.
func (s *source) locate(first, last int, err error) place {
	j := s.join(first, last)
	found, in := j.keyword(), span{j.keyword().to, len(j.text)}
	var b *blamed
	for errors.As(err, &b) {
		if at, ok := j.find(b.word, b.nth, in); ok {
			found, in = at, at
		}
		err = b.err
	}
	return s.placeOf(&j, found, first)
}

// placeOf translates a part of a joined text. What goes on in another line is cut.
func (s *source) placeOf(j *joined, sp span, first int) place {
	p := place{src: s, first: max(1, first), column: 1, width: 1}
	if sp.from >= len(j.at) {
		return p
	}
	at := j.at[sp.from]
	end := sp.from
	for end < sp.to && j.at[end].line == at.line {
		end++
	}
	line := s.line(at.line)
	p.first = at.line
	p.column = 1 + utf8.RuneCountInString(line[:min(at.offset, len(line))])
	p.width = max(1, utf8.RuneCount(j.text[sp.from:end]))
	return p
}

// find looks for a word between two points: where it stands alone, else anywhere.
// A flag that was written with quotes is found by its name.
func (j *joined) find(word string, nth int, in span) (span, bool) {
	for _, how := range []matching{{alone: true}, {}, {fold: true}} {
		if at, ok := j.search(word, nth, in, how); ok {
			return at, true
		}
	}
	if name, _, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "--") {
		return j.search(name, nth, in, matching{})
	}
	return span{}, false
}

// matching says what is found.
type matching struct {
	alone bool // only between other words
	fold  bool // the case of letters does not matter: some messages change it
}

func (j *joined) search(word string, nth int, in span, how matching) (span, bool) {
	text, start := string(j.text[:in.to]), in.from
	index := strings.Index
	if how.fold {
		index = indexFold
	}
	for {
		i := index(text[start:], word)
		if i < 0 {
			return span{}, false
		}
		at := span{start + i, start + i + len(word)}
		start = at.from + 1
		if how.alone && (!edge(text, at.from-1, in) || !edge(text, at.to, in)) {
			continue
		}
		if nth--; nth < 0 {
			return at, true
		}
	}
}

// edge tells whether a byte is not of a word, or not of the part looked at.
func edge(text string, i int, in span) bool {
	return i < in.from || i >= in.to || strings.IndexByte(" \t\n\"'=,:[]{}$", text[i]) >= 0
}

// indexFold is strings.Index that does not mind the case of letters.
func indexFold(text, word string) int {
	for i := 0; i+len(word) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}
