package builder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/rootfs"
)

// subscriptionTargets makes what mounts are mounted on inside the container's copy
// of a subscription, such as a secret in /run/secrets. The copy stays, so these have
// to go after the run: else the next one would find an empty file there.
func (x *execution) subscriptionTargets(mounts []specs.Mount, containerDir string) error {
	top := filepath.Join(containerDir, "subscriptions")
	for i, m := range mounts {
		if filepath.Dir(m.Source) != top {
			continue
		}
		var inside []specs.Mount
		for _, n := range mounts[i+1:] {
			if rest, ok := strings.CutPrefix(n.Destination, m.Destination+"/"); ok {
				n.Destination = "/" + rest
				inside = append(inside, n)
			}
		}
		if len(inside) == 0 {
			continue
		}
		if err := x.targetsIn(m.Source, inside); err != nil {
			return fmt.Errorf("making mount targets in %q: %w", m.Destination, err)
		}
	}
	return nil
}

func (x *execution) targetsIn(dir string, mounts []specs.Mount) error {
	record := dir + ".stubs" // what is recorded there is no part of the root file system
	if err := os.MkdirAll(record, 0o700); err != nil {
		return err
	}
	root, err := copier.OpenRoot(dir)
	if err != nil {
		return err
	}
	x.undo = append(x.undo, root.Close)
	stubs, err := rootfs.MakeTargets(root, mounts, record, x.containerRoot())
	if stubs != nil {
		x.undo = append(x.undo, stubs.Clean)
	}
	return err
}
