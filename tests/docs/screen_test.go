package docs

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// escape is a control sequence of a terminal.
var escape = regexp.MustCompile(`^\x1b\[([?0-9;]*)([A-Za-z])`)

// terminal is as much of one as programs use that draw progress: lines, and a cursor.
type terminal struct {
	rows     [][]rune
	row, col int
}

// screen gives what is on a terminal after an output.
func screen(out string) []string {
	t := &terminal{rows: [][]rune{nil}}
	for out != "" {
		if m := escape.FindStringSubmatch(out); m != nil {
			t.control(m[1], m[2])
			out = out[len(m[0]):]
			continue
		}
		r := []rune(out[:min(4, len(out))])[0]
		out = out[len(string(r)):]
		t.put(r)
	}
	var list []string
	for _, row := range t.rows {
		list = append(list, strings.TrimRight(string(row), " "))
	}
	return lines(strings.Join(list, "\n"))
}

func (t *terminal) put(r rune) {
	switch r {
	case '\n':
		t.row, t.col = t.row+1, 0
		if t.row == len(t.rows) {
			t.rows = append(t.rows, nil)
		}
	case '\r':
		t.col = 0
	default:
		for len(t.rows[t.row]) <= t.col {
			t.rows[t.row] = append(t.rows[t.row], ' ')
		}
		t.rows[t.row][t.col] = r
		t.col++
	}
}

func (t *terminal) control(arguments, verb string) {
	n, err := strconv.Atoi(arguments)
	if err != nil {
		n = 1
	}
	switch verb {
	case "A":
		t.row = max(0, t.row-n)
	case "F":
		t.row, t.col = max(0, t.row-n), 0
	case "G":
		t.col = n - 1
	case "K":
		if arguments == "2" {
			t.rows[t.row] = nil
		}
		t.rows[t.row] = t.rows[t.row][:min(t.col, len(t.rows[t.row]))]
	case "J":
		t.rows = t.rows[:t.row+1]
		t.rows[t.row] = t.rows[t.row][:min(t.col, len(t.rows[t.row]))]
	}
}

func TestScreen(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"":                                   nil,
		"a\nb\n":                             {"a", "b"},
		"50 %\r100 %\n":                      {"100 %"},
		"one\ntwo\n\x1b[2A\x1b[Jdone\n":      {"done"},
		"one\ntwo\n\x1b[1A\x1b[2K\x1b[1mé\n": {"one", "é"},
	} {
		if got := screen(in); !slices.Equal(got, want) {
			t.Errorf("screen(%q) is %q, wanted %q", in, got, want)
		}
	}
}
