package chroot

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// helper is the process inside the container's namespaces.
type helper struct {
	container
	input *json.Decoder
	orphanage
}

// work does all that the helper is for and tells the result.
func work() error {
	h := &helper{}
	if err := h.begin(); err != nil {
		return h.tell(err)
	}
	pid, err := h.start()
	if err != nil {
		return h.tell(err)
	}
	if err := send(event{Kind: eventStarted}, -1); err != nil {
		h.killAll()
		return err
	}
	status := h.waitFor(pid)
	if h.HostPIDs {
		h.killAll() // elsewhere our own end is theirs
	}
	result := event{Kind: eventExit, Code: status.ExitStatus()}
	if status.Signaled() {
		result.Signal = int(status.Signal())
	}
	return send(result, -1)
}

// tell reports why the command was not started.
func (h *helper) tell(err error) error {
	e := event{Kind: eventError, Error: err.Error()}
	switch {
	case errors.Is(err, errNoProc):
		e.Kind = eventNoProc
	case errors.Is(err, errStart):
		e.Kind = eventNotStarted
	}
	return send(e, -1)
}

// begin reads the configuration and arranges for the end.
func (h *helper) begin() error {
	if err := unix.CloseRange(exeFD, exeFD, 0); err != nil {
		return fmt.Errorf("closing the binary: %w", err)
	}
	if err := unix.CloseRange(configFD, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("keeping descriptors to ourselves: %w", err)
	}
	// Of the command's end we hear by wait; our own end is our caller's to say.
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGPIPE)
	h.input = json.NewDecoder(os.NewFile(configFD, "config"))
	if err := h.input.Decode(&h.config); err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	if err := h.adopt(h.HostPIDs); err != nil {
		return err
	}
	go h.watch()
	return nil
}

// watch ends everything when our caller is gone.
func (h *helper) watch() {
	poll := []unix.PollFd{{Fd: eventFD, Events: unix.POLLRDHUP}}
	for {
		n, err := unix.Poll(poll, -1)
		if err != nil && !errors.Is(err, unix.EINTR) || n > 0 {
			break
		}
	}
	if h.HostPIDs {
		h.killAll()
	}
	end()
}

// start assembles the container, enters it and starts the command.
func (h *helper) start() (int, error) {
	p, err := makePlan(h.Spec.Process)
	if err != nil {
		return 0, err
	}
	p.KeepGroups = setgroupsDenied()
	if err := p.limit(); err != nil {
		return 0, err
	}
	if err := h.assemble(); err != nil {
		return 0, err
	}
	if h.Terminal {
		if err := h.giveTerminal(p); err != nil {
			return 0, err
		}
	}
	if err := h.enter(); err != nil {
		return 0, err
	}
	if err := h.input.Decode(&p.Filter); err != nil {
		return 0, fmt.Errorf("reading the seccomp filter: %w", err)
	}
	closeFD(configFD)
	pid, err := spawn(p)
	if err != nil {
		return 0, err
	}
	if h.Terminal {
		closeFD(p.Stdio[0]) // else the terminal would outlive the command
	}
	return pid, nil
}

// giveTerminal makes a terminal the standard streams of the command, and sends
// the other side of it to our caller.
func (h *helper) giveTerminal(p *plan) error {
	master, peer, err := h.terminal()
	if err != nil {
		return err
	}
	defer closeFD(master)
	if size := h.Spec.Process.ConsoleSize; size != nil {
		// Best effort: the caller sets it again from its own terminal.
		_ = unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, windowSize(size))
	}
	// Programs change the mode of their terminal, so it belongs to the user.
	if err := unix.Fchown(peer, int(p.UID), -1); err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("giving the terminal to user %d: %w", p.UID, err)
	}
	p.Stdio = [3]int{peer, peer, peer}
	p.Session = true
	return send(event{Kind: eventTerminal}, master)
}

func windowSize(b *specs.Box) *unix.Winsize {
	return &unix.Winsize{Row: uint16(b.Height), Col: uint16(b.Width)}
}
