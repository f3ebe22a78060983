package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// What the file of a use says, with the count of mounts at that time. It is written
// before each step, so that whoever finds it without its owner can tell from the
// count whether the step was done. Where somebody else has changed the count
// meanwhile nothing is given back: a mount too many is better than one too few.
const (
	useBegins = "begins" // the count is still without it
	useHolds  = "holds"
	useEnds   = "ends" // the count is still with it
)

func noteUse(t *token, state string, count int) error {
	_, err := t.WriteAt([]byte(fmt.Sprintf("%-6s %9d", state, count)), 0)
	return err
}

// leftUse tells whether a use whose owner is gone is still in the count.
func leftUse(note string, count int) bool {
	state, before, _ := strings.Cut(note, " ")
	n, err := strconv.Atoi(strings.TrimSpace(before))
	if err != nil {
		return false
	}
	return state == useHolds && count > 0 || state == useBegins && count == n+1 || state == useEnds && count == n
}

// Use mounts a container for this process. Unlike one of Mount the use ends with
// the process: when that is killed, the next call of [Store.DropDeadUses] gives it
// back.
func (s *Store) Use(id, label string) (path string, done func() error, err error) {
	if err := s.DropDeadUses(id); err != nil {
		return "", nil, err
	}
	u, err := newToken(s.usesDir(id), "")
	if err != nil {
		return "", nil, fmt.Errorf("noting the use of container %q: %w", id, err)
	}
	if path, err = s.mountNoted(&u, id, label); err != nil {
		return "", nil, errors.Join(err, u.end())
	}
	done = func() error {
		n, err := s.MountCount(id)
		if err == nil && n == 0 {
			return errors.Join(s.unmountForgotten(id, path), u.end())
		}
		if err == nil {
			err = noteUse(&u, useEnds, n)
		}
		_, undo := s.Unmount(id)
		return errors.Join(undo, err, u.end())
	}
	return path, done, nil
}

// unmountForgotten ends the mount of our use when the count has been lost: stores with
// one run root, as with --root alone, overwrite each other's counts.
func (s *Store) unmountForgotten(id, path string) error {
	if s.Driver() != "overlay" {
		return nil // others give out directories that are no mounts
	}
	if mounted, err := mountinfo.Mounted(path); err != nil || !mounted {
		return nil //nolint:nilerr // the container is gone
	}
	if uses, err := os.ReadDir(s.usesDir(id)); err != nil || len(uses) > 1 {
		return err // the last one does it
	}
	if unix.Unmount(path, 0) != nil {
		s.noteDetached(id)
	}
	if _, err := s.raw.Unmount(id, true); err != nil {
		return fmt.Errorf("unmounting container %q: %w", id, err)
	}
	return nil
}

func (s *Store) mountNoted(u *token, id, label string) (string, error) {
	n, err := s.MountCount(id)
	if err == nil {
		err = noteUse(u, useBegins, n)
	}
	if err != nil {
		return "", fmt.Errorf("noting the use of container %q: %w", id, err)
	}
	path, err := s.Mount(id, label)
	if err != nil {
		return "", err
	}
	if err := noteUse(u, useHolds, 0); err != nil {
		_, undo := s.Unmount(id)
		return "", errors.Join(fmt.Errorf("noting the use of container %q: %w", id, err), undo)
	}
	return path, nil
}

func (s *Store) usesDir(id string) string {
	return filepath.Join(s.RunRoot(), "buildah-locks", "uses", id)
}

// DropDeadUses gives back the uses of a container's mount that processes had when
// they were killed.
func (s *Store) DropDeadUses(id string) error {
	dir := s.usesDir(id)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, s.dropIfDead(id, filepath.Join(dir, e.Name())))
	}
	if err != nil {
		return fmt.Errorf("giving back the mounts of killed processes: %w", err)
	}
	return nil
}

func (s *Store) dropIfDead(id, path string) error {
	t, err := takeDead(path)
	if t == nil {
		return err
	}
	note, err := io.ReadAll(io.LimitReader(t, 100))
	n, countErr := s.MountCount(id)
	if err = errors.Join(err, countErr); err == nil && leftUse(string(note), n) {
		_, err = s.Unmount(id)
	}
	return errors.Join(err, t.end())
}

// staleMounts is the number of uses that the store counts of a mount that is not
// there: a process was killed between the unmount and the note of it.
func (s *Store) staleMounts(id string) int {
	if s.Driver() != "overlay" {
		return 0 // others give out directories that are no mounts
	}
	n, err := s.MountCount(id)
	if err != nil || n == 0 {
		return 0
	}
	path, err := s.MountPoint(id)
	if err != nil || path == "" {
		return 0
	}
	if mounted, err := mountinfo.Mounted(path); err != nil || mounted {
		return 0
	}
	return n
}

// forgetMounts takes uses that are not from the count, after a mount.
func (s *Store) forgetMounts(id string, stale int) error {
	if n, err := s.MountCount(id); err != nil || n != stale+1 {
		return err // somebody else was faster
	}
	for range stale {
		if _, err := s.raw.Unmount(id, false); err != nil {
			return fmt.Errorf("correcting the count of mounts of container %q: %w", id, err)
		}
	}
	return nil
}
