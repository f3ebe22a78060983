package events

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// The control sequences that are used (ECMA-48, and the synchronised updates that
// terminals which lack them pass over).
const (
	beginUpdate = "\x1b[?2026h"
	endUpdate   = "\x1b[?2026l"
	eraseLine   = "\x1b[K"
	eraseBelow  = "\x1b[J"
)

// screen keeps a picture at the bottom of what a terminal shows. No mode of the
// terminal is changed between two writes, so there is nothing to put right for those
// who are killed.
type screen struct {
	out   io.Writer
	shown []string // lines of the picture; the cursor is below them
	last  string   // what was written for them, to write nothing twice
}

// draw puts lines above the picture, for good, and shows another picture, whose lines
// are narrower than the terminal.
func (s *screen) draw(above, picture []string, columns int, paint func(string) string) {
	if len(above) == 0 && len(picture)+len(s.shown) == 0 {
		return
	}
	var b strings.Builder
	b.WriteString(beginUpdate)
	b.WriteString(s.home(columns))
	if len(above) > 0 {
		b.WriteString(eraseBelow) // a line may take several rows
	}
	for _, line := range above {
		b.WriteString(paint(line) + "\r\n")
	}
	for _, line := range picture {
		b.WriteString(eraseLine + paint(line) + "\r\n")
	}
	b.WriteString(eraseBelow + endUpdate)
	if text := b.String(); text != s.last || len(above) > 0 {
		_, _ = io.WriteString(s.out, text) // a terminal that is gone shows nothing
		s.last = text
	}
	s.shown = picture
}

// home moves the cursor to the beginning of the picture. Where the terminal has
// become narrower, lines take several rows now.
func (s *screen) home(columns int) string {
	rows := 0
	for _, line := range s.shown {
		rows += max(1, (runewidth.StringWidth(line)+columns-1)/columns)
	}
	if rows == 0 {
		return "\r"
	}
	return fmt.Sprintf("\r\x1b[%dA", rows)
}

// fit cuts a line so that it does not reach the last column, where terminals differ.
func fit(line string, columns int) string {
	if runewidth.StringWidth(line) < columns {
		return line
	}
	return runewidth.Truncate(line, max(0, columns-1), "...")
}
