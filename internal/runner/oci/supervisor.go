package oci

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"go.podman.io/storage/pkg/reexec"
)

// supervisor is our side of the process that owns a run.
type supervisor struct {
	cmd     *exec.Cmd
	control *os.File // closed when we die
	pipe    *os.File // where reports come from
	reports chan report
}

// helperName is argv[0] of the supervisor.
const helperName = "buildah-oci-supervisor"

// Register declares what this package starts our own binary as; it is called before
// reexec.Init.
func Register() {
	reexec.Register(helperName, supervise)
	reexec.Register(abiProbeName, tryX32)
}

// Descriptors of the supervisor, after stdin, stdout and stderr.
const (
	controlFD = 3 + iota
	reportFD
	lockFD
)

func startSupervisor(stdio [3]*os.File, lock *os.File, env []string) (*supervisor, error) {
	control, controlOurs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer control.Close()
	reportsOurs, reports, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, controlOurs.Close())
	}
	defer reports.Close()
	cmd := exec.Command(reexec.Self()) //nolint:noctx // it outlives us and is told to stop through the pipe
	cmd.Args = []string{helperName}
	cmd.Env = runtimeEnv(env)
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdio[0], stdio[1], stdio[2]
	cmd.ExtraFiles = []*os.File{control, reports, lock}
	// Its own session: no terminal, and a Ctrl-C there reaches only us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, controlOurs.Close(), reportsOurs.Close())
	}
	s := &supervisor{cmd: cmd, control: controlOurs, pipe: reportsOurs, reports: make(chan report, 2)}
	go supervisorReports(reportsOurs, s.reports)
	return s, nil
}

func (s *supervisor) send(o order) error { return json.NewEncoder(s.control).Encode(o) }

// stop asks for the end of the run; there is still a report.
func (s *supervisor) stop() { _, _ = s.control.WriteString("stop\n") }

func (s *supervisor) kill() { _ = s.cmd.Process.Kill() }

// release lets go of the supervisor. It may have the container to delete still.
func (s *supervisor) release() {
	_ = s.control.Close()
	go func() {
		_ = s.cmd.Wait()
		_ = s.pipe.Close()
	}()
}
