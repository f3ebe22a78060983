package builder

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/projectatomic/buildah/internal/hooks"
)

// defaultHooks are where hooks are looked for when nobody said where.
var defaultHooks = []string{"/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"}

// hooked gives the spec with the hooks that match it. Chroot isolation has none.
func (x *execution) hooked(ctx context.Context, s *specsSpec, binds bool) (*specsSpec, error) {
	if x.isolation == IsolationChroot {
		return s, nil
	}
	dirs := x.o.Runtime.Hooks
	if len(dirs) == 0 {
		dirs = x.record.CommonBuildOpts.OCIHooksDir
	}
	asked := len(dirs) > 0
	if !asked && x.engine.Host.Rootless {
		return s, nil
	}
	if !asked {
		dirs = defaultHooks
	}
	set, err := hooks.Load(dirs)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); asked && errors.Is(err, fs.ErrNotExist) {
			x.engine.warn("the directory of hooks %q does not exist", dir)
		}
	}
	if !asked && !set.Empty() {
		x.engine.warn("hooks in %q are used without --hooks-dir, which is deprecated: name the directory", dirs)
	}
	return set.Apply(ctx, s, binds)
}
