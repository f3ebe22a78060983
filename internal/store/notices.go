package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.podman.io/storage/types"
)

// tellOtherDriver says when a store begins to have a second life with another driver:
// its images are then others.
func (o Options) tellOtherDriver(so types.StoreOptions, prior string) {
	chosen := strings.TrimSuffix(so.GraphDriverName, "2") // overlay2 is overlay
	if prior == "" || chosen == "" || chosen == prior || o.Warn == nil {
		return
	}
	if _, err := os.Stat(filepath.Join(so.GraphRoot, chosen+"-layers")); errors.Is(err, fs.ErrNotExist) {
		o.Warn("the store at %q was made with the driver %s: what is in it is not seen with %s", so.GraphRoot, prior, chosen)
	}
}

// closed marks the failure of a store that belongs to somebody else.
func closed(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return closedError{err}
	}
	return err
}

// closedError is [ErrClosed] with the words of its cause.
type closedError struct{ error }

func (c closedError) Unwrap() error        { return c.error }
func (c closedError) Is(target error) bool { return target == ErrClosed }

// New tells whether there was no store before it was opened.
func (s *Store) New() bool { return s.made }
