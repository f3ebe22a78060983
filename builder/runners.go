package builder

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/runner/chroot"
	"github.com/projectatomic/buildah/internal/runner/oci"
)

// runner picks what runs the command. Where an OCI runtime was not asked for by
// name and none works, we do it ourselves, and say so once.
func (e *Engine) runner(ctx context.Context, x *execution) (runner.Runner, error) {
	if x.isolation == IsolationChroot {
		return chroot.New(), nil
	}
	if err := oci.Sweep(ctx, e.Host.RuntimeDir, e.Host.Env); err != nil {
		e.warn("cleaning up after interrupted runs: %v", err)
	}
	runtime, err := e.findRuntime(ctx, x.o.Runtime.Name)
	switch {
	case errors.Is(err, oci.ErrNone):
		e.chrootNotice.Do(func() { e.notice("using chroot isolation: %v", err) })
		x.isolation = IsolationChroot
		return chroot.New(), nil
	case err != nil:
		if ctx.Err() != nil {
			return nil, err // nobody knows whether it would have started
		}
		return nil, &runner.StartError{Command: x.argv[0], Reason: err.Error()}
	}
	return e.runners.with(runtime, oci.Options{
		Flags: x.o.Runtime.Flags, CgroupManager: e.Config.CgroupManager, StateDir: e.Host.RuntimeDir, Env: e.Host.Env,
		Rootless: e.Host.Rootless,
	}), nil
}

// runners are the OCI runners of an engine, one for each way to call a runtime,
// so that one run can have the next one prepared.
type runners struct {
	mu  sync.Mutex
	all map[string]*oci.Runner
}

func (r *runners) with(runtime oci.Runtime, o oci.Options) *oci.Runner {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := strings.Join(append([]string{runtime.Path}, o.Flags...), "\x00")
	if r.all[key] == nil {
		if r.all == nil {
			r.all = map[string]*oci.Runner{}
		}
		r.all[key] = oci.New(runtime, o)
	}
	return r.all[key]
}

// close gives back what was made ahead for commands that were not run.
func (r *runners) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, one := range r.all {
		errs = append(errs, one.Close())
	}
	r.all = nil
	return errors.Join(errs...)
}

// prepareAhead lets a runner that can do so begin with its next run.
func prepareAhead(r runner.Runner) {
	if r, ok := r.(*oci.Runner); ok {
		r.Ahead()
	}
}

// findRuntime finds the runtime that was asked for, the configured one, or the first that works.
func (e *Engine) findRuntime(ctx context.Context, asked string) (oci.Runtime, error) {
	return oci.Find(ctx, oci.Search{
		Name: firstNonEmpty(asked, e.Host.Runtime, e.Config.Runtime), Runtimes: e.Config.Runtimes,
		StateDir: e.Host.RuntimeDir, Env: e.Host.Env,
	})
}

// RuntimeName is the path of the OCI runtime that would run commands, or says why
// there is none.
func (e *Engine) RuntimeName(ctx context.Context) (string, error) {
	runtime, err := e.findRuntime(ctx, "")
	if err != nil {
		return "", fmt.Errorf("choosing an OCI runtime: %w", err)
	}
	return runtime.Path, nil
}
