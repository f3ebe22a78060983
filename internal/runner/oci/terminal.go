package oci

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal is the process's terminal, and the caller's, if it has one.
type terminal struct {
	caller   *os.File
	mu       sync.Mutex
	control  *os.File // the master side
	ready    chan struct{}
	once     sync.Once
	saved    *term.State // of the caller's, to be put back
	resized  chan os.Signal
	finished chan struct{}
}

func newTerminal(caller *os.File) *terminal {
	return &terminal{caller: caller, ready: make(chan struct{}), finished: make(chan struct{})}
}

// open makes a pair of ours and returns the side of the process.
func (t *terminal) open() (*os.File, error) {
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t.set(control, nil)
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, fmt.Errorf("unlocking the terminal: %w", err)
	}
	n, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, fmt.Errorf("naming the terminal: %w", err)
	}
	return os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
}

// set says what the master side is; nil if there will be none.
func (t *terminal) set(control *os.File, _ error) {
	t.mu.Lock()
	t.control = control
	t.mu.Unlock()
	t.settle()
}

// settle ends the wait for the master side.
func (t *terminal) settle() { t.once.Do(func() { close(t.ready) }) }

// master waits for the master side.
func (t *terminal) master() *os.File {
	<-t.ready
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.control
}

// takeOver makes the caller's terminal raw, so that every key reaches the
// process, and lets the process's terminal follow its size.
func (t *terminal) takeOver() {
	t.resized = make(chan os.Signal, 1)
	signal.Notify(t.resized, unix.SIGWINCH)
	if saved, err := term.MakeRaw(int(t.caller.Fd())); err == nil {
		t.saved = saved
	}
	t.resize()
	go func() {
		for {
			select {
			case <-t.resized:
				t.resize()
			case <-t.finished:
				return
			}
		}
	}()
}

func (t *terminal) resize() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if size, err := terminalSize(t.caller); err == nil && t.control != nil {
		_ = unix.IoctlSetWinsize(int(t.control.Fd()), unix.TIOCSWINSZ, size)
	}
}

func terminalSize(f *os.File) (*unix.Winsize, error) {
	return unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
}

func (t *terminal) close() error {
	t.settle()
	if t.resized != nil {
		signal.Stop(t.resized)
	}
	close(t.finished)
	var err error
	if t.saved != nil {
		err = term.Restore(int(t.caller.Fd()), t.saved)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(err, closeFiles(t.control))
}

// console is the socket over which a runtime sends the terminal that it has made
// inside the container.
type console struct {
	path     string
	dir      string // to be removed; "" if the socket lies in the state directory
	listener *net.UnixListener
}

// socketPathLimit is what fits into the kernel's address of a socket.
const socketPathLimit = 107

func listen(path string) (*console, error) {
	c := &console{path: path}
	if len(path) > socketPathLimit {
		dir, err := os.MkdirTemp("", "buildah-tty")
		if err != nil {
			return nil, err
		}
		c.dir, c.path = dir, filepath.Join(dir, "s")
	}
	var err error
	if c.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: c.path, Net: "unix"}); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	return c, nil
}

// accept waits for the master side of the terminal.
func (c *console) accept() (*os.File, error) {
	conn, err := c.listener.AcceptUnix()
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	name, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	_, n, flags, _, err := conn.ReadMsgUnix(name, oob)
	if err != nil {
		return nil, err
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return nil, errors.New("the runtime has sent more than one descriptor")
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil, err
	}
	if len(messages) != 1 {
		return nil, errors.New("the runtime has sent no terminal")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "terminal"), nil
}

func (c *console) close() {
	_ = c.listener.Close()
	_ = os.RemoveAll(c.dir)
}
