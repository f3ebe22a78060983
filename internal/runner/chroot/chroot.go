package chroot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/projectatomic/buildah/internal/runner"
	"golang.org/x/sys/unix"
)

// Runner runs jobs under chroot isolation. The zero value is not ready: use New.
type Runner struct {
	noProc atomic.Bool // a fresh /proc was refused before
}

var _ runner.Runner = (*Runner)(nil)

// New returns a runner. The binary has to have called [Register].
func New() *Runner {
	return &Runner{}
}

// Run runs a job: see [runner.Runner].
func (r *Runner) Run(ctx context.Context, j runner.Job) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	spec, err := prepare(j.Spec, j.Home)
	if err != nil {
		return err
	}
	hostPIDs := r.noProc.Load() || !isNew(spec, specs.PIDNamespace)
	err = r.attempt(ctx, j, spec, hostPIDs)
	if !errors.Is(err, errNoProc) {
		return err
	}
	r.noProc.Store(true)
	return r.attempt(ctx, j, spec, true)
}

// SharedPIDs tells whether a run had to do with the host's process IDs, though it
// asked for its own.
func (r *Runner) SharedPIDs() bool { return r.noProc.Load() }

// run is one helper and what it was given.
type run struct {
	job      runner.Job
	spec     *specs.Spec
	hostPIDs bool
	cmd      *exec.Cmd
	events   *os.File
	streams  *streams
	compiled chan error // the result of making the seccomp filter
}

// attempt runs the job once.
func (r *Runner) attempt(ctx context.Context, j runner.Job, spec *specs.Spec, hostPIDs bool) error {
	// The helper's parent-death signal comes when the thread that started it
	// ends, so this goroutine keeps its thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	one := &run{job: j, spec: spec, hostPIDs: hostPIDs, compiled: make(chan error, 1)}
	if err := one.start(); err != nil {
		return err
	}
	unhook := context.AfterFunc(ctx, one.kill)
	result := one.follow()
	unhook()
	one.events.Close() // the helper ends if it has not yet
	_ = one.cmd.Wait() // its status says nothing that its events did not
	err := one.streams.finish()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case result != nil:
		return result
	}
	return err
}

// start starts the helper and hands everything over to it.
func (r *run) start() error {
	files, numbers, err := openSources(r.spec, r.job.Bundle)
	defer func() { closeAll(files) }()
	if err != nil {
		return err
	}
	self, err := openSelf()
	if err != nil {
		return err
	}
	files = append(files, self)
	configRead, configWrite, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	files = append(files, configRead)
	theirs, err := r.openEvents()
	if err != nil {
		configWrite.Close()
		return err
	}
	files = append(files, theirs)
	if r.streams, err = openStreams(r.job.Stdio, r.spec.Process.Terminal); err != nil {
		configWrite.Close()
		r.events.Close()
		return err
	}
	user := r.spec.Process.User
	if isNew(r.spec, specs.UserNamespace) {
		r.streams.giveTo(hostID(r.spec.Linux.UIDMappings, user.UID), hostID(r.spec.Linux.GIDMappings, user.GID))
	} else {
		r.streams.giveTo(int(user.UID), int(user.GID))
	}
	n := len(files) - 3
	r.cmd = r.command(append([]*os.File{self, configRead, theirs}, files[:n]...))
	if err := r.cmd.Start(); err != nil {
		configWrite.Close()
		r.events.Close()
		r.streams.abandon()
		return fmt.Errorf("starting the helper process: %w", err)
	}
	r.streams.closeChild()
	go r.configure(configWrite, numbers)
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// openEvents makes the socket and returns the helper's end.
func (r *run) openEvents() (*os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket: %w", err)
	}
	// Ours may be waited for by the runtime's poller; theirs stays blocking.
	if err := unix.SetNonblock(pair[0], true); err != nil {
		closeFD(pair[0])
		closeFD(pair[1])
		return nil, fmt.Errorf("making a socket: %w", err)
	}
	r.events = os.NewFile(uintptr(pair[0]), "events")
	return os.NewFile(uintptr(pair[1]), "events"), nil
}

// command is the helper, ready to be started with files from descriptor 3 on.
func (r *run) command(files []*os.File) *exec.Cmd {
	cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", exeFD)) //nolint:noctx // the context ends the helper in its own way
	cmd.Args = []string{helperName}
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r.streams.child[0], r.streams.child[1], r.streams.child[2]
	cmd.ExtraFiles = files
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Setsid: true}
	for kind, flag := range namespaceFlags {
		if isNew(r.spec, kind) {
			attr.Cloneflags |= uintptr(flag)
		}
	}
	if !r.hostPIDs {
		attr.Cloneflags |= unix.CLONE_NEWPID
		attr.Pdeathsig = unix.SIGKILL // elsewhere it sees our end on the socket and clears up
	}
	if isNew(r.spec, specs.UserNamespace) {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = idMaps(r.spec.Linux.UIDMappings)
		attr.GidMappings = idMaps(r.spec.Linux.GIDMappings)
		attr.GidMappingsEnableSetgroups = true
		attr.Credential = &syscall.Credential{}
	}
	cmd.SysProcAttr = attr
	return cmd
}

func idMaps(maps []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	var result []syscall.SysProcIDMap
	for _, m := range maps {
		result = append(result, syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
	}
	return result
}

// configure sends the helper what it needs. An error of writing is no news: the
// helper is gone, and its events say so.
func (r *run) configure(to *os.File, sources []int) {
	defer to.Close()
	encoder := json.NewEncoder(to)
	spec := *r.spec
	linux := *spec.Linux
	profile := linux.Seccomp
	linux.Seccomp = nil // sent compiled
	spec.Linux = &linux
	if t := r.job.Stdio.Terminal; t != nil { // the command may ask before the terminal has come to us
		if size, err := unix.IoctlGetWinsize(int(t.Fd()), unix.TIOCGWINSZ); err == nil {
			process := *spec.Process
			process.ConsoleSize = &specs.Box{Height: uint(size.Row), Width: uint(size.Col)}
			spec.Process = &process
		}
	}
	c := config{Spec: &spec, Sources: sources, HostPIDs: r.hostPIDs, NoPivot: r.job.NoPivot, Terminal: spec.Process.Terminal}
	_ = encoder.Encode(c)
	compiled, err := compileSeccomp(profile)
	r.compiled <- err
	if err == nil {
		_ = encoder.Encode(compiled)
	}
}

// follow does what the events say, until the last of them.
func (r *run) follow() error {
	for {
		e, file, err := receive(r.events)
		if err != nil {
			return err
		}
		switch e.Kind {
		case eventTerminal:
			if err := r.streams.relayTerminal(r.job.Stdio, file); err != nil {
				return err
			}
		case eventStarted:
			r.streams.relay(r.job.Stdio)
		case eventExit:
			return exitError(e)
		case eventNoProc:
			return errNoProc
		case eventNotStarted:
			return &runner.StartError{Command: r.spec.Process.Args[0], Reason: e.Error}
		case eventError:
			select {
			case err := <-r.compiled:
				if err != nil {
					return err // the cause of theirs
				}
			default:
			}
			return errors.New(e.Error)
		}
	}
}

// exitError is the failure of the command, if it failed.
func exitError(e event) error {
	switch {
	case e.Signal != 0:
		return &runner.ExitError{Code: 1, Signal: unix.SignalName(unix.Signal(e.Signal))}
	case e.Code != 0:
		return &runner.ExitError{Code: e.Code}
	}
	return nil
}

// killTime is how long a helper has to kill the descendants of a command.
const killTime = 10 * time.Second

// kill ends the helper and everything below it.
func (r *run) kill() {
	if !r.hostPIDs {
		_ = r.cmd.Process.Kill() // it may have ended
		return
	}
	raw, err := r.events.SyscallConn()
	if err == nil {
		// The helper sees that we hung up, and so does follow.
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
	time.AfterFunc(killTime, func() { _ = r.cmd.Process.Kill() })
}
