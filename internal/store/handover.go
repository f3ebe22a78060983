package store

import (
	"errors"
	"fmt"
)

// NameContainer makes hint, or the first of hint-1, hint-2, ... that is free, the only
// name of a container, and gives it.
func (s *Store) NameContainer(id, hint string) (string, error) {
	for try := 0; ; try++ {
		name, err := s.freeName(NewContainer{NameHint: hint})
		if err != nil {
			return "", err
		}
		err = s.RenameContainer(id, name)
		if err == nil || !errors.Is(err, ErrNameInUse) || try == raceTries {
			return name, err
		}
	}
}

// SetMetadata changes what is kept with a container.
func (s *Store) SetMetadata(id, metadata string) error {
	if err := s.raw.SetMetadata(id, metadata); err != nil {
		return fmt.Errorf("changing the metadata of container %q: %w", id, err)
	}
	return nil
}
