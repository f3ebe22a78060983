// Package oci runs jobs with an OCI runtime such as runc or crun.
//
// A run is one call, RUNTIME run, made by a small supervisor: our own binary
// started again, which is the nearest subreaper of all that the run starts. The
// runtime detaches, so the command becomes the supervisor's child and how it ended is known
// exactly, and what the runtime itself has to say is told apart from
// what the command writes. A supervisor carries out one run after the other, and
// outlives us: when our end of the socket is closed because we died, it kills the
// processes, deletes the container and unmounts what was mounted in the bundle.
//
//	buildah ── starts ──► supervisor ── RUNTIME run --detach ──► command
//	   └──── a socket ────────┘  orders, with the streams beside them ►
//	                             ◄ started, how it ended
//
// A socket and not the kernel's parent-death signal: that signal is sent when the
// thread ends which started the supervisor, not when the process does.
package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/projectatomic/buildah/internal/runner"
)

// Options adjusts [New].
type Options struct {
	Flags         []string // for the runtime, without the leading "--"
	CgroupManager string   // "systemd"; everything else means that the runtime does it itself
	StateDir      string   // absolute, short and private; made if missing. See [Sweep]
	Env           []string // of the runtime: the search path, the session bus
	Rootless      bool
}

// Runner runs jobs with one OCI runtime. It is safe for use by several goroutines.
type Runner struct {
	runtime Runtime
	options Options
	pool    pool
}

// New gives a runner for a runtime, see [Find].
func New(runtime Runtime, o Options) *Runner {
	return &Runner{runtime: runtime, options: o, pool: pool{env: o.Env}}
}

// Ahead begins to start the supervisor of the next run, which need not wait for it
// then. The caller has to call Close.
func (r *Runner) Ahead() { r.pool.ahead() }

// Close lets go of supervisors that have nothing to do.
func (r *Runner) Close() error { return r.pool.close() }

var _ runner.Runner = (*Runner)(nil)

// Run implements [runner.Runner].
func (r *Runner) Run(ctx context.Context, j runner.Job) (err error) {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	x := &run{Runner: r, job: j}
	defer func() { err = errors.Join(err, x.close()) }()
	if err := x.begin(); err != nil {
		return err
	}
	if err := x.writeConfig(); err != nil {
		return fmt.Errorf("writing the configuration of the runtime: %w", err)
	}
	if err := x.openConsole(); err != nil {
		return fmt.Errorf("making a terminal: %w", err)
	}
	if err := x.send(); err != nil {
		return err
	}
	return x.wait(ctx)
}

// run is one run under way.
type run struct {
	*Runner
	job     runner.Job
	state   *state
	child   [3]*os.File // the command's ends of its streams
	streams *streams
	console *console    // nil without a terminal
	ordered bool        // the supervisor owns the state directory
	sup     *supervisor // nil until ordered, and when it can be used again
}

// order tells the supervisor what to do. It is kept in the state directory for
// [Sweep].
type order struct {
	Runtime    string   `json:"runtime"`
	Flags      []string `json:"flags,omitempty"` // global ones, as on the command line
	RunFlags   []string `json:"runFlags,omitempty"`
	ID         string   `json:"id"`
	Bundle     string   `json:"bundle"`
	State      string   `json:"state"`
	Detach     bool     `json:"detach"`
	PrivatePID bool     `json:"privatePID"`        // the command's end is the end of all processes
	PostStop   bool     `json:"postStop"`          // there are hooks to be run after the end
	Private    string   `json:"private,omitempty"` // where the runtime keeps its own state; "" means in State
}

// report is what the supervisor tells; each arrives once at most, in this order.
type report struct {
	Started bool   `json:"started,omitempty"`
	Ended   bool   `json:"ended,omitempty"`
	Failed  string `json:"failed,omitempty"` // it was not started; the runtime's own words are on stderr
	Code    int    `json:"code,omitempty"`
	Signal  string `json:"signal,omitempty"`

	Memory runner.OutOfMemory `json:"memory,omitzero"` // of a command that failed
}

// begin makes the state directory and the streams.
func (x *run) begin() (err error) {
	if x.state, err = newState(x.options.StateDir, x.job.ID); err != nil {
		return err
	}
	var t *terminal
	if x.job.Spec.Process.Terminal {
		t = newTerminal(x.job.Stdio.Terminal)
	}
	var ours pipes
	if t != nil && !x.runtime.Detach { // a runtime that does not send us its terminal needs one itself
		x.child, err = terminalStreams(t)
	} else {
		ours, x.child, err = newPipes()
	}
	x.streams = newStreams(x.job.Stdio, t, ours)
	if err != nil {
		return fmt.Errorf("making the streams of the command: %w", err)
	}
	return nil
}

func (x *run) writeConfig() error {
	s := *x.job.Spec
	linux, process := *s.Linux, *s.Process
	s.Linux, s.Process = &linux, &process
	linux.CgroupsPath = x.cgroup(linux.CgroupsPath)
	if x.runtime.NoX32 {
		linux.Seccomp = withoutX32(linux.Seccomp)
	}
	if t := x.job.Stdio.Terminal; process.Terminal && t != nil {
		if size, err := terminalSize(t); err == nil {
			process.ConsoleSize = &specs.Box{Height: uint(size.Row), Width: uint(size.Col)}
		}
	}
	data, err := json.Marshal(&s)
	if err != nil {
		return err
	}
	name := filepath.Join(x.job.Bundle, "config.json")
	if x.job.Private == "" {
		return os.WriteFile(name, data, 0o600)
	}
	private := filepath.Join(x.job.Private, "config.json")
	if err := os.WriteFile(private, data, 0o600); err != nil {
		return err
	}
	return os.Symlink(private, name)
}

// cgroup puts the run's cgroup below the parent that was asked for; without one
// the runtime puts it where we are, so that limits set on us hold.
func (x *run) cgroup(parent string) string {
	switch {
	case x.options.CgroupManager == "systemd":
		return strings.Trim(parent, "/") + ":buildah:" + x.job.ID
	case parent == "":
		return ""
	}
	return filepath.Join(parent, x.job.ID)
}

func (x *run) openConsole() (err error) {
	if x.job.Spec.Process.Terminal && x.runtime.Detach {
		x.console, err = listen(x.state.path("console.sock"))
	}
	return err
}

func (x *run) send() error {
	o := order{
		Runtime: x.runtime.Path, ID: x.job.ID, Bundle: x.job.Bundle, State: x.state.dir,
		Detach: x.runtime.Detach, PrivatePID: hasPrivatePID(x.job.Spec),
		PostStop: x.job.Spec.Hooks != nil && len(x.job.Spec.Hooks.Poststop) > 0,
		Private:  x.job.Private,
	}
	for _, flag := range x.options.Flags {
		o.Flags = append(o.Flags, "--"+flag)
	}
	if x.options.CgroupManager == "systemd" {
		o.Flags = append(o.Flags, "--systemd-cgroup")
	}
	if x.job.NoPivot {
		o.RunFlags = append(o.RunFlags, "--no-pivot")
	}
	if x.options.Rootless {
		o.RunFlags = append(o.RunFlags, "--no-new-keyring")
	}
	if x.console != nil {
		o.RunFlags = append(o.RunFlags, "--console-socket", x.console.path)
	}
	if err := x.state.record(o); err != nil {
		return err
	}
	var err error
	x.ordered = true
	if x.sup, err = x.pool.order(o, x.child[0], x.child[1], x.child[2], x.state.lock); err != nil {
		x.ordered = false
		return err
	}
	// The ends of the pipes that the command has must be the only ones.
	return closeFiles(x.child[:]...)
}

func hasPrivatePID(s *specs.Spec) bool {
	for _, n := range s.Linux.Namespaces {
		if n.Type == specs.PIDNamespace {
			return n.Path == ""
		}
	}
	return false
}

// patience is how long the supervisor may take to end a run that is cancelled.
const patience = 30 * time.Second

// wait follows the run to its end.
func (x *run) wait(ctx context.Context) error {
	x.streams.start(x.console)
	cancelled := ctx.Done()
	var late <-chan time.Time
	for {
		select {
		case <-cancelled:
			cancelled, late = nil, time.After(patience)
			x.sup.stop(x.job.ID)
		case <-late:
			x.sup.kill()
			return fmt.Errorf("stopping the command: the runtime does not answer: %w", context.Cause(ctx))
		case r, ok := <-x.sup.reports:
			switch {
			case !ok && ctx.Err() != nil:
				return context.Cause(ctx)
			case !ok:
				return errors.New("the supervisor of the command was killed")
			case r.Started:
				x.streams.started()
				continue
			}
			x.pool.give(x.sup)
			x.sup = nil
			return x.end(ctx, r)
		}
	}
}

// end gathers the rest of the output and says how the command ended.
func (x *run) end(ctx context.Context, r report) error {
	if x.console != nil {
		x.console.close() // a runtime that did not get so far will not connect any more
	}
	said, err := x.streams.finish(r.Failed != "")
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case r.Failed != "":
		return &runner.StartError{Command: x.job.Spec.Process.Args[0], Reason: explain(said, r.Failed)}
	case r.Signal != "":
		return &runner.ExitError{Code: 1, Signal: r.Signal, Memory: r.Memory}
	case r.Code != 0:
		return &runner.ExitError{Code: r.Code, Memory: r.Memory}
	case err != nil:
		return fmt.Errorf("passing on what the command wrote: %w", err)
	}
	return nil
}

// close gives back what is ours; the supervisor removes the state directory.
func (x *run) close() error {
	var err error
	if x.console != nil {
		x.console.close()
	}
	if x.streams != nil {
		err = x.streams.close()
	}
	err = errors.Join(err, closeFiles(x.child[:]...))
	if x.sup != nil {
		err = errors.Join(err, x.sup.release())
	}
	if x.state == nil {
		return err
	}
	return errors.Join(err, x.state.release(!x.ordered))
}
