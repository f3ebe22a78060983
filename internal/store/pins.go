package store

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Pin notes that this process goes on from an image, or is about to make it: until
// the process ends, [Store.DeleteIdle] of another process spares it. Whoever looks
// for the image after that has found it for good.
func (s *Store) Pin(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins.ids[id] {
		return nil
	}
	err := s.lockRemovals(unix.LOCK_SH, func() error {
		if s.pins.file == nil {
			t, err := newToken(s.pinsDir(), "")
			if err != nil {
				return err
			}
			s.pins = pins{file: &t, ids: map[string]bool{}}
		}
		_, err := s.pins.file.WriteString(id + "\n")
		return err
	})
	if err != nil {
		return fmt.Errorf("noting the use of image %q: %w", id, err)
	}
	s.pins.ids[id] = true
	return nil
}

// pins are the images that this process has pinned, and the file that says so.
type pins struct {
	file *token
	ids  map[string]bool
}

func (s *Store) pinsDir() string { return filepath.Join(s.GraphRoot(), "buildah-pins") }

// unpinAll ends the pins of this process.
func (s *Store) unpinAll() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins.file == nil {
		return nil
	}
	err := s.pins.file.end()
	s.pins = pins{}
	return err
}

// lockRemovals keeps those who remove what nobody uses apart from those who begin
// to use it. It is held for moments only, and before any lock of the storage library.
func (s *Store) lockRemovals(how int, then func() error) (err error) {
	if err := os.MkdirAll(s.pinsDir(), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.pinsDir(), ".lock"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), how)
	}
	if err != nil {
		return err
	}
	return then()
}

// DeleteIdle removes an image that no container and no other process uses, if it is
// still as wanted says it must be. wanted may do what has to happen together with
// the removal; it must not take a lock of a layer.
func (s *Store) DeleteIdle(id string, wanted func(Image) bool) (deleted bool, err error) {
	err = s.lockRemovals(unix.LOCK_EX, func() error {
		img, err := s.Image(id)
		if err != nil {
			return ignoring(err, ErrImageUnknown)
		}
		pinned, err := s.pinnedElsewhere(id)
		if err != nil || pinned || img.ReadOnly || s.claimedBelow(img.TopLayer) || !wanted(img) {
			return err
		}
		err = s.DeleteImage(id, true)
		deleted = err == nil
		return ignoring(err, ErrImageInUse, ErrImageUnknown)
	})
	return deleted, err
}

func ignoring(err error, fine ...error) error {
	if slices.ContainsFunc(fine, func(f error) bool { return errors.Is(err, f) }) {
		return nil
	}
	return err
}

// claimedBelow tells whether somebody is about to use one of the layers up to top.
func (s *Store) claimedBelow(top string) bool {
	for id := top; id != ""; {
		if s.claimedElsewhere(id, nil) {
			return true
		}
		l, err := s.raw.Layer(id)
		if err != nil {
			return false
		}
		id = l.Parent
	}
	return false
}

// pinnedElsewhere tells whether another process has pinned an image. The files of
// those that were killed are removed.
func (s *Store) pinnedElsewhere(id string) (bool, error) {
	entries, err := os.ReadDir(s.pinsDir())
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		path := filepath.Join(s.pinsDir(), e.Name())
		if e.Name() == ".lock" || s.ownPins(path) {
			continue
		}
		dead, err := takeDead(path)
		if err != nil {
			return false, err
		}
		if dead != nil {
			if err := dead.end(); err != nil {
				return false, err
			}
			continue
		}
		if found, err := lists(path, id); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

func (s *Store) ownPins(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pins.file != nil && s.pins.file.path == path
}

// lists tells whether a file has a line of that text.
func lists(path, line string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		if in.Text() == line {
			return true, nil
		}
	}
	return false, in.Err()
}
