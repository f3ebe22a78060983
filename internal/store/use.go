package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/sys/mountinfo"
)

// inUse is what the file of a use says while the use is counted. The file is
// written after the mount and emptied before the unmount, so that whoever finds
// it without its owner never gives back a use of somebody else.
const inUse = "mounted"

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
	if path, err = s.Mount(id, label); err != nil {
		return "", nil, errors.Join(err, u.end())
	}
	_, noted := u.WriteString(inUse)
	done = func() error {
		cut := u.Truncate(0)
		_, err := s.Unmount(id)
		return errors.Join(err, cut, u.end())
	}
	if noted != nil {
		return "", nil, errors.Join(fmt.Errorf("noting the use of container %q: %w", id, noted), done())
	}
	return path, done, nil
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
	said, err := io.ReadAll(io.LimitReader(t, int64(len(inUse))))
	if err == nil {
		err = t.Truncate(0)
	}
	if err == nil && string(said) == inUse {
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
