package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Claim notes that this process is about to make a layer, or to use one that is
// there, and will name it in a container or an image. Until then nothing refers to
// the layer, and a kill would leave it for ever: [Store.DropUnclaimed] finds the
// note. [Store.Release] and [Store.CreateImage] end the claim.
func (s *Store) Claim(layerID string) error {
	f, err := newToken(s.claimsDir(), layerID+"-")
	if err != nil {
		return fmt.Errorf("claiming layer %q: %w", layerID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims[layerID] = append(s.claims[layerID], f)
	return nil
}

// Release ends one claim, if there is any.
func (s *Store) Release(layerID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.claims[layerID]
	if len(held) == 0 {
		return
	}
	last := len(held) - 1
	_ = held[last].end()
	if s.claims[layerID] = held[:last]; last == 0 {
		delete(s.claims, layerID)
	}
}

func (s *Store) claimsDir() string { return filepath.Join(s.GraphRoot(), "buildah-claims") }

// token is a file that its owner holds a lock on for as long as it lives.
type token struct {
	*os.File
	path string // where others see it
}

func (t token) end() error { return errors.Join(os.Remove(t.path), t.Close()) }

// newToken makes a file in dir. It is locked before others can see it.
func newToken(dir, prefix string) (token, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return token{}, err
	}
	f, err := os.CreateTemp(filepath.Dir(dir), ".token-")
	if err != nil {
		return token{}, err
	}
	t := token{File: f, path: filepath.Join(dir, prefix+strings.TrimPrefix(filepath.Base(f.Name()), ".token-"))}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	if err == nil {
		err = os.Rename(f.Name(), t.path)
	}
	if err != nil {
		return token{}, errors.Join(err, os.Remove(f.Name()), f.Close())
	}
	return t, nil
}

// takeDead opens a token whose owner is gone; nil when it lives, or when somebody
// else has just removed it. The caller ends it.
func takeDead(path string) (*token, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // that there is none is the answer
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	alive := errors.Is(err, unix.EWOULDBLOCK)
	if err == nil {
		err = unix.Fstat(int(f.Fd()), &st)
	}
	if alive || err != nil || st.Nlink == 0 {
		f.Close()
		if alive {
			err = nil
		}
		return nil, err
	}
	return &token{File: f, path: path}, nil
}

// DropUnclaimed removes the layers that killed processes had claimed, unless
// something stands on them or a living process has claimed them too.
func (s *Store) DropUnclaimed() error {
	dead, err := s.deadClaims()
	// What has children goes after them, and keeps its claims if they stay.
	for dropped := true; dropped; {
		dropped = false
		for layer, tokens := range dead {
			settled, dropErr := s.dropUnreferenced(layer, func() bool { return s.claimedElsewhere(layer, tokens) })
			if err = errors.Join(err, dropErr); !settled {
				continue
			}
			for _, t := range tokens {
				err = errors.Join(err, t.end())
			}
			delete(dead, layer)
			dropped = true
		}
	}
	for _, tokens := range dead {
		for _, t := range tokens {
			t.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("removing the layers of killed processes: %w", err)
	}
	return nil
}

// deadClaims takes the claims of processes that are gone, by layer.
func (s *Store) deadClaims() (map[string][]*token, error) {
	entries, err := os.ReadDir(s.claimsDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	dead := map[string][]*token{}
	for _, e := range entries {
		t, openErr := takeDead(filepath.Join(s.claimsDir(), e.Name()))
		if err = errors.Join(err, openErr); t != nil {
			layer := layerOfClaim(e.Name())
			dead[layer] = append(dead[layer], t)
		}
	}
	return dead, err
}

func layerOfClaim(name string) string {
	layer, _, _ := strings.Cut(name, "-")
	return layer
}

// claimedElsewhere tells whether there are other claims of a layer than those
// taken. It is asked under the lock of the layer: whoever claims it after that
// does not find the layer any more.
func (s *Store) claimedElsewhere(layer string, taken []*token) bool {
	entries, err := os.ReadDir(s.claimsDir())
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	n := 0
	for _, e := range entries {
		if layerOfClaim(e.Name()) == layer {
			n++
		}
	}
	return n > len(taken)
}

// releaseChain ends a claim of each layer that an image now stands on.
func (s *Store) releaseChain(top string) {
	for id := top; id != ""; {
		s.Release(id)
		l, err := s.raw.Layer(id)
		if err != nil {
			return
		}
		id = l.Parent
	}
}
