package oci

import (
	"errors"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/runner"
)

// feeder copies a job's input to the process and can be stopped while it waits.
type feeder struct {
	wake *os.File      // closed to stop; nil when the reader cannot be interrupted
	done chan struct{} // nil when nobody can wait for the end
}

// feed copies in the background until in ends or the process does not take more.
// At the end w is closed, or, where that would end more than the input, last is
// written instead. A reader that is no file may keep its goroutine until its next
// Read returns.
func feed(stdio runner.Stdio, w *os.File, last []byte) *feeder {
	in := stdio.In
	end := func() {
		if last == nil {
			_ = w.Close()
			return
		}
		_, _ = w.Write(last)
	}
	if in == nil {
		end()
		return nil
	}
	file, ok := in.(*os.File)
	if !ok {
		go func() {
			_, _ = io.Copy(w, in)
			end()
		}()
		return nil
	}
	wait, wake, err := os.Pipe()
	if err != nil {
		end()
		return nil
	}
	f := &feeder{wake: wake, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		defer wait.Close()
		if copyUntil(w, file, wait, stdio.Fed) {
			end()
		}
	}()
	return f
}

// copyUntil copies until the input ends (true), or somebody closes the other end of wait.
func copyUntil(w, in, wait *os.File, fed *atomic.Bool) bool {
	buf := make([]byte, 128<<10)
	for {
		ready, err := readable(in, wait)
		if err != nil || !ready {
			return false
		}
		n, err := in.Read(buf)
		if n > 0 {
			if fed != nil {
				fed.Store(true)
			}
			if _, err := w.Write(buf[:n]); err != nil {
				return true
			}
		}
		if err != nil {
			return true
		}
	}
}

// readable waits until something can be read from in; false means that the wait
// was ended.
func readable(in, wait *os.File) (bool, error) {
	fds := make([]unix.PollFd, 0, 2)
	for _, f := range []*os.File{in, wait} {
		conn, err := f.SyscallConn()
		if err != nil {
			return false, err
		}
		// The descriptors stay open: their owners wait for us.
		err = conn.Control(func(fd uintptr) { fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}) })
		if err != nil {
			return false, err
		}
	}
	for {
		_, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return fds[1].Revents == 0, err
	}
}

func (f *feeder) stop() {
	if f == nil || f.wake == nil {
		return
	}
	_ = f.wake.Close()
	<-f.done
}
