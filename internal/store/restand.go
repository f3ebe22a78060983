package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.podman.io/storage"
	"go.podman.io/storage/pkg/stringid"
	"golang.org/x/sys/unix"
)

// Restanding says how a container is put on another image. Everything else about it
// stays: its ID, its names, its labels.
type Restanding struct {
	ImageID string // "" means scratch
	File    string // in the data directory, which is otherwise emptied
	Data    []byte // of File
}

// restanding is the journal of one. It is a token: whoever holds its lock is at it.
type restanding struct {
	Restanding
	ID, OldLayer, Layer string
	Names               []string
	Metadata            string
	Flags               map[string]any
}

// Restand puts a container on another image. The container's own layer goes, so
// whatever is in it has to be in the image. Storage has no call for this, so the
// container is deleted and made again. A journal tells how, so that the next command
// ends what a killed one began ([Store.MendRestandings]).
//
// The caller sees to it that the container is not mounted and the image stays.
func (s *Store) Restand(id string, r Restanding) error {
	c, err := s.raw.Container(id)
	if err != nil {
		return fmt.Errorf("looking up container %q: %w", id, err)
	}
	j := restanding{
		Restanding: r, ID: c.ID, OldLayer: c.LayerID, Layer: stringid.GenerateRandomID(), Names: c.Names, Metadata: c.Metadata, Flags: c.Flags,
	}
	if len(c.UIDMap)+len(c.GIDMap) > 0 {
		return fmt.Errorf("putting container %q on image %q: it has ID maps", id, r.ImageID)
	}
	t, err := s.writeJournal(&j)
	if err != nil {
		return fmt.Errorf("putting container %q on image %q: %w", id, r.ImageID, err)
	}
	if err := s.DeleteContainer(c.ID); err != nil {
		if _, lookup := s.raw.Layer(j.OldLayer); lookup == nil {
			return errors.Join(err, t.end()) // nothing has happened
		}
		return errors.Join(err, t.Close()) // the next command goes on
	}
	if err := s.standAgain(&j); err != nil {
		return errors.Join(err, t.Close())
	}
	return t.end()
}

func (s *Store) journalsDir() string { return filepath.Join(s.GraphRoot(), "buildah-restand") }

// writeJournal makes a journal that is whole, locked and on the disk before it is seen.
func (s *Store) writeJournal(j *restanding) (t token, err error) {
	data, err := json.Marshal(j)
	if err != nil {
		return t, err
	}
	if err := os.MkdirAll(s.journalsDir(), 0o700); err != nil {
		return t, err
	}
	f, err := os.CreateTemp(s.journalsDir(), ".new-")
	if err != nil {
		return t, err
	}
	t = token{File: f, path: filepath.Join(s.journalsDir(), j.ID)}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = unix.Renameat2(unix.AT_FDCWD, f.Name(), unix.AT_FDCWD, t.path, unix.RENAME_NOREPLACE)
	}
	if err != nil {
		return t, errors.Join(err, os.Remove(f.Name()), f.Close())
	}
	return t, nil
}

// standAgain makes the container of a journal.
func (s *Store) standAgain(j *restanding) error {
	if err := s.Claim(j.Layer); err != nil {
		return fmt.Errorf("making container %q again: %w", j.ID, err)
	}
	defer s.Release(j.Layer)
	// Whoever was killed here before may have made the layer, and no container.
	if _, err := s.raw.Layer(j.Layer); err == nil {
		if err := s.raw.DeleteLayer(j.Layer); err != nil {
			return fmt.Errorf("making container %q again: %w", j.ID, err)
		}
	}
	opts := storage.ContainerOptions{IDMappingOptions: s.mapping(storage.IDMappingOptions{}), Flags: j.Flags}
	if _, err := s.raw.CreateContainer(j.ID, j.Names, j.ImageID, j.Layer, j.Metadata, &opts); err != nil {
		return fmt.Errorf("making container %q again: %w", j.ID, err)
	}
	return s.restoreFile(j)
}

// restoreFile puts the file of a journal into the data directory.
func (s *Store) restoreFile(j *restanding) error {
	dir, err := s.ContainerDir(j.ID)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tmp-")
	if err != nil {
		return fmt.Errorf("restoring %q of container %q: %w", j.File, j.ID, err)
	}
	_, err = f.Write(j.Data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, j.File))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("restoring %q of container %q: %w", j.File, j.ID, err), os.Remove(f.Name()))
	}
	return nil
}

// MendRestandings ends what killed processes began with [Store.Restand]. Without any
// it costs one system call.
func (s *Store) MendRestandings() error {
	entries, err := os.ReadDir(s.journalsDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			err = errors.Join(err, dropDeadDraft(filepath.Join(s.journalsDir(), e.Name())))
			continue
		}
		err = errors.Join(err, s.mendRestanding(filepath.Join(s.journalsDir(), e.Name())))
	}
	if err != nil {
		return fmt.Errorf("ending what a killed command began: %w", err)
	}
	return nil
}

// dropDeadDraft removes a journal whose writer was killed before it was seen.
func dropDeadDraft(path string) error {
	t, err := takeDead(path)
	if t == nil {
		return err
	}
	return t.end()
}

func (s *Store) mendRestanding(path string) error {
	t, err := takeDead(path)
	if t == nil {
		return err
	}
	j, err := readJournal(t.File)
	if err == nil {
		err = s.goOn(&j)
	}
	switch {
	case errors.Is(err, storage.ErrImageUnknown): // nothing can be done about that, so nobody is to try again
		return errors.Join(err, t.end())
	case err != nil:
		return errors.Join(err, t.Close())
	}
	return t.end()
}

// journalLimit is more than a record and its names can need, in bytes.
const journalLimit = 64 << 20

func readJournal(f *os.File) (j restanding, err error) {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, journalLimit))
	if err != nil {
		return j, err
	}
	if err := json.Unmarshal(data, &j); err != nil {
		return j, fmt.Errorf("reading %q: %w", f.Name(), err)
	}
	if j.ID == "" || j.Layer == "" || !filepath.IsLocal(j.File) {
		return j, fmt.Errorf("reading %q: it does not say what to do", f.Name())
	}
	return j, nil
}

// goOn ends one restanding. A container that has its old layer was not touched: it
// stays as it is, with whatever was done to it since.
func (s *Store) goOn(j *restanding) error {
	c, err := s.raw.Container(j.ID)
	switch {
	case errors.Is(err, storage.ErrContainerUnknown):
		return s.standAgain(j)
	case err != nil:
		return fmt.Errorf("looking up container %q: %w", j.ID, err)
	case c.LayerID == j.Layer:
		return s.restoreIfMissing(j)
	case c.LayerID != j.OldLayer:
		return nil // somebody has made it again
	}
	if _, err := s.raw.Layer(c.LayerID); err == nil {
		return nil
	}
	// It was being deleted: the layer goes first.
	if err := s.DeleteContainer(j.ID); err != nil {
		return err
	}
	return s.standAgain(j)
}

func (s *Store) restoreIfMissing(j *restanding) error {
	dir, err := s.ContainerDir(j.ID)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(dir, j.File)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.restoreFile(j)
}

// awaitRestanding waits while another process has a container in hands that cannot
// be found by this name or ID. It tells whether there was one.
func (s *Store) awaitRestanding(nameOrID string) bool {
	entries, err := os.ReadDir(s.journalsDir())
	if err != nil {
		return false
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(s.journalsDir(), e.Name()))
		if err != nil {
			continue
		}
		j, err := readJournal(f)
		found := err == nil && (strings.HasPrefix(j.ID, nameOrID) || slices.Contains(j.Names, nameOrID))
		if found {
			_ = unix.Flock(int(f.Fd()), unix.LOCK_SH) // a lock that cannot be had is not waited for
		}
		f.Close()
		if found {
			return true
		}
	}
	return false
}

// namesInHands are those of containers that other processes have in hands, with IDs.
func (s *Store) namesInHands() map[string]string {
	entries, _ := os.ReadDir(s.journalsDir()) // without the directory there are none
	names := map[string]string{}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(s.journalsDir(), e.Name()))
		if err != nil {
			continue
		}
		if j, err := readJournal(f); err == nil {
			for _, name := range j.Names {
				names[name] = j.ID
			}
		}
		f.Close()
	}
	return names
}
