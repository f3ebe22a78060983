package manifests

import (
	"errors"
	"fmt"

	"github.com/projectatomic/buildah/internal/store"
)

// Create makes a list with names, which are taken from whatever had them, and
// gives its ID.
func Create(st *store.Store, l List, names ...string) (string, error) {
	id := store.NewListID()
	items, err := l.items(id, nil)
	if err != nil {
		return "", err
	}
	return id, st.CreateList(id, items, names...)
}

// Load reads a list of the store.
func Load(st *store.Store, id string) (List, error) {
	img, err := st.Image(id)
	if err != nil {
		return List{}, err
	}
	if !img.IsList() {
		return List{}, fmt.Errorf("reading list %q: %w", id, ErrNotList)
	}
	items, err := st.ListItems(img.ID)
	if err != nil {
		return List{}, err
	}
	l, err := Parse(items.Manifest)
	if err == nil {
		err = l.locate(items.Instances)
	}
	if err == nil {
		err = l.nameFiles(items.Artifacts)
	}
	if err != nil {
		return List{}, fmt.Errorf("reading list %q: %w", id, err)
	}
	return l, nil
}

// Change reads a list, lets edit change it and writes it back, while nobody else
// can do the same. An error of edit leaves the list as it is.
func Change(st *store.Store, id string, edit func(*List) error) error {
	unlock, err := st.LockList(id)
	if err != nil {
		return err
	}
	defer unlock()
	l, err := Load(st, id)
	if err != nil {
		return err
	}
	known := l.locations()
	if err := edit(&l); err != nil {
		return err
	}
	items, err := l.items(id, known)
	if err != nil {
		return errors.Join(err, sweepArtifacts(st, id, l.locations(), known))
	}
	if err := st.WriteList(id, items); err != nil {
		return err
	}
	return sweepArtifacts(st, id, known, l.locations())
}

// items are what the record says. before are the places of members that it had.
func (l *List) items(id string, before map[string]string) (items store.ListItems, err error) {
	if err := l.sayable(); err != nil {
		return items, err
	}
	if items.Manifest, err = l.Encode(); err != nil {
		return items, err
	}
	if items.Artifacts, err = l.fileNames(); err != nil {
		return items, err
	}
	items.Instances, err = l.places(id, before)
	return items, err
}
