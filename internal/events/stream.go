package events

import (
	"cmp"
	"io"
	"sync"
	"time"
)

// Stream takes events from any number of goroutines and hands them to a renderer
// one by one. A nil Stream, and what it gives, drops all of them.
type Stream struct {
	mu       sync.Mutex
	renderer Renderer
	now      func() time.Time
	groups   int
	steps    int
	err      error // of showing what was held back
}

// New starts a stream. The caller closes it.
func New(r Renderer, now func() time.Time) *Stream { return &Stream{renderer: r, now: now} }

// Build declares the build for a platform, "" if there is only one, after those
// that are declared already.
func (s *Stream) Build(platform string) *Group {
	return s.declare(nil, Position{}, platform)
}

// Result tells what was built.
func (s *Stream) Result(r Result) { s.tell(Event{Kind: Finished, Result: r}) }

// Fail tells why nothing was built.
func (s *Stream) Fail(f Failed) { s.tell(Event{Kind: Failure, Failed: f}) }

// Warn tells of something that belongs to no group.
func (s *Stream) Warn(w Warning) { s.tell(Event{Kind: Warned, Warning: w}) }

// Logs gives what takes the log lines of libraries.
func (s *Stream) Logs() io.Writer { return &writer{stream: s, e: Event{Kind: Log}} }

// Transfers gives what takes lines about images on their way that no group asked for.
func (s *Stream) Transfers() io.Writer { return &writer{stream: s, e: Event{Kind: Transfer}} }

// Close shows what was held back. Nothing may be told any more. Its error is the
// first one of showing what nobody waited for.
func (s *Stream) Close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.err, s.renderer.Close())
}

// declare makes a group and tells of it.
func (s *Stream) declare(parent *Group, at Position, platform string) *Group {
	if s == nil {
		return nil
	}
	g := &Group{At: at, Platform: platform, Parent: parent, stream: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups++
	g.id = s.groups
	s.note(s.render(Event{Kind: GroupDeclared, Group: g}))
	return g
}

// tell hands on an event that belongs to no group.
func (s *Stream) tell(e Event) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(s.render(e))
}

// note keeps the first error that nobody else hears of.
func (s *Stream) note(err error) { s.err = cmp.Or(s.err, err) }

func (s *Stream) render(e Event) error {
	e.Time = s.now()
	return s.renderer.Render(e)
}

// writer makes events of what is written.
type writer struct {
	stream *Stream
	e      Event
}

func (w *writer) Write(p []byte) (int, error) {
	if w.stream == nil {
		return len(p), nil
	}
	w.stream.mu.Lock()
	defer w.stream.mu.Unlock()
	e := w.e
	e.Data = p
	if err := w.stream.render(e); err != nil {
		return 0, err
	}
	return len(p), nil
}
