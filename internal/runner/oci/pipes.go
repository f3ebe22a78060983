package oci

import (
	"errors"
	"os"
)

// pipes are our ends of the runtime's standard streams. With a terminal of ours
// there are none.
type pipes struct {
	in, out, err *os.File
}

func (p pipes) close() error { return closeFiles(p.in, p.out, p.err) }

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

// terminalStreams are those of a runtime that does not send us its terminal.
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
