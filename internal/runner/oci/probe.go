package oci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/spec"
)

// probe runs the host's shell in a container whose root has nothing but links
// into the host's root, which is bound there read-only.
func (s Search) probe(ctx context.Context, runtime Runtime) (err error) {
	dir, err := os.MkdirTemp(s.StateDir, newPrefix)
	if err != nil {
		return fmt.Errorf("making a directory for a probe: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	root := filepath.Join(dir, "root")
	if err := probeRoot(root); err != nil {
		return fmt.Errorf("making a root for a probe: %w", err)
	}
	built, err := spec.Build(spec.Input{
		Process: spec.Process{Args: []string{"/bin/sh", "-c", "exit 0"}, Env: spec.Environment(spec.Variables{})},
		Root:    root,
		Mounts: spec.Mounts{Volumes: []specs.Mount{{
			Destination: "/" + probeHost, Type: "bind", Source: "/", Options: []string{"rbind", "ro", "rprivate"},
		}}},
	})
	if err != nil {
		return err
	}
	built.Process.Rlimits = nil // they would need rights that say nothing about the runtime
	name := "probe-" + strings.TrimPrefix(filepath.Base(dir), newPrefix)
	return New(runtime, Options{StateDir: s.StateDir, Env: s.Env}).Run(ctx, runner.Job{ID: name, Spec: built, Bundle: dir})
}

const probeHost = "host"

func probeRoot(root string) error {
	for _, dir := range []string{"proc", "sys", "dev", probeHost} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for _, e := range entries {
		err := os.Symlink(filepath.Join(probeHost, e.Name()), filepath.Join(root, e.Name()))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
