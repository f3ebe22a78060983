package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// state is the directory of one run. Whoever holds the lock in it works on the run:
// first we, then the supervisor. When nobody does, the run is dead.
type state struct {
	dir  string
	lock *os.File
}

// newPrefix is that of a directory that is being made.
const newPrefix = ".new-"

// newState makes that of a run; two of one name are refused.
func newState(parent, id string) (*state, error) {
	if id == "" || strings.ContainsAny(id, "/.") {
		return nil, fmt.Errorf("%q cannot be the name of a run", id)
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, newPrefix)
	if err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	lock, err := lockState(tmp, os.O_CREATE)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the state directory: %w", err), os.RemoveAll(tmp))
	}
	dir := filepath.Join(parent, id)
	if err := os.Rename(tmp, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("naming the state directory: %w", err), lock.Close(), os.RemoveAll(tmp))
	}
	return &state{dir: dir, lock: lock}, nil
}

func lockState(dir string, flags int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %q: %w", dir, err), f.Close())
	}
	return f, nil
}

func (s *state) path(name string) string { return filepath.Join(s.dir, name) }

func (s *state) record(o order) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("run.json"), data, 0o600)
}

// release gives our share of the lock back.
func (s *state) release(remove bool) error {
	var err error
	if remove {
		err = os.RemoveAll(s.dir)
	}
	return errors.Join(err, s.lock.Close())
}

// Sweep clears away what runs have left below stateDir whose supervisor was
// killed: processes, cgroups, mounts and files. Runs that are under way are left
// alone. It costs one look into a directory when there is nothing to do.
func Sweep(ctx context.Context, stateDir string, env []string) error {
	entries, err := os.ReadDir(stateDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweeping dead runs: %w", err)
	}
	var all error
	for _, e := range entries {
		if !e.IsDir() {
			continue // what is known of runtimes
		}
		if err := sweepOne(ctx, filepath.Join(stateDir, e.Name()), env); err != nil {
			all = errors.Join(all, fmt.Errorf("sweeping the dead run %q: %w", e.Name(), err))
		}
	}
	return all
}

func sweepOne(ctx context.Context, dir string, env []string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return ignoreMissing(err)
	}
	// A new one is not locked for a moment.
	old := time.Since(info.ModTime()) > time.Minute
	if strings.HasPrefix(filepath.Base(dir), newPrefix) && !old {
		return nil
	}
	lock, err := lockState(dir, 0)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil // alive
	case errors.Is(err, fs.ErrNotExist) && old:
		return os.RemoveAll(dir) // somebody was killed while removing it
	case err != nil:
		return ignoreMissing(err)
	}
	defer lock.Close()
	data, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(dir) // nothing was started
	}
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(data, &o); err != nil {
		return fmt.Errorf("reading %q: %w", "run.json", err)
	}
	o.State = dir
	cmd := exec.CommandContext(ctx, o.Runtime, o.deleteArgs()...)
	cmd.Env = runtimeEnv(env)
	if text, err := cmd.CombinedOutput(); err != nil && o.known() {
		return fmt.Errorf("deleting the container: %w: %s", err, oneLine(string(text)))
	}
	return errors.Join(RemoveBundle(o.Bundle), os.RemoveAll(dir))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// root is where the runtime keeps its own state of the run: some copy the
// configuration there.
func (o order) root() string {
	if o.Private != "" {
		return filepath.Join(o.Private, "runtime")
	}
	return filepath.Join(o.State, "runtime")
}

// known tells whether the runtime has, or may have, the container.
func (o order) known() bool {
	_, err := os.Stat(filepath.Join(o.root(), o.ID))
	return err == nil
}

func (o order) runArgs() []string {
	args := slices.Concat([]string{"--root", o.root()}, o.Flags, []string{"run", "--bundle", o.Bundle, "--pid-file", o.pidFile()})
	if o.Detach {
		args = append(args, "--detach")
	}
	return slices.Concat(args, o.RunFlags, []string{o.ID})
}

func (o order) deleteArgs() []string {
	return slices.Concat([]string{"--root", o.root()}, o.Flags, []string{"delete", "--force", o.ID})
}

func (o order) pidFile() string { return filepath.Join(o.State, "pid") }

// RemoveBundle unmounts what is mounted in the bundle of a caller that died, and
// removes it.
func RemoveBundle(name string) error {
	bundle, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(bundle))
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(mounts) {
		if err := unix.Unmount(m.Mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmounting %q: %w", m.Mountpoint, err)
		}
	}
	return os.RemoveAll(bundle)
}

// runtimeEnv is the environment of the runtime, without what would make it hand
// descriptors or sockets of our caller to the container.
func runtimeEnv(env []string) []string {
	kept := []string{}
	for _, entry := range env {
		key, _, _ := strings.Cut(entry, "=")
		if key == "NOTIFY_SOCKET" || strings.HasPrefix(key, "LISTEN_") {
			continue
		}
		kept = append(kept, entry)
	}
	if !slices.ContainsFunc(kept, func(s string) bool { return strings.HasPrefix(s, "PATH=") }) {
		kept = append(kept, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	return kept
}
