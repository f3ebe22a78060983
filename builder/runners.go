package builder

import (
	"context"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/runner/chroot"
)

// runner picks what runs the command.
func (e *Engine) runner(_ context.Context, x *execution) (runner.Runner, error) {
	x.isolation = IsolationChroot
	return chroot.New(), nil
}
