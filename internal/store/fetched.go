package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// Fetch is the time in which an image comes into the store by the library, layer by
// layer. The caller ends it.
type Fetch struct {
	s     *Store
	lock  *os.File
	begun time.Time
}

// BeginFetch notes that layers will come that no image names yet. Whoever tidies up
// after a failed fetch leaves everything alone while others are under way.
func (s *Store) BeginFetch() (*Fetch, error) {
	dir := filepath.Join(s.RunRoot(), "buildah-locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("locking the store for a fetch: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "fetches"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the store for a fetch: %w", err)
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), unix.LOCK_SH) // held exclusively for moments only
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking the store for a fetch: %w", err), f.Close())
	}
	return &Fetch{s: s, lock: f, begun: time.Now()}, nil
}

// End ends a fetch that has succeeded.
func (f *Fetch) End() { f.lock.Close() }

// Abandon ends a fetch that has failed, and removes the layers which it has made of
// these blobs, unless something stands on them. They are good, but an image that would
// use them may never come.
func (f *Fetch) Abandon(blobs map[digest.Digest]bool) error {
	defer f.lock.Close()
	err := unix.Flock(int(f.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || len(blobs) == 0 {
		return nil // another one may have found them, and be about to name them
	}
	if err != nil {
		return fmt.Errorf("tidying up after a fetch: %w", err)
	}
	list, err := f.s.raw.Layers()
	if err != nil {
		return fmt.Errorf("listing layers: %w", err)
	}
	left := map[string]bool{}
	for i := range list {
		l := &list[i]
		if (blobs[l.CompressedDigest] || blobs[l.UncompressedDigest]) && !l.Created.Before(f.begun) && len(l.Names) == 0 {
			left[l.ID] = true
		}
	}
	for dropped := true; dropped; { // what stands on others goes first
		dropped = false
		for id := range left {
			settled, err := f.s.dropUnreferenced(id, func() bool { return f.s.claimedElsewhere(id, nil) })
			if err != nil {
				return err
			}
			if settled {
				delete(left, id)
				dropped = true
			}
		}
	}
	return nil
}
