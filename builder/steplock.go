package builder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Two locks keep commands on one container apart when steps come from the cache, for
// then its layer may be exchanged. "step" is held for as long as a step takes: a
// second one at the same time ends the cache. "layer" is held by all who have the
// container in use, and alone by those who exchange its layer.
const (
	stepLock  = "step"
	layerLock = "layer"
)

// Whoever has the layer alone needs it for a moment, so all others wait; those who
// have it in use may take hours, so it is not waited for them.
const (
	patienceToUse      = time.Minute
	patienceToExchange = time.Second
)

func (e *Engine) stepLockPath(id, kind string) string {
	return filepath.Join(e.Store.RunRoot(), "buildah-locks", "steps", id+"."+kind)
}

// lockSteps takes a lock of a container; how is unix.LOCK_SH or unix.LOCK_EX. It is
// false where others have kept it for too long.
func (e *Engine) lockSteps(id, kind string, how int) (release func(), ok bool, err error) {
	path := e.stepLockPath(id, kind)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, false, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, false, err
	}
	patience := patienceToUse
	switch {
	case kind == stepLock:
		patience = 0
	case how == unix.LOCK_EX:
		patience = patienceToExchange
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil {
			return func() { unlock(f) }, true, nil
		}
		busy := errors.Is(err, unix.EWOULDBLOCK)
		if busy && time.Now().Before(deadline) || errors.Is(err, unix.EINTR) {
			continue
		}
		f.Close()
		if busy {
			err = nil
		}
		return nil, false, err
	}
}

// unlock gives a lock back at once. To close the file is not enough: a program that is
// being started beside us has its descriptor, too, up to its exec.
func unlock(f *os.File) {
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN) // closing is the other way
	f.Close()
}

// hold keeps the container's layer from being exchanged. Without a chain nobody does
// that.
func (b *Builder) hold() (release func(), err error) {
	if b.owned || b.record.Steps == nil {
		return func() {}, nil
	}
	release, ok, err := b.engine.lockSteps(b.ID(), layerLock, unix.LOCK_SH)
	if err == nil && !ok {
		err = errors.New("another command is at work on it")
	}
	if err != nil {
		return nil, fmt.Errorf("locking container %q: %w", b.Name(), err)
	}
	return release, nil
}

// dropStepLocks forgets the locks of a container that is gone.
func (e *Engine) dropStepLocks(id string) {
	os.Remove(e.stepLockPath(id, stepLock))
	os.Remove(e.stepLockPath(id, layerLock))
}
