package events

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// foldedLines is how many lines of output are kept for the picture, and foldedBytes
// how much of a line that has not ended.
const (
	foldedLines = 10
	foldedBytes = 4 << 10
)

// folded keeps the last lines of what is written to it.
type folded struct {
	lines []string
	open  []byte // of the line that has not ended
}

// write takes bytes. Of lines that nobody would see nothing is looked at, so that a
// command that writes much is not kept waiting.
func (f *folded) write(data []byte) {
	end := bytes.LastIndexByte(data, '\n')
	if end >= 0 {
		from := end
		for n := 0; n < foldedLines && from >= 0; n++ {
			from = bytes.LastIndexByte(data[:from], '\n')
		}
		whole := data[from+1 : end]
		if from < 0 {
			whole = append(f.open, whole...)
		}
		for line := range bytes.SplitSeq(whole, []byte("\n")) {
			f.lines = append(f.lines, clean(string(line[:min(len(line), foldedBytes)])))
		}
		f.lines = f.lines[max(0, len(f.lines)-foldedLines):]
		f.open = nil
	}
	f.open = append(f.open, data[end+1:]...)
	f.open = f.open[max(0, len(f.open)-foldedBytes):]
}

// last are the last lines, at most n, also one that has not ended.
func (f *folded) last(n int) []string {
	list := f.lines
	if text := clean(string(f.open)); text != "" {
		list = append(list[:len(list):len(list)], text)
	}
	return list[max(0, len(list)-n):]
}

// tabWidth is how far apart tabulators are.
const tabWidth = 8

// clean is a line as a terminal shows it in the end, without what would move its
// cursor or change its colours.
func clean(line string) string {
	line = strings.TrimRight(line, "\r")
	line = line[strings.LastIndexByte(line, '\r')+1:]
	var b strings.Builder
	for line != "" {
		if line[0] == escape {
			line = line[escaped(line):]
			continue
		}
		c, size := utf8.DecodeRuneInString(line)
		switch {
		case c == '\t':
			b.WriteString(strings.Repeat(" ", tabWidth-b.Len()%tabWidth))
		case c == utf8.RuneError && size == 1:
			b.WriteRune(utf8.RuneError)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		}
		line = line[size:]
	}
	return strings.TrimRight(b.String(), " ")
}

const escape = 0x1b

// escaped is how long the control sequence at the beginning of a text is: ECMA-48,
// 5.4 for CSI and 8.3.89 for the strings, which may end with BEL.
func escaped(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= '@' && s[i] <= '~' {
				return i + 1
			}
		}
		return len(s)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(s); i++ {
			if s[i] == '\a' {
				return i + 1
			}
			if s[i] == escape {
				return min(i+2, len(s))
			}
		}
		return len(s)
	case '(', ')', '*', '+', '#', '%', ' ':
		return min(3, len(s))
	}
	return 2
}
