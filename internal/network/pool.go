package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"go.podman.io/storage/pkg/reexec"
)

// Namespace is a connected network namespace that one command has at a time.
type Namespace struct {
	Connection
	Path     string // joined by the runtime
	UserPath string // the user namespace that owns it; "" if that is ours
	Notice   string // why a better way to a private network, which is installed, was not taken
	identity string // of what is at Path
	manager  *Manager
	key      string
	again    bool // it may be used again, by this process at least
	shared   bool // and by others
	wire     wire
}

// get finds one that nobody uses, or starts a keeper.
func (m *Manager) get(ctx context.Context, p plan) (*Namespace, error) {
	key := p.key()
	if n := m.find(key); n != nil {
		return n, nil
	}
	if p.Shared {
		if n := m.adopt(p.Dir, key); n != nil {
			return n, nil
		}
	}
	p.ID = newID()
	w, err := startKeeper(p.env())
	if err != nil {
		return nil, err
	}
	n := &Namespace{manager: m, key: key, again: p.anonymous(), shared: p.Shared, wire: w}
	if err := w.out.Encode(p); err != nil {
		return nil, errors.Join(fmt.Errorf("instructing the keeper of a network namespace: %w", err), w.conn.Close())
	}
	if err := n.greet(ctx); err != nil {
		return nil, errors.Join(err, w.conn.Close())
	}
	return n, nil
}

// find takes one that an earlier command of ours has given back, if it still works.
func (m *Manager) find(key string) *Namespace {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		at := slices.IndexFunc(m.idle, func(n *Namespace) bool { return n.key == key })
		if at < 0 {
			return nil
		}
		n := m.idle[at]
		m.idle = slices.Delete(m.idle, at, at+1)
		if now, err := identity(n.Path); err == nil && now == n.identity {
			return n
		}
		_ = n.wire.conn.Close() // somebody has killed its keeper
	}
}

// adopt takes one that another process has given back.
func (m *Manager) adopt(dir, key string) *Namespace {
	names, err := filepath.Glob(filepath.Join(dir, idlePrefix+key+"-*"))
	if err != nil {
		return nil
	}
	for _, name := range names {
		conn, err := dial(name)
		if err != nil {
			continue
		}
		n := &Namespace{manager: m, key: key, again: true, shared: true, wire: newWire(conn)}
		if n.wire.ofUs() == nil && n.receive() == nil {
			return n
		}
		_ = conn.Close() // another one was faster
	}
	return nil
}

func dial(name string) (*net.UnixConn, error) {
	short, done, err := socketAddress(name)
	if err != nil {
		return nil, err
	}
	defer done()
	return net.DialUnix("unix", nil, short)
}

// greet waits for the keeper's answer.
func (n *Namespace) greet(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = n.wire.conn.Close() })
	err := n.receive()
	if !stop() {
		return context.Cause(ctx)
	}
	return err
}

func (n *Namespace) receive() error {
	var a answer
	if err := n.wire.in.Decode(&a); err != nil {
		return fmt.Errorf("connecting a network namespace: its keeper has ended: %w", err)
	}
	if a.Failed != "" {
		return errors.New(a.Failed)
	}
	n.Connection, n.Path, n.UserPath = a.Connection, a.Path, a.UserPath
	var err error
	if n.identity, err = identity(n.Path); err == nil && n.identity != a.Space {
		err = fmt.Errorf("connecting a network namespace: %q is another file here than for its keeper", n.Path)
	}
	return err
}

// Release gives the namespace back. One that is not as it was is taken down, which
// the caller need not wait for.
func (n *Namespace) Release(asItWas bool) error {
	if !asItWas || !n.again {
		return n.wire.conn.Close()
	}
	n.manager.mu.Lock()
	defer n.manager.mu.Unlock()
	n.manager.idle = append(n.manager.idle, n)
	return nil
}

// Close gives all namespaces back that nobody uses: to the next command of a script,
// where that can have them.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, n := range m.idle {
		if n.shared {
			_ = n.wire.out.Encode(release{Park: true}) // else its keeper has ended
		}
		errs = append(errs, n.wire.conn.Close())
	}
	m.idle = nil
	return errors.Join(errs...)
}

// env is the environment of the keeper.
func (p plan) env() []string {
	switch {
	case p.Netavark != nil:
		return p.Netavark.Env
	case p.Pasta != nil:
		return p.Pasta.Env
	}
	return p.Slirp.Env
}

// startKeeper starts our own binary again. It outlives us, to disconnect.
func startKeeper(env []string) (wire, error) {
	ours, theirs, err := newWires()
	if err != nil {
		return wire{}, fmt.Errorf("starting the keeper of a network namespace: %w", err)
	}
	defer theirs.Close()
	cmd := exec.Command(reexec.Self()) //nolint:noctx // it outlives us and is told to end over the wire
	cmd.Args = []string{keeperName}
	cmd.Env = env
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{theirs}
	// Its own session: no terminal, and a Ctrl-C there reaches only us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return wire{}, errors.Join(fmt.Errorf("starting the keeper of a network namespace: %w", err), ours.conn.Close())
	}
	go func() { _ = cmd.Wait() }()
	return ours, nil
}
