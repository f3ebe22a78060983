package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// state is the directory of one keeper. As long as the keeper lives, it has the lock in it.
type state struct {
	dir  string
	lock *os.File
}

const (
	newPrefix  = ".new-"
	idlePrefix = "idle-"
	planFile   = "plan.json"
	lockFile   = "lock"
	spaceFile  = "ns" // what the namespace is mounted on, for programs that want that
)

// newState makes the directory of a keeper.
func newState(parent, id string) (*state, error) {
	if len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("%q cannot be the name of a network namespace", id)
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of network namespaces: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, newPrefix)
	if err != nil {
		return nil, fmt.Errorf("making the directory of a network namespace: %w", err)
	}
	lock, err := lockState(tmp, os.O_CREATE)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(tmp))
	}
	s := &state{filepath.Join(parent, id), lock}
	if err := os.Rename(tmp, s.dir); err != nil {
		return nil, errors.Join(fmt.Errorf("making the directory of a network namespace: %w", err), lock.Close(), os.RemoveAll(tmp))
	}
	return s, nil
}

func lockState(dir string, flags int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|unix.O_NOFOLLOW|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %q: %w", dir, err), f.Close())
	}
	return f, nil
}

func (s *state) path(name string) string { return filepath.Join(s.dir, name) }

// write replaces a file as a whole.
func (s *state) write(name string, data []byte) error {
	tmp := s.path(name + ".new")
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("recording a network namespace: %w", err)
	}
	return os.Rename(tmp, s.path(name))
}

// remove lets go of the lock last, so that nobody finds the directory half gone.
func (s *state) remove() error {
	return errors.Join(os.RemoveAll(s.dir), s.lock.Close())
}

// listen makes a socket that is found by its name, and gives what takes it away.
func (s *state) listen(name string) (l *net.UnixListener, stop func(), err error) {
	const socket = "socket"
	short, done, err := socketAddress(s.path(socket))
	if err != nil {
		return nil, nil, err
	}
	defer done()
	if l, err = net.ListenUnix("unix", short); err != nil {
		return nil, nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := os.Rename(s.path(socket), name); err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return l, func() {
		_ = os.Remove(name)
		_ = l.Close()
	}, nil
}

// socketAddress is that of a socket whatever the length of its path: the kernel has
// room for 107 bytes.
func socketAddress(path string) (short *net.UnixAddr, done func(), err error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, nil, err
	}
	name := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	return &net.UnixAddr{Name: name, Net: "unix"}, func() { _ = dir.Close() }, nil
}

// Sweep clears away what keepers have left below dir that were killed. It costs one
// look into a directory when there is nothing to do.
func Sweep(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweeping network namespaces: %w", err)
	}
	var errs []error
	alive := map[string]bool{}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		at := filepath.Join(dir, e.Name())
		if err := sweepOne(ctx, at); err != nil {
			errs = append(errs, fmt.Errorf("sweeping the network namespace %q: %w", e.Name(), err))
		}
		if _, err := os.Lstat(at); err == nil {
			alive[shortID(e.Name())] = true
		}
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), idlePrefix)
		if _, id, _ := strings.Cut(name, "-"); ok && !alive[id] {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	return errors.Join(errs...)
}

// shortID is the part of a keeper's name that its socket has.
func shortID(id string) string { return id[:min(16, len(id))] }

func sweepOne(ctx context.Context, dir string) error {
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
	return errors.Join(cleanUp(ctx, dir), os.RemoveAll(dir))
}

// cleanUp undoes what the plan of a dead keeper says. What cannot be undone now will
// not be later either: it is said once.
func cleanUp(ctx context.Context, dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, planFile))
	if err != nil {
		return ignoreMissing(err) // nothing was begun
	}
	var p plan
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("reading %q: %w", planFile, err)
	}
	if p.Netavark == nil && p.Pasta == nil && p.Slirp == nil {
		return nil
	}
	host, err := identity("/proc/self/ns/net")
	if err != nil {
		return err
	}
	if p.HostNet != host && p.Netavark != nil {
		// Its bridge is in a namespace that we are not in: only the addresses are ours to free.
		return netavark{p.Netavark, p.ID}.leases().give(p.ID)
	}
	return p.connector().clean(ctx, dir)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
