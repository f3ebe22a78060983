package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// wire carries JSON texts between us and a keeper, one after the other.
type wire struct {
	conn *net.UnixConn
	in   *json.Decoder
	out  *json.Encoder
}

// answer is what a keeper says once its namespace is connected, to everyone who gets it.
type answer struct {
	Failed     string     `json:"failed,omitempty"`
	Path       string     `json:"path,omitempty"`
	Space      string     `json:"space,omitempty"` // what is at Path, see identity: process ids differ by place
	UserPath   string     `json:"userPath,omitempty"`
	Connection Connection `json:"connection"`
}

// release tells a keeper that the namespace is as it was, and may be had by another
// for a moment. When the wire is cut without it, the keeper disconnects.
type release struct {
	Park bool `json:"park"`
}

func newWire(conn *net.UnixConn) wire {
	return wire{conn: conn, in: json.NewDecoder(conn), out: json.NewEncoder(conn)}
}

// newWires makes both ends; that of the other process is a file for it to inherit.
func newWires() (ours wire, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
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
	return newWire(unixConn), nil
}

// ofUs tells whether the process at the other end has our user.
func (w wire) ofUs() error {
	raw, err := w.conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var peerErr error
	if err := raw.Control(func(fd uintptr) {
		peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if peerErr != nil {
		return peerErr
	}
	if int(peer.Uid) != os.Geteuid() {
		return fmt.Errorf("the other side is of user %d", peer.Uid)
	}
	return nil
}
