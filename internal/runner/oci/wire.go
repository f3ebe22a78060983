package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// wire carries messages between us and a supervisor: JSON texts, with descriptors
// beside them. When a process dies, the other side reads the end.
type wire struct{ conn *net.UnixConn }

// messageLimit bounds a message, in bytes.
const messageLimit = 64 << 10

// maxDescriptors is how many may come with one message.
const maxDescriptors = 8

// newWires makes both ends; that of the other process is a file for it to inherit.
func newWires() (ours wire, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ours, nil, err
	}
	theirs = os.NewFile(uintptr(fds[1]), "wire")
	if ours, err = openWire(os.NewFile(uintptr(fds[0]), "wire")); err != nil {
		return ours, nil, errors.Join(err, theirs.Close())
	}
	return ours, theirs, nil
}

// openWire takes over a descriptor.
func openWire(f *os.File) (wire, error) {
	conn, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return wire{}, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return wire{}, errors.Join(errors.New("not a socket of this kind"), conn.Close())
	}
	return wire{unixConn}, nil
}

func (w wire) close() error { return w.conn.Close() }

// send sends a message. The files stay the caller's.
func (w wire) send(message any, files ...*os.File) error {
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(data) > messageLimit {
		return fmt.Errorf("a message of %d bytes is longer than %d", len(data), messageLimit)
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd()) // which also makes it block, as programs expect of their streams
		}
		rights = unix.UnixRights(fds...)
	}
	_, _, err = w.conn.WriteMsgUnix(data, rights, nil)
	return err
}

// receive waits for a message; the descriptors are the caller's, and close on exec.
func (w wire) receive(message any) (fds []int, err error) {
	data, rights := make([]byte, messageLimit), make([]byte, unix.CmsgSpace(4*maxDescriptors))
	n, rightsLen, _, _, err := w.conn.ReadMsgUnix(data, rights)
	if err != nil {
		return nil, err
	}
	control, err := unix.ParseSocketControlMessage(rights[:rightsLen])
	if err != nil {
		return nil, err
	}
	for i := range control {
		more, err := unix.ParseUnixRights(&control[i])
		if err != nil {
			return fds, err
		}
		fds = append(fds, more...)
	}
	return fds, json.Unmarshal(data[:n], message)
}
