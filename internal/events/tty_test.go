package events

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// terminal is as much of one as the picture needs.
type terminal struct {
	columns, rows int
	lines         []string // those that have scrolled out, too
	row, column   int
}

func (v *terminal) Write(p []byte) (int, error) {
	for text := string(p); text != ""; {
		var n int
		switch {
		case strings.HasPrefix(text, "\x1b["):
			n = v.control(text)
		case text[0] == '\r':
			n, v.column = 1, 0
		case text[0] == '\n':
			n = 1
			v.row++
		default:
			n = v.put(text)
		}
		text = text[n:]
	}
	return len(p), nil
}

func (v *terminal) line() *string {
	for len(v.lines) <= v.row {
		v.lines = append(v.lines, "")
	}
	return &v.lines[v.row]
}

func (v *terminal) put(text string) int {
	c, size := utf8.DecodeRuneInString(text)
	if v.column+runewidth.RuneWidth(c) > v.columns {
		v.row, v.column = v.row+1, 0
	}
	line := v.line()
	*line = runewidth.Truncate(*line, v.column, "") + string(c)
	v.column += runewidth.RuneWidth(c)
	return size
}

func (v *terminal) control(text string) int {
	n := escaped(text)
	switch sequence := text[:n]; {
	case sequence == eraseLine:
		*v.line() = runewidth.Truncate(*v.line(), v.column, "")
	case sequence == eraseBelow:
		*v.line() = runewidth.Truncate(*v.line(), v.column, "")
		v.lines = v.lines[:v.row+1]
	case strings.HasSuffix(sequence, "A"):
		up, _ := strconv.Atoi(sequence[2 : n-1])
		// The cursor cannot leave the screen.
		v.row = max(v.row-up, len(v.lines)-v.rows, 0)
	}
	return n
}

// shot adds what is seen to a transcript.
func (v *terminal) shot(b *strings.Builder, what string) {
	fmt.Fprintf(b, "--- %s\n%s\n", what, strings.TrimRight(strings.Join(v.lines, "\n"), "\n"))
}

// drawn is a TTY on a terminal, with a clock that both share.
func drawn(t *testing.T, v *terminal) (*TTY, *Stream, *time.Duration) {
	t.Helper()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var passed time.Duration
	now := func() time.Time { return start.Add(passed) }
	tty := &TTY{Out: v, Size: func() (int, int) { return v.columns, v.rows }, Now: now, TempDir: t.TempDir()}
	return tty, New(tty, now), &passed
}

func TestTTY(t *testing.T) {
	t.Parallel()
	v := &terminal{columns: 60, rows: 16}
	tty, s, passed := drawn(t, v)
	var got strings.Builder
	shot := func(what string) { tty.Draw(); v.shot(&got, what) }
	b := s.Build("linux/arm64")
	b.Start(0)
	first, second := b.Stage(Position{Index: 0, Count: 2, Name: "tools"}), b.Stage(Position{Index: 1, Count: 2})
	first.Start(2)
	first.Step("FROM base AS tools", "Dockerfile", 1)
	fmt.Fprint(first.Transfers(), "Trying to pull base...\nCopying blob sha256:1234\n")
	*passed = 1500 * time.Millisecond
	shot("a pull")
	first.EndStep(Done, NoLayer)
	first.Step("RUN a command that is very long, with a wide text: 日本語日本語", "Dockerfile", 2)
	second.Start(1)
	second.Step("FROM base", "Dockerfile", 3)
	second.AddSteps(2)
	second.EndStep(Done, NoLayer)
	second.Step("COPY a b", "Dockerfile", 4)
	second.Hit("abc")
	second.EndStep(Done, NoLayer)
	second.Step("RUN make", "Dockerfile", 5)
	for i := range 20 {
		fmt.Fprintf(first.Output(1), "line %d\n", i)
	}
	fmt.Fprint(second.Output(2), "10%\r\x1b[32m50%\x1b[0m\x1b]0;title\a\r90%\tof\x07 it")
	fmt.Fprint(s.Logs(), "a library says something that does not fit in a line of this terminal\n")
	fmt.Fprint(s.Transfers(), "Copying config\n")
	*passed = 75 * time.Second
	shot("two at once")
	v.rows = 6
	shot("few rows")
	v.rows = 16
	second.Warn(Warning{Text: "mind the gap\n"})
	second.Usage("1(system)")
	fmt.Fprint(second.Output(1), "\n\nlast words")
	second.End(Failing)
	*passed = 2*time.Hour + 3*time.Minute
	first.End(Stopped)
	b.End(Failing)
	shot("the end")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	v.shot(&got, "closed")
	golden(t, "testdata/tty.golden", got.String())
}

func TestTTYSuccess(t *testing.T) {
	t.Parallel()
	v := &terminal{columns: 80, rows: 24}
	tty, s, passed := drawn(t, v)
	tty.Explain = true
	b := s.Build("")
	b.Start(0)
	g := b.Stage(Position{Index: 0, Count: 1})
	g.Start(2)
	g.Step("FROM base", "Dockerfile", 1)
	g.EndStep(Done, NoLayer)
	g.Step("RUN x", "Dockerfile", 2)
	g.Miss("the files are others\na: changed")
	*passed = 2 * time.Second
	tty.Draw()
	tty.Aside(func() {
		s.Warn(Warning{Text: "meanwhile"})
		tty.Draw()
		fmt.Fprint(v, "Password: \r\n")
	})
	tty.Draw()
	g.Commit("x")
	g.Image("i")
	g.End(Done)
	b.Tagged("localhost/x:latest")
	b.UnusedArgs([]string{"A", "B"})
	b.End(Done)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	var got strings.Builder
	v.shot(&got, "closed")
	golden(t, "testdata/tty-success.golden", got.String())
}

// TestTTYManySteps holds that more steps than fit are counted, and that a failed step's
// output is complete when it is longer than what is kept in memory.
func TestTTYManySteps(t *testing.T) {
	t.Parallel()
	v := &terminal{columns: 40, rows: 5}
	tty, s, _ := drawn(t, v)
	b := s.Build("")
	var stages []*Group
	for i := range 9 {
		g := b.Stage(Position{Index: i, Count: 9})
		g.Start(1)
		g.Step("FROM base", "", 0)
		stages = append(stages, g)
	}
	tty.Draw()
	if len(v.lines) > v.rows || !strings.Contains(strings.Join(v.lines, "\n"), "6 mor...") {
		t.Errorf("%q", v.lines)
	}
	var out strings.Builder
	tty.screen.out = &out
	lines := heldInMemory/100 + 100
	for i := range lines {
		fmt.Fprintf(stages[4].Output(1), "line %8d%s\n", i, strings.Repeat(" x", 50))
	}
	stages[4].End(Failing)
	tty.Draw()
	if n := strings.Count(out.String(), outputMark+"line "); n != lines {
		t.Errorf("%d lines of %d", n, lines)
	}
	if list, err := os.ReadDir(tty.TempDir); err != nil || len(list) > 0 {
		t.Errorf("files with names: %v %v", list, err)
	}
	if err := s.Close(); err != nil || tty.room.memory != 0 {
		t.Errorf("%v, %d bytes in memory at the end", err, tty.room.memory)
	}
}

// synced is a buffer for two goroutines.
type synced struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *synced) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *synced) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestTTYDrawsByItself holds that pictures come without events, in colours, none of
// them twice, and none after the end.
func TestTTYDrawsByItself(t *testing.T) {
	t.Parallel()
	var out synced
	tty := &TTY{Out: &out, Size: func() (int, int) { return 0, 0 }, Now: time.Now, Every: time.Millisecond, Color: true, TempDir: t.TempDir()}
	s := New(tty, time.Now)
	g := s.Build("").Stage(Position{Index: 0, Count: 1})
	g.Start(1)
	g.Step("RUN x", "", 0)
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(out.String(), "0.2s"); {
		if time.Now().After(deadline) {
			t.Fatalf("no picture: %q", out.String())
		}
		time.Sleep(time.Millisecond)
	}
	if n := strings.Count(out.String(), beginUpdate); n > 10 {
		t.Errorf("%d pictures in a fifth of a second", n)
	}
	if !strings.Contains(out.String(), "\x1b[36mrunning\x1b[0m") {
		t.Errorf("no colour: %q", out.String())
	}
	g.End(Done)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	end := out.String()
	time.Sleep(5 * time.Millisecond)
	if out.String() != end || strings.Count(end, beginUpdate) != strings.Count(end, endUpdate) {
		t.Errorf("%q", out.String()[len(end):])
	}
}

func TestElapsed(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-1: "0.0s", 49 * time.Millisecond: "0.0s", 59940 * time.Millisecond: "59.9s", 59960 * time.Millisecond: "1m00s",
		3599 * time.Second: "59m59s", 3600*time.Second - 1: "1h00m", 90 * time.Minute: "1h30m", 100 * time.Hour: "100h00m",
	} {
		if got := elapsed(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\tb": "a       b", "a\rb": "b", "a\r": "a", "\x1b[1;31mred\x1b[0m": "red", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\": "link",
		"\x1b(Bx": "x", "\x1b": "", "\x1b[": "", "\x1b]no end": "", "x\x1b7y": "xy", "\xffä\u202ee\x00": "\uFFFDäe", "x   ": "x",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzFolded holds that writes in parts keep the same lines as one write, and that
// nothing in them can steer a terminal.
func FuzzFolded(f *testing.F) {
	f.Add("a\nb\x1b[2J\r\nc", 3)
	f.Add(strings.Repeat("line\n", 30)+"end", 17)
	f.Fuzz(func(t *testing.T, text string, at int) {
		if len(text) > foldedBytes/2 {
			return
		}
		var one, parts folded
		one.write([]byte(text))
		cut := min(max(at, 0), len(text))
		parts.write([]byte(text[:cut]))
		parts.write([]byte(text[cut:]))
		if fmt.Sprint(one.last(foldedLines)) != fmt.Sprint(parts.last(foldedLines)) {
			t.Errorf("%q, then %q", one.last(foldedLines), parts.last(foldedLines))
		}
		for _, line := range one.last(foldedLines) {
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
				t.Errorf("%q", line)
			}
		}
	})
}

// TestTTYWithoutRoom holds that a command learns that its output cannot be kept.
func TestTTYWithoutRoom(t *testing.T) {
	t.Parallel()
	v := &terminal{columns: 40, rows: 5}
	tty, s, _ := drawn(t, v)
	tty.TempDir += "/missing"
	g := s.Build("").Stage(Position{})
	g.Step("RUN x", "", 0)
	if _, err := g.Output(1).Write(make([]byte, heldInMemory+1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
