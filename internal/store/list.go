package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/storage"
)

const (
	// listInstances is the item of a list that tells where its members are.
	listInstances = "instances.json"
	// listArtifacts is the item of a list that tells of what its artifacts were made.
	listArtifacts = "artifacts.json"
)

// IsList tells an index or manifest list from an image.
func (i *Image) IsList() bool {
	if i.TopLayer != "" {
		return false
	}
	for _, key := range i.BigData {
		if key == listInstances {
			return true
		}
	}
	return false
}

// NewListID makes up the ID of a list: what a list is called does not depend on
// what is in it.
func NewListID() string {
	var id [32]byte
	_, _ = rand.Read(id[:]) // it never fails
	return hex.EncodeToString(id[:])
}

// ListItems are the items of a list's record.
type ListItems struct {
	Manifest  []byte
	Instances []byte
	Artifacts []byte // nil: there is no such item
}

// CreateList writes the record of a list and moves the names to it. Killed at any
// instruction this leaves at worst a record without a name, which prune removes.
func (s *Store) CreateList(id string, items ListItems, names ...string) error {
	d, err := manifest.Digest(items.Manifest)
	if err != nil {
		return fmt.Errorf("writing list %q: %w", id, err)
	}
	_, err = s.raw.CreateImage(id, nil, "", "", &storage.ImageOptions{BigData: []storage.ImageBigDataOption{
		{Key: listInstances, Data: items.Instances, Digest: digest.FromBytes(items.Instances)},
		{Key: manifestKey, Data: items.Manifest, Digest: d}, // the last: without it, the record is torn
	}})
	if err != nil {
		return fmt.Errorf("writing list %q: %w", id, err)
	}
	if len(names) == 0 {
		return nil
	}
	if err := s.AddImageName(id, names...); err != nil {
		return errors.Join(err, s.DeleteImage(id, true))
	}
	return nil
}

// WriteList replaces the items of a list. The caller holds [Store.LockList]. The
// instances go first and tell at least of all members that the old or the new
// manifest has: a process killed between the two leaves a list that can be read.
func (s *Store) WriteList(id string, items ListItems) error {
	for _, item := range []struct {
		key  string
		data []byte
	}{{listInstances, items.Instances}, {listArtifacts, items.Artifacts}, {manifestKey, items.Manifest}} {
		if item.data == nil {
			continue
		}
		if err := s.raw.SetImageBigData(id, item.key, item.data, manifest.Digest); err != nil {
			return fmt.Errorf("writing item %q of list %q: %w", item.key, id, err)
		}
	}
	return nil
}

// ListItems reads the items of a list.
func (s *Store) ListItems(id string) (ListItems, error) {
	var items ListItems
	var err error
	if items.Manifest, err = s.ImageBigData(id, manifestKey); err != nil {
		return items, err
	}
	if items.Instances, err = s.ImageBigData(id, listInstances); err != nil {
		return items, err
	}
	items.Artifacts, err = s.ImageBigData(id, listArtifacts)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return items, err
}

// ListDirectory is a directory of a list's own, which goes away with it.
func (s *Store) ListDirectory(id string) (string, error) {
	dir, err := s.raw.ImageDirectory(id)
	if err != nil {
		return "", fmt.Errorf("finding the directory of list %q: %w", id, err)
	}
	return dir, nil
}

// LockList holds the lock of a list, the one that other tools take as well, until
// unlock is called. key is its ID, or the name of one that is to be made.
func (s *Store) LockList(key string) (unlock func(), err error) {
	d := digest.NewDigestFromEncoded(digest.Canonical, key)
	if d.Validate() != nil {
		d = digest.FromString(key)
	}
	lock, err := s.raw.GetDigestLock(d)
	if err != nil {
		return nil, fmt.Errorf("locking list %q: %w", key, err)
	}
	lock.Lock()
	return lock.Unlock, nil
}
