package store

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"
)

// Explain adds to an error about a full disk how much the store's has left. What
// unpacks layers for the storage library hands on nothing but the text.
func (s *Store) Explain(err error) error {
	if err == nil || !errors.Is(err, syscall.ENOSPC) && !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		return err
	}
	var st unix.Statfs_t
	if unix.Statfs(s.GraphRoot(), &st) != nil {
		return err
	}
	free := units.BytesSize(float64(st.Bavail) * float64(st.Bsize))
	inodes := ""
	if st.Files > 0 && st.Ffree < 1000 {
		inodes = fmt.Sprintf(" and room for %d more files", st.Ffree)
	}
	return fullError{fmt.Errorf("%w (the store at %q is left with %s%s)", err, s.GraphRoot(), free, inodes)}
}

// fullError is a full disk also where only a text said so.
type fullError struct{ error }

func (f fullError) Unwrap() error { return f.error }

func (f fullError) Is(target error) bool { return target == syscall.ENOSPC }
