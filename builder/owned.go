package builder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ownedMark begins the metadata of containers that only a process of ours knows;
// the name of that process's lock file follows.
const ownedMark = "buildah-build:"

// owner is this process as the owner of containers. It holds a lock for as long
// as it lives, so that others can tell what a killed process left behind.
type owner struct {
	once sync.Once
	lock *os.File
	err  error
}

func (e *Engine) ownersDir() string { return filepath.Join(e.Store.GraphRoot(), "buildah-owners") }

// claim gives the metadata for a container of this process. The lock is taken
// before the first container is made, so nobody takes a new one for abandoned.
func (e *Engine) claim() (string, error) {
	e.owner.once.Do(func() { e.owner.lock, e.owner.err = lockOwner(e.ownersDir()) })
	if e.owner.err != nil {
		return "", fmt.Errorf("claiming a container: %w", e.owner.err)
	}
	return ownedMark + filepath.Base(e.owner.lock.Name()), nil
}

func lockOwner(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "owner-")
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// Close gives up what the engine holds for this process, and closes a store that
// [NewEngine] has opened. The containers that only the process knows are then
// abandoned.
func (e *Engine) Close() error {
	err := errors.Join(e.runners.close(), e.networks.close())
	if e.Images != nil { // an engine that only probes has none
		err = errors.Join(err, e.Images.Close())
	}
	if e.owner.lock != nil {
		err = errors.Join(err, os.Remove(e.owner.lock.Name()), e.owner.lock.Close())
	}
	if e.ownsStore {
		err = e.Store.Explain(errors.Join(err, e.Store.Close()))
	}
	return err
}

// sweepAbandoned removes the containers and the layers of processes that have died.
func (e *Engine) sweepAbandoned() error {
	containers, err := e.Store.Containers()
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range containers {
		name, owned := strings.CutPrefix(c.Metadata, ownedMark)
		if !owned || e.ownerLives(name) {
			continue
		}
		if err := e.deleteContainer(c.ID, c.ID); err != nil && !errors.Is(err, ErrNotFound) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, e.Store.DropUnclaimed())
	return errors.Join(errs...)
}

// ownerLives tells whether somebody holds the lock file of that name.
func (e *Engine) ownerLives(name string) bool {
	f, err := os.OpenFile(filepath.Join(e.ownersDir(), filepath.Base(name)), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return true
	}
	os.Remove(f.Name()) // nobody will ask for it again
	return false
}
