package chroot

import (
	"fmt"
	"os"
	"os/signal"

	"github.com/projectatomic/buildah/internal/runner"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// endOfInput is what a terminal takes for the end of a file.
const endOfInput = 4

// relayTerminal connects the caller with the command's terminal: its own
// terminal becomes raw, and the command's follows its size.
func (r *streams) relayTerminal(s runner.Stdio, master *os.File) error {
	if s.Terminal != nil {
		if err := r.adopt(s.Terminal, master); err != nil {
			master.Close()
			return err
		}
	}
	out := s.Out
	if out == nil {
		out = discard{}
	}
	if s.In != nil { // fed when the command runs
		fd, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			master.Close()
			return fmt.Errorf("sharing the terminal: %w", err)
		}
		r.input, r.last = os.NewFile(uintptr(fd), "terminal"), []byte{endOfInput}
	}
	r.wg.Go(func() { r.drain(output{from: master, to: out}) })
	return nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// adopt prepares the caller's terminal; restore undoes it.
func (r *streams) adopt(terminal, master *os.File) error {
	fd := int(terminal.Fd())
	state, err := term.MakeRaw(fd)
	if err != nil {
		return fmt.Errorf("preparing the terminal: %w", err)
	}
	size, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("sharing the terminal: %w", err)
	}
	resize := func() {
		if w, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
			_ = unix.IoctlSetWinsize(size, unix.TIOCSWINSZ, w) // the command may be gone
		}
	}
	resize()
	changes, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(changes, unix.SIGWINCH)
	go func() {
		defer close(done)
		for range changes {
			resize()
		}
	}()
	r.restore = func() {
		signal.Stop(changes)
		close(changes)
		<-done
		closeFD(size)
		_ = term.Restore(fd, state)
	}
	return nil
}
