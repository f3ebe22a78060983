package builder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/projectatomic/buildah/copier"
)

// Scratch lends a directory for writing: what is written goes to an overlay, and
// nobody else sees it. It ends with finish, or, when this process is killed,
// with the next command.
func (e *Engine) Scratch(dir *copier.Root) (root *copier.Root, finish func() error, err error) {
	x := &execution{Builder: &Builder{engine: e}}
	finish = func() error {
		var err error
		for i := len(x.undo) - 1; i >= 0; i-- {
			err = errors.Join(err, x.undo[i]())
		}
		return err
	}
	root, err = x.scratch(dir)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("making %q writable: %w", dir.Path(), err), finish())
	}
	return root, finish, nil
}

func (x *execution) scratch(dir *copier.Root) (*copier.Root, error) {
	if err := x.makeBundle(); err != nil {
		return nil, err
	}
	src, err := dir.OpenPath("/")
	if err != nil {
		return nil, err
	}
	defer src.Close()
	at, err := newMounting(x).overlay(src, "", "")
	if err != nil {
		return nil, err
	}
	root, err := copier.OpenRoot(filepath.Clean(at))
	if err != nil {
		return nil, err
	}
	x.undo = append(x.undo, root.Close)
	return root, nil
}

// makeBundle makes the private directory of a run.
func (x *execution) makeBundle() (err error) {
	if x.bundle, err = os.MkdirTemp(x.bundleParent(), bundlePrefix); err != nil {
		return fmt.Errorf("making a directory for the run: %w", err)
	}
	x.undo = append(x.undo, func() error { return os.RemoveAll(x.bundle) })
	if owner := x.containerRoot(); x.mapped() {
		if err := os.Chown(x.bundle, owner.UID, owner.GID); err != nil {
			return fmt.Errorf("making a directory for the run: %w", err)
		}
	}
	return nil
}
