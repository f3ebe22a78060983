package builder

import "fmt"

// Keep hands a container that only the interpreter knows over to the user: it gets a
// record, and hint or the first free of hint-1, hint-2, ... as its name. A container
// that is the user's already keeps its name.
//
// The owner's mark goes last, so that whoever finds the container after this
// process was killed in between removes it.
func (b *Builder) Keep(hint string) error {
	if !b.owned {
		return b.Save()
	}
	name, err := b.engine.Store.NameContainer(b.ID(), hint)
	if err != nil {
		return fmt.Errorf("keeping container %q: %w", b.Name(), err)
	}
	b.record.Container, b.owned = name, false
	if err := b.Save(); err != nil {
		return err
	}
	if err := b.engine.Store.SetMetadata(b.ID(), ""); err != nil {
		return fmt.Errorf("keeping container %q: %w", b.Name(), err)
	}
	return nil
}
