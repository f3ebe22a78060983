package chroot

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Descriptors of the helper, besides the standard streams.
const (
	exeFD    = 3 + iota // the binary it runs from
	configFD            // pipe: a config, then a filter
	eventFD             // socket: events, one in a packet
	rootFD              // detached mount of the root file system
	sourceFD            // the first of the detached mounts of config.Sources
)

// config is what the helper needs to know. A filter follows it in the pipe:
// it takes longer to make, and the helper has work to do until it comes.
type config struct {
	Spec     *specs.Spec
	Sources  []int // for each mount of the spec, the descriptor of its source or 0
	HostPIDs bool  // no PID namespace: descendants have to be killed one by one
	NoPivot  bool
	Terminal bool
}

// filter is a compiled seccomp profile: BPF instructions.
type filter struct {
	Program []byte
	Flags   uint
}

// bpfInstructionSize is the size of struct sock_filter.
const bpfInstructionSize = 8

// event is what the helper says about the command.
type event struct {
	Kind   eventKind
	Error  string // of eventError and eventNotStarted
	Code   int    // of eventExit
	Signal int    // of eventExit; 0 unless a signal ended the command
}

type eventKind string

const (
	eventTerminal eventKind = "terminal" // a descriptor comes with it
	eventStarted  eventKind = "started"
	eventExit     eventKind = "exit"
	eventError    eventKind = "error"   // the run could not be prepared
	eventNoProc   eventKind = "no-proc" // no fresh /proc in the new PID namespace

	eventNotStarted eventKind = "not-started" // the command could not be started
)

// maxEvent bounds a packet: an error message is the longest.
const maxEvent = 64 << 10

// send sends our caller an event and, if fd is not negative, a descriptor.
func send(e event, fd int) error {
	if len(e.Error) > maxEvent/8 { // JSON may need 6 bytes for one
		e.Error = e.Error[:maxEvent/8]
	}
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	if err := unix.Sendmsg(eventFD, data, rights, nil, unix.MSG_NOSIGNAL); err != nil {
		return fmt.Errorf("sending an event: %w", err)
	}
	return nil
}

// errHangup is the end of the events: the helper is gone.
var errHangup = errors.New("the helper process ended without a result")

// receive waits for the next event. The caller closes the file, which is nil
// unless a descriptor came with the event.
func receive(socket *os.File) (event, *os.File, error) {
	var e event
	raw, err := socket.SyscallConn()
	if err != nil {
		return e, nil, fmt.Errorf("receiving an event: %w", err)
	}
	data, rights := make([]byte, maxEvent), make([]byte, unix.CmsgSpace(4))
	var n, oobn int
	var rerr error
	err = raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, rerr = unix.Recvmsg(int(fd), data, rights, unix.MSG_CMSG_CLOEXEC)
		return rerr != unix.EAGAIN && rerr != unix.EINTR
	})
	if err == nil {
		err = rerr
	}
	switch {
	case errors.Is(err, unix.ECONNRESET), err == nil && n == 0:
		return e, nil, errHangup
	case err != nil:
		return e, nil, fmt.Errorf("receiving an event: %w", err)
	}
	file := receivedFile(rights[:oobn])
	if err := json.Unmarshal(data[:n], &e); err != nil {
		if file != nil {
			file.Close()
		}
		return e, nil, fmt.Errorf("decoding an event: %w", err)
	}
	return e, file, nil
}

// receivedFile is the descriptor in a control message, if there is one.
func receivedFile(rights []byte) *os.File {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) == 0 {
		return nil
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return nil
	}
	return os.NewFile(uintptr(fds[0]), "terminal")
}
