package events

import (
	"fmt"
	"strings"
	"time"
)

// What a line begins with says how something is.
const (
	wordRunning  = "running"
	wordDone     = "done"
	wordCached   = "cached"
	wordFailed   = "failed"
	wordStopped  = "stopped"
	wordWarning  = "warning"
	wordTagged   = "tagged"
	wordBuilding = "building"
	wordBuilt    = "built"
)

// row is a line of the picture: a word, a time and what it is about.
func row(word, elapsed, text string) string {
	return fmt.Sprintf("%-8s %6s  %s", word, elapsed, text)
}

// outputMark is in front of what a command wrote.
const outputMark = "                 | "

// elapsed is a time for people: 0.3s, 1m05s, 2h03m.
func elapsed(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Minute-50*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour-500*time.Millisecond:
		s := int(d.Round(time.Second).Seconds())
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	m := int(d.Round(time.Minute).Minutes())
	return fmt.Sprintf("%dh%02dm", m/60, m%60)
}

// mostOutput is how many lines of its output a running step has in the picture.
const mostOutput = 6

// picture shows what is under way in so many rows: each step with the end of its
// output, as far as there is room, and how far the build is.
func (t *TTY) picture(columns, rows int, now time.Time) []string {
	if len(t.running) == 0 && t.transfer == "" {
		return nil
	}
	room := max(1, rows-2) // a row for the cursor, and one for the last line
	steps := t.running
	var list []string
	if len(steps) > room {
		steps = steps[:room]
	}
	each := mostOutput
	if len(steps) > 0 {
		each = min(mostOutput, room/len(steps)-1)
	}
	for _, s := range steps {
		word := wordRunning
		if s.cached {
			word = wordCached
		}
		list = append(list, fit(row(word, elapsed(now.Sub(s.begun)), s.label), columns))
		for _, line := range s.output.last(each) {
			list = append(list, fit(outputMark+line, columns))
		}
	}
	text := fmt.Sprintf("%d of %d steps", t.done, max(t.done, t.total()))
	if more := len(t.running) - len(steps); more > 0 {
		text += fmt.Sprintf(", %d more running", more)
	}
	if t.transfer != "" {
		text += ", " + t.transfer
	}
	return append(list, fit(row(wordBuilding, elapsed(now.Sub(t.begun)), text), columns))
}

// total is how many steps the stages have that were begun.
func (t *TTY) total() (n int) {
	for _, steps := range t.steps {
		n += steps
	}
	return n
}

// colours are those of the words.
var colours = map[string]string{
	wordRunning: "36", wordBuilding: "36", wordDone: "32", wordBuilt: "32", wordTagged: "32", wordCached: "34",
	wordFailed: "31", wordStopped: "33", wordWarning: "33",
}

// paint gives the word of a line its colour, and dims output.
func (t *TTY) paint(line string) string {
	if !t.Color {
		return line
	}
	if strings.HasPrefix(line, outputMark) {
		return "\x1b[2m" + line + "\x1b[0m"
	}
	word, rest, _ := strings.Cut(line, " ")
	if c, ok := colours[word]; ok {
		return "\x1b[" + c + "m" + word + "\x1b[0m " + rest
	}
	return line
}
