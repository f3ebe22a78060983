package imagebuildah

import (
	"bytes"
	"context"
	"io"
	"path"
	"strings"
	"sync"
	"unicode"

	"github.com/projectatomic/buildah/builder"
)

// fail is the error of a step. The working container can be kept where that was
// asked for, so that somebody can look at what the step has left.
func (r *stageRun) fail(ctx context.Context, in *instruction, err error) error {
	e := &StepError{Step: in.shown(), Err: err, place: in.placeOf(err), Output: r.last.lines()}
	if r.o.KeepFailed && ctx.Err() == nil {
		e.rescue = func() (string, error) { return r.ws.Keep(r.failedName()) }
	}
	return e
}

// failedName is the name of a container that is kept: it tells what was built.
func (r *stageRun) failedName() string {
	stem := r.stage.name
	if stem == "" && len(r.o.Tags) > 0 {
		stem = r.o.Tags[0]
	}
	if stem == "" {
		stem = r.stage.image
	}
	stem, _, _ = strings.Cut(path.Base(stem), "@")
	stem, _, _ = strings.Cut(stem, ":")
	stem = strings.Map(func(c rune) rune {
		if c == '-' || c == '_' || c == '.' || c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
			return c
		}
		return -1
	}, stem)
	return strings.TrimLeft(stem+"-failed", "-_.")
}

// tailLines and tailBytes bound what is repeated of a command's output.
const (
	tailLines = 10
	tailBytes = 8 << 10
)

// watch shows what a command writes, and lets the end of that be repeated when it
// fails, as far as nobody sees it while it runs.
func (r *stageRun) watch(s *builder.Stdio) {
	r.last = &tail{}
	s.Out, s.Err = r.out.Output(1), r.out.Output(2)
	if r.o.Output.OutUnseen {
		s.Out = io.MultiWriter(s.Out, r.last)
	}
	if r.o.Output.ErrUnseen {
		s.Err = io.MultiWriter(s.Err, r.last)
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	p = p[max(0, n-tailBytes):]
	drop := max(0, len(t.buf)+len(p)-tailBytes)
	t.buf = append(t.buf[:copy(t.buf, t.buf[drop:])], p...)
	return n, nil
}

// lines are the last lines, without what would move a terminal's cursor.
func (t *tail) lines() []string {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for line := range bytes.Lines(bytes.TrimRight(t.buf, "\r\n")) {
		list = append(list, printable(string(bytes.TrimRight(line, "\r\n"))))
	}
	return list[max(0, len(list)-tailLines):]
}

// printable is a line as a terminal may show it, cut when it is long.
func printable(line string) string {
	line = strings.Map(func(c rune) rune {
		if c != '\t' && !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(line, ""))
	if len(line) > widest {
		line = strings.ToValidUTF8(line[:widest], "") + "..."
	}
	return line
}
