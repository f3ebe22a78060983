package store

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// again opens the store of another once more, as another process would.
func again(t *testing.T, s *Store) *Store {
	t.Helper()
	other, err := Open(Options{GraphRoot: s.GraphRoot(), RunRoot: s.RunRoot(), Driver: s.Driver()})
	must(t, err)
	return other
}

func anyway(Image) bool { return true }

// TestDeleteIdle: what another process works with stays, and only that.
func TestDeleteIdle(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	id, err := s.CreateImage(newImage("one"))
	must(t, err)
	other := again(t, s)
	if gone, err := other.DeleteIdle(id, anyway); gone || err != nil {
		t.Errorf("it was removed under its maker: %v, %v", gone, err)
	}
	if gone, err := s.DeleteIdle(id, func(Image) bool { return false }); gone || err != nil {
		t.Errorf("unwanted: %v, %v", gone, err)
	}
	must(t, s.Close())
	must(t, other.Pin(id))
	if gone, err := s.DeleteIdle(id, anyway); gone || err != nil {
		t.Errorf("it was removed under its user: %v, %v", gone, err)
	}
	if gone, err := other.DeleteIdle(id, anyway); !gone || err != nil {
		t.Errorf("own pins count for nothing: %v, %v", gone, err)
	}
	if gone, err := s.DeleteIdle(id, anyway); gone || err != nil {
		t.Errorf("what is gone: %v, %v", gone, err)
	}
	must(t, other.Close())
}

// TestDeadPins: those of a killed process do not count, and go.
func TestDeadPins(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	id, err := s.CreateImage(newImage("one"))
	must(t, err)
	must(t, s.pins.file.Close()) // as the kernel does
	other := again(t, s)
	if gone, err := other.DeleteIdle(id, anyway); !gone || err != nil {
		t.Errorf("%v, %v", gone, err)
	}
	left, err := filepath.Glob(filepath.Join(s.pinsDir(), "[^.]*"))
	if len(left) > 0 || err != nil {
		t.Errorf("left: %q, %v", left, err)
	}
}

// TestDeleteClaimed: a layer that somebody is about to use keeps its image.
func TestDeleteClaimed(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	layer, err := s.Raw().CreateLayer("", "", nil, "", false, nil)
	must(t, err)
	o := newImage("one")
	o.TopLayer = layer.ID
	id, err := s.CreateImage(o)
	must(t, err)
	must(t, s.Close())
	other := again(t, s)
	must(t, other.Claim(layer.ID))
	if gone, err := s.DeleteIdle(id, anyway); gone || err != nil {
		t.Errorf("%v, %v", gone, err)
	}
	other.Release(layer.ID)
	if gone, err := s.DeleteIdle(id, anyway); !gone || err != nil {
		t.Errorf("%v, %v", gone, err)
	}
}

// TestPinRace: whoever finds an image after pinning it keeps it.
func TestPinRace(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	for round := range 10 {
		id, err := s.CreateImage(newImage(fmt.Sprint(round)))
		must(t, err)
		must(t, s.Close())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				user := again(t, s)
				if err := user.Pin(id); err != nil {
					t.Error(err)
				}
				if _, err := user.Image(id); err == nil {
					if _, err := again(t, s).DeleteIdle(id, anyway); err != nil {
						t.Error(err)
					}
					if _, err := user.Image(id); err != nil {
						t.Errorf("it has gone: %v", err)
					}
				}
				if err := user.Close(); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if _, err := again(t, s).DeleteIdle(id, anyway); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	entries, err := os.ReadDir(s.pinsDir())
	if len(entries) != 1 || err != nil {
		t.Errorf("left: %v, %v", entries, err)
	}
}
