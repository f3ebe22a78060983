package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/secrets"
	"github.com/projectatomic/buildah/internal/suggest"
)

// RunOptions adjusts [Builder.Run]. Each zero value means what the record says,
// or else the documented default.
type RunOptions struct {
	Process    ProcessOptions
	Stdio      Stdio
	Isolation  Isolation
	Namespaces []Namespace   // instead of the record's of the same names
	Network    NetworkPolicy // instead of the record's
	Runtime    RuntimeOptions
	Mounts     MountOptions
	Security   SecurityOptions
	NoHosts    bool  // leave the container's /etc/hosts alone
	NoHostname bool  // leave the container's /etc/hostname alone
	AddHistory bool  // record an entry of the history after success
	ValidCodes []int // exit statuses that count as success; none means 0
}

// ProcessOptions are about the process that is run.
type ProcessOptions struct {
	Env      []string // KEY=VALUE, KEY (the caller's value), PREFIX*, *
	User     string   // user[:group]
	Workdir  string
	Hostname string
}

// Stdio is what the command reads and writes. Nil streams are empty.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal *os.File // the caller's terminal; the command then gets a terminal of its own
	NoTTY    bool     // a terminal was refused though there is one
	ForceTTY bool     // a terminal was asked for though there is none
	// Fed becomes true when something was read from In, if that is a file; nil if
	// nobody asks.
	Fed *atomic.Bool
}

// RuntimeOptions choose an OCI runtime.
type RuntimeOptions struct {
	Name    string   // or path; "" means the configured or the first that works
	Flags   []string // without the leading "--"
	NoPivot bool
	Hooks   []string // directories of OCI hooks; none means those of the record, else the usual ones
}

// MountOptions are further mounts of one run.
type MountOptions struct {
	Volumes    []string // host:container[:options]
	Mounts     []string // type=bind,src=...,dst=...
	ContextDir string   // root of the bind sources of Mounts
	// DropVolumes throws away what the command changes below the image's volumes.
	DropVolumes bool
	Workdir     string // what relative targets of Mounts are joined to
	// Context is an opened root, used instead of ContextDir; Roots are those that
	// from= may name, besides images. The caller closes them.
	Context *copier.Root
	// KeepWrites lets writes to Context reach it; else they are thrown away.
	KeepWrites bool
	Roots      map[string]*copier.Root
	// CacheNamespace keeps caches apart from those of the same ID in others.
	CacheNamespace string
	Keys           secrets.Given // what type=secret and type=ssh of Mounts may name
}

// SecurityOptions are changes of rights for one run.
type SecurityOptions struct {
	CapAdd, CapDrop []string
	Devices         []string
	CDIConfigDir    string // where devices by name are looked up, too; the first to count
	// Insecure gives every capability and takes away all that confines the command,
	// namespaces excepted.
	Insecure bool
}

// Run runs a command in the container and waits for it. A command that fails
// gives an [*ExitError]; every other error means that it could not be run.
func (b *Builder) Run(ctx context.Context, argv []string, o RunOptions) error {
	if len(argv) == 0 {
		return fmt.Errorf("running in %q: command must be specified", b.Name())
	}
	isolation, err := b.isolation(o)
	if err != nil {
		return err
	}
	if err := b.leaveForWrites(&o); err != nil {
		return err
	}
	text := strings.Join(b.image.ShellCommand(argv, false), " ")
	went, err := b.step(ctx, step{
		key: func(ctx context.Context) (buildcache.Key, error) { return b.runKey(ctx, argv, isolation, &o) },
		do: func(ctx context.Context) error {
			return judge(b.execute(ctx, execution{Builder: b, argv: argv, o: o, isolation: isolation}), o.ValidCodes)
		},
		settle: o.Stdio.forget,
		text:   func() string { return text },
	})
	switch {
	case err != nil:
		return err
	case went.hit:
		o.Stdio.skipInput()
	}
	if !o.AddHistory || went.kept {
		return nil
	}
	b.AddHistory(History{Created: historyTime(), CreatedBy: text})
	return b.Save()
}

// leaveForWrites ends the cache of a container when the command may change what is no
// part of it.
func (b *Builder) leaveForWrites(o *RunOptions) error {
	writes := func(text string) bool { return mayWrite(text, o) }
	if len(o.Mounts.Volumes) > 0 || slices.ContainsFunc(o.Mounts.Mounts, writes) {
		return b.LeaveCache("a command could write to a directory of the host")
	}
	return nil
}

// judge turns the exit status of a command into success or failure.
func judge(err error, valid []int) error {
	if len(valid) == 0 {
		return err
	}
	code := 0
	var exit *runner.ExitError
	switch {
	case errors.As(err, &exit) && exit.Signal == "":
		code = exit.Code
	case err != nil:
		return err
	}
	switch {
	case slices.Contains(valid, code):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("command exited with status 0, which is not one of %v", valid)
}

// isolation picks what runs the command: the option, the environment, what the
// record says, then a runtime, and ourselves when no runtime is there.
func (b *Builder) isolation(o RunOptions) (Isolation, error) {
	choice := o.Isolation
	if choice == IsolationDefault && b.engine.Host.Isolation != "" {
		named, err := ParseIsolation(b.engine.Host.Isolation)
		if err != nil {
			return choice, err
		}
		choice = named
	}
	if choice == IsolationDefault && b.engine.Host.Rootless && b.record.Isolation != IsolationChroot {
		choice = IsolationOCIRootless
	}
	if choice == IsolationDefault {
		choice = b.record.Isolation
	}
	if choice == IsolationDefault {
		choice = IsolationOCI
	}
	return choice, nil
}

// defaultIsolation is what a container remembers when nothing was asked for.
func (e *Engine) defaultIsolation() Isolation {
	if named, err := ParseIsolation(e.Host.Isolation); err == nil && named != IsolationDefault {
		return named
	}
	if e.Host.Rootless {
		return IsolationOCIRootless
	}
	return IsolationOCI
}

// ParseIsolation reads the word for an isolation.
func ParseIsolation(word string) (Isolation, error) {
	switch strings.ToLower(word) {
	case "", "default":
		return IsolationDefault, nil
	case "oci":
		return IsolationOCI, nil
	case "chroot":
		return IsolationChroot, nil
	case "rootless":
		return IsolationOCIRootless, nil
	}
	return IsolationDefault, fmt.Errorf("unrecognized isolation type %q%s: it is oci, chroot or rootless", word, suggest.Instead(word, "oci", "chroot", "rootless"))
}
