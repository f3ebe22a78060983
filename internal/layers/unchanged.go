package layers

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/projectatomic/buildah/internal/store"
)

// Unchanged tells whether nothing was changed in a container since it was made. With
// the overlay driver that is the look into few directories; others compare trees.
func Unchanged(s *store.Store, containerID string) (bool, error) {
	f, err := newFreezer(s, containerID, Options{})
	if err != nil {
		return false, fmt.Errorf("looking for changes in container %q: %w", containerID, err)
	}
	place, ok, err := f.overlay()
	if err == nil && ok {
		ok, err = f.holdsNothing(place.upper)
	} else if err == nil {
		changes, diffErr := s.Raw().Changes(f.layer.Parent, f.layer.ID)
		ok, err = len(changes) == 0, diffErr
	}
	if err != nil {
		return false, fmt.Errorf("looking for changes in container %q: %w", containerID, err)
	}
	return ok, nil
}

// holdsNothing tells whether a layer of a directory would hold nothing: all that is in
// there was left by mounts.
func (f *freezer) holdsNothing(upper string) (bool, error) {
	nothing := true
	err := filepath.WalkDir(upper, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == upper {
			return err
		}
		name, err := filepath.Rel(upper, path)
		if err != nil {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return &fs.PathError{Op: "lstat", Path: path, Err: err}
		}
		if f.stubs.look(name, &st) == keep {
			nothing = false
			return fs.SkipAll
		}
		return nil
	})
	return nothing, err
}

// SameTop tells whether the root directory of a container has the mode and the owner
// that it began with. A layer does not tell them.
func SameTop(s *store.Store, containerID string) (bool, error) {
	f, err := newFreezer(s, containerID, Options{})
	if err != nil {
		return false, fmt.Errorf("looking for changes in container %q: %w", containerID, err)
	}
	place, ok, err := f.overlay()
	if err != nil || !ok || len(place.lowers) == 0 {
		return err == nil, err
	}
	var now, before syscall.Stat_t
	if err := errors.Join(syscall.Stat(place.upper, &now), syscall.Stat(place.lowers[0], &before)); err != nil {
		return false, fmt.Errorf("looking for changes in container %q: %w", containerID, err)
	}
	return now.Mode == before.Mode && now.Uid == before.Uid && now.Gid == before.Gid, nil
}
