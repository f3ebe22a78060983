package imagebuildah

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// source is one Dockerfile, or what an image has for those that build on it.
type source struct {
	name   string
	lines  []string // without their ends
	escape rune

	check     string // value of "# check=", "" without one
	checkLine int    // where it stands
}

// byteOrderMark may begin a file, and says nothing.
const byteOrderMark = "\uFEFF"

func newSource(name string, data []byte) *source {
	text := strings.TrimSuffix(strings.TrimPrefix(string(data), byteOrderMark), "\n")
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	s := &source{name: name, lines: lines, escape: parser.DefaultEscapeToken}
	if value, _, at, ok := parser.ParseDirective("check", []byte(text)); ok && len(at) > 0 {
		s.check, s.checkLine = value, at[0].Start.Line
	}
	return s
}

// line gives a line by its number, from 1; "" for one that is not there.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}
