// Package sshagent serves ssh agents that only list keys and sign: what talks to
// them can use the keys, and neither take them away nor put others there.
package sshagent

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/projectatomic/buildah/internal/secrets"
)

// Source gives what a connection to an agent is answered from. The caller calls
// done when the connection has ended.
type Source func() (a agent.ExtendedAgent, done func(), err error)

// Open makes the source of an agent: a ring of the keys in memory, or the agent
// that listens on the socket, which is looked for with every connection.
func Open(a secrets.Agent) (Source, error) {
	if a.Socket != "" {
		return forward(a.Socket), nil
	}
	ring, ok := agent.NewKeyring().(agent.ExtendedAgent)
	if !ok {
		return nil, errors.New("the ring of keys is not an agent")
	}
	for _, k := range a.Keys {
		private, err := parse(k.Data)
		if err != nil {
			return nil, fmt.Errorf("cannot parse ssh key %q: %w", k.Path, err)
		}
		if err := ring.Add(agent.AddedKey{PrivateKey: private, Comment: filepath.Base(k.Path)}); err != nil {
			return nil, fmt.Errorf("cannot parse ssh key %q: %w", k.Path, err)
		}
	}
	return func() (agent.ExtendedAgent, func(), error) { return ring, func() {}, nil }, nil
}

var errPassphrase = errors.New("it is protected by a passphrase: add it to an agent with ssh-add, and forward that agent")

// parse reads a private key that needs no passphrase.
func parse(data []byte) (any, error) {
	if block, _ := pem.Decode(data); block != nil && block.Type == "ENCRYPTED PRIVATE KEY" {
		return nil, errPassphrase
	}
	key, err := ssh.ParseRawPrivateKey(data)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		return nil, errPassphrase
	}
	return key, err
}

func forward(socket string) Source {
	return func() (agent.ExtendedAgent, func(), error) {
		conn, err := net.Dial("unix", socket) //nolint:noctx // the other end is on this machine: it answers at once or not at all
		if err != nil {
			return nil, nil, fmt.Errorf("connecting to the ssh agent: %w", err)
		}
		return agent.NewClient(conn), func() { _ = conn.Close() }, nil
	}
}

// Server is an agent that is being served.
type Server struct {
	listener net.Listener
	source   Source
	slots    chan struct{}
	wg       sync.WaitGroup
	mu       sync.Mutex
	closers  map[net.Conn]func() // of what is being answered; nil once closed
}

// maxConnections bounds what the other end can make us do at once: each may send
// a request of megabytes.
const maxConnections = 16

// Serve answers the connections to a listener, which it takes over, until Close.
func Serve(l net.Listener, source Source) *Server {
	s := &Server{listener: l, source: source, slots: make(chan struct{}, maxConnections), closers: map[net.Conn]func(){}}
	s.wg.Go(s.accept)
	return s
}

func (s *Server) accept() {
	for {
		s.slots <- struct{}{}
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() {
			s.answer(conn)
			_ = conn.Close()
			<-s.slots
		})
	}
}

// answer serves one connection to its end. What goes wrong with it is for the
// other end to see, which is cut off.
func (s *Server) answer(conn net.Conn) {
	a, done, err := s.source()
	if err != nil {
		return
	}
	defer done()
	s.mu.Lock()
	closed := s.closers == nil
	if !closed {
		s.closers[conn] = done
	}
	s.mu.Unlock()
	if closed {
		return
	}
	_ = agent.ServeAgent(readOnly{a}, conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.closers, conn)
}

// Close cuts all connections off, on both sides, and returns when nothing is
// answered any more.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for conn, done := range s.closers {
		_ = conn.Close()
		done() // an agent may be waiting for its user
	}
	s.closers = nil
	s.mu.Unlock()
	s.wg.Wait()
	if err != nil {
		return fmt.Errorf("closing the ssh agent: %w", err)
	}
	return nil
}

// readOnly refuses what would change an agent.
type readOnly struct{ agent.ExtendedAgent }

var errReadOnly = errors.New("this agent is read-only")

// Add refuses.
func (readOnly) Add(agent.AddedKey) error { return errReadOnly }

// Remove refuses.
func (readOnly) Remove(ssh.PublicKey) error { return errReadOnly }

// RemoveAll refuses.
func (readOnly) RemoveAll() error { return errReadOnly }

// Lock refuses.
func (readOnly) Lock([]byte) error { return errReadOnly }

// Unlock refuses.
func (readOnly) Unlock([]byte) error { return errReadOnly }

// Extension refuses.
func (readOnly) Extension(string, []byte) ([]byte, error) {
	return nil, agent.ErrExtensionUnsupported
}
