package store

import (
	"fmt"
	"os"
	"path/filepath"

	"go.podman.io/storage/pkg/lockfile"
)

// LockLayer holds the lock of a layer ID, against other processes and other
// goroutines, until unlock is called. Whoever makes a layer takes it around
// "look, then apply": storage replaces the directory of a layer that is applied
// a second time, under the containers that have it mounted.
//
// The lock files are shared by all IDs with the same first two digits, so that
// they do not pile up; never hold two at once.
func (s *Store) LockLayer(id string) (unlock func(), err error) {
	dir := filepath.Join(s.RunRoot(), "buildah-locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("locking layer %q: %w", id, err)
	}
	lock, err := lockfile.GetLockFile(filepath.Join(dir, "layer-"+id[:min(2, len(id))]))
	if err != nil {
		return nil, fmt.Errorf("locking layer %q: %w", id, err)
	}
	lock.Lock()
	return lock.Unlock, nil
}
