package oci

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"go.podman.io/storage/pkg/reexec"
)

// supervisor is our side of the process that owns runs, one after the other.
type supervisor struct {
	cmd     *exec.Cmd
	wire    wire // its end tells the supervisor that we died, or need it no more
	reports chan report
}

// helperName is argv[0] of the supervisor.
const helperName = "buildah-oci-supervisor"

// wireFD is the descriptor of the supervisor's end.
const wireFD = 3

// Register declares what this package starts our own binary as; it is called before
// reexec.Init.
func Register() {
	reexec.Register(helperName, supervise)
	reexec.Register(abiProbeName, tryX32)
}

// request is what a supervisor is asked: to carry out an order, with the three
// standard streams and the lock of the state directory beside it, or to end that
// run early.
type request struct {
	Order *order `json:"order,omitempty"`
	Stop  string `json:"stop,omitempty"` // ID
}

func startSupervisor(env []string) (*supervisor, error) {
	ours, theirs, err := newWires()
	if err != nil {
		return nil, fmt.Errorf("starting the supervisor: %w", err)
	}
	defer theirs.Close()
	cmd := exec.Command(reexec.Self()) //nolint:noctx // it outlives us and is told to stop over the wire
	cmd.Args = []string{helperName}
	cmd.Env = runtimeEnv(env)
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{theirs}
	// Its own session: no terminal, and a Ctrl-C there reaches only us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the supervisor: %w", err), ours.close())
	}
	s := &supervisor{cmd: cmd, wire: ours, reports: make(chan report, 2)}
	go s.listen()
	return s, nil
}

// listen passes reports on until the supervisor ends.
func (s *supervisor) listen() {
	defer close(s.reports)
	for {
		var r report
		if _, err := s.wire.receive(&r); err != nil {
			return
		}
		s.reports <- r
	}
}

// stop asks for the end of a run; there is still a report.
func (s *supervisor) stop(id string) { _ = s.wire.send(request{Stop: id}) }

func (s *supervisor) kill() { _ = s.cmd.Process.Kill() }

// release lets go of the supervisor. It may have a container to delete still.
func (s *supervisor) release() error {
	go func() { _ = s.cmd.Wait() }()
	return s.wire.close()
}

// pool keeps supervisors that have nothing to do: starting one takes as long as
// all else that a run is prepared by.
type pool struct {
	env    []string
	mu     sync.Mutex
	idle   []*supervisor
	coming chan *supervisor // gives one that is being started, or nil; nil when none is
}

// ahead begins to start a supervisor if there is none to be had.
func (p *pool) ahead() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.coming != nil || len(p.idle) > 0 {
		return
	}
	coming := make(chan *supervisor, 1)
	p.coming = coming
	go func() {
		s, err := startSupervisor(p.env)
		if err != nil {
			s = nil // the run tries again and says why
		}
		coming <- s
	}()
}

// find gives one that was started before, or nil.
func (p *pool) find() *supervisor {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		defer p.mu.Unlock()
		s := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return s
	}
	coming := p.coming
	p.coming = nil
	p.mu.Unlock()
	if coming == nil {
		return nil
	}
	return <-coming
}

// order has a run carried out, by a new supervisor if all others are dead or busy.
func (p *pool) order(o order, files ...*os.File) (*supervisor, error) {
	for s := p.find(); s != nil; s = p.find() {
		if s.wire.send(request{Order: &o}, files...) == nil {
			return s, nil
		}
		_ = s.release() // somebody has killed it
	}
	s, err := startSupervisor(p.env)
	if err != nil {
		return nil, err
	}
	if err := s.wire.send(request{Order: &o}, files...); err != nil {
		return nil, errors.Join(fmt.Errorf("instructing the supervisor: %w", err), s.release())
	}
	return s, nil
}

// give takes back a supervisor whose run has ended.
func (p *pool) give(s *supervisor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, s)
}

// close releases all that have nothing to do.
func (p *pool) close() error {
	var err error
	for s := p.find(); s != nil; s = p.find() {
		err = errors.Join(err, s.release())
	}
	return err
}
