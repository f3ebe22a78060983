package builder

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/projectatomic/buildah/copier"
)

// makeImageVolumes makes the image's VOLUME paths where they are missing; they stay.
func (x *execution) makeImageVolumes() error {
	owner := x.containerRoot()
	for volume := range x.image.OCI.Config.Volumes {
		if _, err := x.root.Stat(volume); err == nil {
			continue // it may be a file, such as /etc/hosts
		}
		if _, err := x.root.MkdirAll(volume, copier.MkdirOptions{Mode: 0o755, Owner: &owner}); err != nil {
			return fmt.Errorf("making the volume %q: %w", volume, err)
		}
	}
	return nil
}

// imageVolumes lets the command write to the image's volumes as if they were mounted
// from elsewhere: what it changes there is thrown away.
func (m *mounting) imageVolumes() error {
	if !m.o.Mounts.DropVolumes {
		return nil
	}
	places, err := m.volumePlaces()
	if err != nil {
		return err
	}
	for _, at := range places {
		if m.seen[at] {
			continue // something else is mounted there
		}
		if err := m.dropChanges(at); err != nil {
			return fmt.Errorf("volume %q: %w", at, err)
		}
	}
	return nil
}

// volumePlaces are the directories that are volumes, links resolved, without those
// that are below another one.
func (m *mounting) volumePlaces() ([]string, error) {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m.image.OCI.Config.Volumes)) {
		at, err := m.volumePlace(name)
		if err != nil {
			return nil, fmt.Errorf("volume %q: %w", name, err)
		}
		if at != "" {
			all = append(all, at)
		}
	}
	slices.Sort(all)
	var outer []string
	for _, at := range all {
		if !slices.ContainsFunc(outer, func(o string) bool { return at == o || strings.HasPrefix(at, o+"/") }) {
			outer = append(outer, at)
		}
	}
	return outer, nil
}

// volumePlace is where in the root a volume is, "" if it is no directory or the root
// itself.
func (m *mounting) volumePlace(name string) (string, error) {
	dir, err := m.root.OpenPath(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer dir.Close()
	if info, err := dir.Stat(); err != nil || !info.IsDir() {
		return "", err
	}
	target, err := os.Readlink(fdPath(dir))
	if err != nil {
		return "", err
	}
	root, err := filepath.EvalSymlinks(m.root.Path())
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(target, root), nil
}

func (m *mounting) dropChanges(at string) error {
	dir, err := m.root.OpenPath(at)
	if err != nil {
		return err
	}
	defer dir.Close()
	source, err := m.overlay(dir, "", "")
	if err != nil {
		return err
	}
	return m.take(specs.Mount{Destination: at, Type: "bind", Source: source, Options: []string{"rbind"}})
}
