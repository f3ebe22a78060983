package oci

import (
	"errors"
	"fmt"
	"os"
)

// launch is a supervisor that waits for an order, and what it was given.
type launch struct {
	state *state
	pipes pipes
	sup   *supervisor
}

// pipes are our ends of the runtime's standard streams. With a terminal of ours
// there are none.
type pipes struct {
	in, out, err *os.File
}

func (p pipes) close() error { return closeFiles(p.in, p.out, p.err) }

// launch starts a supervisor. t is a terminal that the runtime gets as its own
// streams, or nil.
func (r *Runner) launch(t *terminal) (l *launch, err error) {
	l = &launch{}
	if l.state, err = newState(r.options.StateDir); err != nil {
		return nil, err
	}
	var child [3]*os.File
	if t != nil {
		child, err = terminalStreams(t)
	} else {
		l.pipes, child, err = newPipes()
	}
	if err == nil {
		l.sup, err = startSupervisor(child, l.state.lock, r.options.Env)
	}
	err = errors.Join(err, closeFiles(child[:]...))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the supervisor: %w", err), l.discard())
	}
	return l, nil
}

// discard ends a supervisor that got no order.
func (l *launch) discard() error {
	if l.sup != nil {
		l.sup.release()
	}
	return errors.Join(l.pipes.close(), l.state.release(true))
}

// take gives what was started ahead, or nil.
func (r *Runner) take() *launch {
	r.mu.Lock()
	ready := r.ahead
	r.ahead = nil
	r.mu.Unlock()
	if ready == nil {
		return nil
	}
	return <-ready
}

func newPipes() (p pipes, child [3]*os.File, err error) {
	if child[0], p.in, err = os.Pipe(); err != nil {
		return p, child, err
	}
	if p.out, child[1], err = os.Pipe(); err != nil {
		return p, child, err
	}
	p.err, child[2], err = os.Pipe()
	return p, child, err
}

func terminalStreams(t *terminal) ([3]*os.File, error) {
	slave, err := t.open()
	return [3]*os.File{slave, slave, slave}, err
}

// closeFiles closes each once; nil is allowed.
func closeFiles(files ...*os.File) error {
	var all error
	for _, f := range files {
		if f == nil {
			continue
		}
		if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return all
}
