package chroot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/projectatomic/buildah/internal/runner"
	"golang.org/x/sys/unix"
)

// streams connect the caller's standard streams with the command's, by pipes or
// by a terminal.
type streams struct {
	child   [3]*os.File // what the helper starts with
	input   *os.File    // our end of the command's input; nil if that is empty
	last    []byte      // what a terminal takes for the end of the input
	outputs []output
	wg      sync.WaitGroup
	stop    [2]*os.File // closing the second ends the reading of input
	mu      sync.Mutex
	err     error // the first error of writing to the caller
	restore func()
}

type output struct {
	from *os.File
	to   io.Writer
}

// openStreams makes the pipes. With a terminal of its own the command has none:
// the helper makes the terminal.
func openStreams(s runner.Stdio, terminal bool) (*streams, error) {
	r := &streams{restore: func() {}}
	var err error
	if r.stop[0], r.stop[1], err = os.Pipe(); err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	if err := r.connect(s, terminal); err != nil {
		r.abandon()
		return nil, err
	}
	return r, nil
}

func (r *streams) connect(s runner.Stdio, terminal bool) error {
	if terminal {
		s = runner.Stdio{}
	}
	var err error
	if r.child[0], r.input, err = inputPipe(s.In); err != nil {
		return err
	}
	if r.child[1], err = r.outputPipe(s.Out); err != nil {
		return err
	}
	if sameWriter(s.Out, s.Err) { // one pipe keeps the order
		r.child[2] = r.child[1]
		return nil
	}
	r.child[2], err = r.outputPipe(s.Err)
	return err
}

// sameWriter compares what may not be comparable.
func sameWriter(a, b io.Writer) (same bool) {
	defer func() {
		if recover() != nil {
			same = false
		}
	}()
	return a != nil && a == b
}

func inputPipe(from io.Reader) (theirs, ours *os.File, err error) {
	if from == nil {
		theirs, err = os.Open(os.DevNull)
	} else {
		theirs, ours, err = os.Pipe()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("making the standard input: %w", err)
	}
	return theirs, ours, nil
}

func (r *streams) outputPipe(to io.Writer) (*os.File, error) {
	var theirs, ours *os.File
	var err error
	if to == nil {
		theirs, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	} else {
		ours, theirs, err = os.Pipe()
		r.outputs = append(r.outputs, output{from: ours, to: to})
	}
	if err != nil {
		return nil, fmt.Errorf("making a standard output: %w", err)
	}
	return theirs, nil
}

// giveTo makes the pipes belong to the command's user, who may want to open
// them by name (/dev/stdout). Not being allowed to is no error.
func (r *streams) giveTo(uid, gid int) {
	for _, f := range r.child {
		var st unix.Stat_t
		if unix.Fstat(int(f.Fd()), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO {
			_ = f.Chown(uid, gid)
		}
	}
}

// closeChild lets go of the command's ends once the helper has them.
func (r *streams) closeChild() {
	for _, f := range r.child {
		if f != nil {
			f.Close()
		}
	}
}

// relay starts to copy.
func (r *streams) relay(s runner.Stdio) {
	for _, o := range r.outputs {
		r.wg.Go(func() { r.drain(o) })
	}
	r.outputs = nil
	if r.input != nil {
		go r.feed(s, r.input) // may hang in a reader that is not a file
		r.input = nil
	}
}

func (r *streams) drain(o output) {
	defer o.from.Close()
	_, err := io.Copy(o.to, o.from)
	if err == nil || errors.Is(err, unix.EIO) || errors.Is(err, unix.EPIPE) || errors.Is(err, os.ErrDeadlineExceeded) {
		return // EIO is how a terminal ends; EPIPE is a reader that has enough
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = fmt.Errorf("relaying the output: %w", err)
	}
}

// feed copies the caller's input to the command until one of them ends.
func (r *streams) feed(s runner.Stdio, to *os.File) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for r.readable(s.In) {
		n, err := s.In.Read(buf)
		if n > 0 {
			if s.Fed != nil {
				s.Fed.Store(true)
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			break
		}
	}
	if len(r.last) > 0 {
		_, _ = to.Write(r.last) // the command may be gone
	}
}

// readable waits until a file has something to read. It is false when the
// command has ended: what is typed then is not for it.
func (r *streams) readable(from io.Reader) bool {
	file, ok := from.(*os.File)
	if !ok {
		return true
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return false
	}
	ready := false
	_ = raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(r.stop[0].Fd()), Events: unix.POLLIN}}
		for {
			_, err := unix.Poll(poll, -1)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		ready = poll[0].Revents != 0 && poll[1].Revents == 0
	})
	return ready
}

// drainTime is how long we wait for output after all processes have ended. Only
// a process outside, which was given a stream by one inside, can make us wait.
const drainTime = 5 * time.Second

// finish waits for the rest of the output and lets go of everything.
func (r *streams) finish() error {
	r.stop[1].Close()
	done := make(chan struct{})
	go func() { r.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(drainTime):
	}
	r.restore()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// abandon closes what was opened, when nothing was started.
func (r *streams) abandon() {
	r.closeChild()
	r.stop[0].Close()
	r.stop[1].Close()
	if r.input != nil {
		r.input.Close()
	}
	for _, o := range r.outputs {
		if o.from != nil {
			o.from.Close()
		}
	}
}
