package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/store"
)

// A record of stubs is locked by the run that made it. One that can be locked
// belongs to a run that was killed. Whoever locks one holds the lock of the
// directory, so that none is seen between its making and its locking.

// lockRecord locks a record, until the file is closed.
func lockRecord(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %q: %w", path, err), f.Close())
	}
	return f, nil
}

// LeftStubs tells whether runs in a container were killed before they could take
// their mount targets away.
func LeftStubs(recordDir string) (bool, error) {
	records, err := filepath.Glob(filepath.Join(recordDir, string(store.StubMade), "*"))
	if err != nil || len(records) == 0 {
		return false, err
	}
	unlock, err := lockDir(recordDir)
	if err != nil {
		return false, fmt.Errorf("looking for mount targets that were left: %w", err)
	}
	defer unlock()
	for _, path := range records {
		if f, err := lockRecord(path); err == nil {
			return true, f.Close()
		}
	}
	return false, nil
}

// Sweep takes away what runs left that were killed, as [Stubs.Clean] would have.
func Sweep(root *copier.Root, recordDir string) error {
	unlock, err := lockDir(recordDir)
	if err != nil {
		return fmt.Errorf("removing mount targets that were left: %w", err)
	}
	defer unlock()
	return sweep(root, recordDir)
}

func sweep(root *copier.Root, recordDir string) error {
	dir := filepath.Join(recordDir, string(store.StubMade))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing mount targets that were left: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Name()[0] == '.' { // never finished: nothing had been made
			err = errors.Join(err, os.Remove(path))
			continue
		}
		f, locked := lockRecord(path)
		if locked != nil {
			continue // its run lives
		}
		stubs, bad := store.ReadStubFile(path)
		if bad != nil {
			return errors.Join(bad, f.Close())
		}
		s := Stubs{root: root, recordDir: recordDir, made: stubs, record: path, lock: f}
		err = errors.Join(err, s.clean())
	}
	return err
}
