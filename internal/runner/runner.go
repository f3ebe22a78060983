// Package runner says what it takes to run a command in a root file system: a
// [Job] describes one run, a [Runner] carries it out. internal/runner/oci does
// it with an OCI runtime, internal/runner/chroot without any other program;
// internal/runner/runnertest holds the suite that both have to pass.
package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Runner runs jobs. It may be used by several goroutines at once.
type Runner interface {
	// Run runs the job's process and returns when it, and everything that it
	// started, has ended and all mounts of the run are gone. All that the
	// processes wrote has then been written to the job's streams.
	//
	// A command that fails gives an [*ExitError], one that could not be started a
	// [*StartError]. Every other error means that the run could not be prepared;
	// all say why in one line. When ctx is cancelled the processes are killed and
	// the error is ctx's cause.
	Run(ctx context.Context, j Job) error
}

// Job is one run of one command. The runner does not change what it points to.
type Job struct {
	// ID names the run on this machine: letters, digits, '-' and '_'.
	ID string
	// Spec is complete: root, mounts, process. Spec.Process.Terminal asks for a
	// terminal of its own for the process, whatever Stdio holds.
	Spec *specs.Spec
	// Bundle is a private directory of this run. The caller makes it and
	// removes it afterwards; the runner may keep files in it.
	Bundle string
	// Private is a directory in memory, below Bundle, for what tells of Spec: its
	// variables are confidential. "" means that they are not.
	Private string
	Stdio   Stdio
	// Home is the home directory of the process's user, for a runner that has to
	// set HOME itself. "" means "/".
	Home string
	// NoPivot forbids pivot_root, for a root on an initial ram disk.
	NoPivot bool
}

// Stdio is what the process reads and writes. The runner relays: the process
// never gets these descriptors themselves. It reads In only while the process
// runs, but may then have read more than the process took.
type Stdio struct {
	In  io.Reader // nil is empty
	Out io.Writer // nil drops what is written
	Err io.Writer // nil drops what is written; unused when the process has a terminal
	// Terminal is the caller's terminal: it is raw while the process runs, and
	// the process's terminal follows its size. nil if there is none.
	Terminal *os.File
	// Fed becomes true when something was read from In, if that is a file. nil if
	// nobody asks.
	Fed *atomic.Bool
}

// ExitError is the failure of a command that was run.
type ExitError struct {
	Code   int    // exit status, 1-255; 1 when a signal ended it
	Signal string // name of the signal that ended it, such as "SIGKILL"; "" if none did
	Memory OutOfMemory
}

func (e *ExitError) Error() string {
	if e.Signal != "" {
		return e.Memory.prefix() + "container exited on " + e.Signal
	}
	return fmt.Sprintf("%sexit status %d", e.Memory.prefix(), e.Code)
}

// OutOfMemory is what the kernel's out-of-memory killer had to do with a failure.
type OutOfMemory struct {
	Killed bool  `json:"killed,omitempty"` // it killed a process of the run, not always the first one
	Limit  int64 `json:"limit,omitempty"`  // of the run in bytes; 0 if it has none of its own, and memory ran out further up
}

func (m OutOfMemory) prefix() string {
	switch {
	case !m.Killed:
		return ""
	case m.Limit == 0:
		return "killed by the out-of-memory killer: "
	}
	return "killed by the out-of-memory killer at " + m.limit() + ": "
}

// limit is the limit in MiB, with one decimal where it is no whole number of them.
func (m OutOfMemory) limit() string {
	if m.Limit%mebibyte != 0 {
		return fmt.Sprintf("%.1f MiB", float64(m.Limit)/mebibyte)
	}
	return fmt.Sprintf("%d MiB", m.Limit/mebibyte)
}

const mebibyte = 1 << 20

// StartError says that the command could not be started: it is not there, it
// cannot be executed, or the runtime failed. A program that runs one command
// exits with 1 then.
type StartError struct {
	Command string
	Reason  string // one line
}

func (e *StartError) Error() string { return fmt.Sprintf("starting %q: %s", e.Command, e.Reason) }
