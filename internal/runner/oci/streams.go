package oci

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/runner"
)

// streams relays between a job's streams and the process.
type streams struct {
	stdio    runner.Stdio
	pipes    pipes
	terminal *terminal // nil without one
	gate     *gate
	relays   sync.WaitGroup
	feeder   *feeder
	lost     error // of writing what the process wrote
	lostOnce sync.Once
}

func newStreams(stdio runner.Stdio, t *terminal, p pipes) *streams {
	stdio.Out, stdio.Err = orDiscard(stdio.Out), orDiscard(stdio.Err)
	if t != nil || sameWriter(stdio.Out, stdio.Err) {
		stdio.Out = &locked{w: stdio.Out}
		stdio.Err = stdio.Out
	}
	return &streams{stdio: stdio, pipes: p, terminal: t, gate: &gate{w: stdio.Err}}
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// sameWriter tells whether two writers are one, which must not be written to by
// two at once.
func sameWriter(a, b io.Writer) (same bool) {
	// Comparing panics when the writers are of a type that cannot be compared.
	defer func() { same = recover() == nil && same }()
	return a == b
}

// locked lets one write at a time.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// start begins to relay output. What is on stderr before the command starts are
// the runtime's own words, and are held back.
func (s *streams) start(c *console) {
	if s.pipes.err != nil {
		s.relays.Go(func() { s.relay(s.gate, s.pipes.err) })
	}
	if s.pipes.out != nil {
		// With a terminal, what comes here are the runtime's words, too.
		out := s.stdio.Out
		if s.terminal != nil {
			out = s.gate
		}
		s.relays.Go(func() { s.relay(out, s.pipes.out) })
	}
	if s.terminal == nil {
		return
	}
	s.relays.Go(func() {
		if c != nil {
			s.terminal.set(c.accept())
		}
		if master := s.terminal.master(); master != nil {
			s.relay(s.stdio.Out, master)
		}
	})
}

// relay copies until the other side is closed. When nobody takes the output any
// more the process is to learn of it, so the pipe is closed.
func (s *streams) relay(w io.Writer, r *os.File) {
	_, err := io.Copy(w, r)
	switch {
	case err == nil, errors.Is(err, unix.EIO): // the last user of a terminal has gone
	case errors.Is(err, os.ErrClosed):
	default:
		s.lostOnce.Do(func() { s.lost = err })
		_ = r.Close()
	}
}

// started lets input in, now that there is a command to read it.
func (s *streams) started() {
	s.gate.open()
	if s.terminal == nil {
		s.feeder = feed(s.stdio, s.pipes.in, nil)
		return
	}
	master := s.terminal.master()
	if master == nil {
		return
	}
	stdio := s.stdio
	if stdio.Terminal != nil {
		s.terminal.takeOver()
		if stdio.In == nil {
			stdio.In = stdio.Terminal
		}
	}
	s.feeder = feed(stdio, master, []byte{endOfTransmission})
}

// endOfTransmission is what ends the input of a terminal.
const endOfTransmission = 4

// finish waits for the rest of the output. It gives what the runtime said if the
// command was not started.
func (s *streams) finish(failed bool) (said string, err error) {
	s.feeder.stop()
	s.relays.Wait()
	if failed {
		return s.gate.held(), nil
	}
	s.gate.open()
	return "", s.lost
}

// close gives all back and puts the caller's terminal right.
func (s *streams) close() error {
	s.feeder.stop()
	err := s.pipes.close()
	if s.terminal != nil {
		err = errors.Join(err, s.terminal.close())
	}
	return err
}

// gate holds back what is written until it is opened.
type gate struct {
	w      io.Writer
	mu     sync.Mutex
	opened bool
	buf    bytes.Buffer
}

// gateLimit bounds what is held back; more is dropped, so that nobody waits for us.
const gateLimit = 1 << 20

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened {
		return g.w.Write(p)
	}
	g.buf.Write(p[:min(len(p), gateLimit-g.buf.Len())])
	return len(p), nil
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.opened {
		g.opened = true
		_, _ = g.w.Write(g.buf.Bytes())
	}
}

func (g *gate) held() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.buf.String()
}
