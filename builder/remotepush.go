package builder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/transfer"
)

// Learnt is a step to be written for other machines.
type Learnt struct {
	Key    buildcache.Key
	Entry  buildcache.Entry
	Layers int   // how many the step has put on top
	State  State // after it
	// Anew replaces what is at the place: the step was carried out. False is for one
	// that was known here.
	Anew bool
	// Result says that the image which is built stands on the step.
	Result bool
}

// wanting are the places that a step is to be written to.
func (c *RemoteCache) wanting(tag string, result bool) (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.written[tag] {
		return nil
	}
	for _, p := range c.targets {
		if result || !p.Place().ResultOnly {
			names = append(names, p.Place().String())
		}
	}
	return names
}

// Push begins to write a step to the places that it gives. What goes wrong is told by
// Close.
func (c *RemoteCache) Push(l Learnt) (places []string, err error) {
	tag := l.Key.Digest()
	if places = c.wanting(tag, l.Result); len(places) == 0 || l.Layers > 0 && l.State.absent != nil {
		return nil, nil // layers that are not here are at another place
	}
	a, err := c.artifact(l)
	if err != nil {
		return nil, fmt.Errorf("writing the step %.12s to the cache: %w", tag, err)
	}
	c.mu.Lock()
	c.written[tag] = true
	anew := l.Anew || c.rejected[tag]
	c.mu.Unlock()
	for _, p := range c.targets {
		if !l.Result && p.Place().ResultOnly {
			continue
		}
		c.begin(func(ctx context.Context) {
			c.slots <- struct{}{}
			defer func() { <-c.slots }()
			if c.failed(p) != nil {
				return
			}
			if err := put(ctx, p.CacheRepo, l.Key, a, anew); err != nil && ctx.Err() == nil {
				c.fail(p, err, "the cache %q is not written to any more: %v")
			}
		})
	}
	return places, nil
}

// artifact is a step in the words of a place.
func (c *RemoteCache) artifact(l Learnt) (a transfer.Artifact, err error) {
	e := l.Entry
	a = transfer.Artifact{Type: buildcache.ArtifactType, Created: e.Created}
	if a.Created.IsZero() {
		a.Created = time.Now()
	}
	e.Remote = &buildcache.Remote{}
	if !e.Virtual {
		e.Remote.Manifest = l.State.Manifest
	}
	if l.Layers == 0 {
		a.Text, err = buildcache.EncodeArtifact(l.Key, e)
		return a, err
	}
	chain, err := c.engine.Store.LayerChain(l.State.TopLayer)
	if err != nil {
		return a, err
	}
	diffIDs := l.State.Image.OCI.RootFS.DiffIDs
	if len(chain) != len(diffIDs) {
		return a, fmt.Errorf("the configuration names %d layers, but the store has %d", len(diffIDs), len(chain))
	}
	for i := len(chain) - l.Layers; i < len(chain); i++ {
		a.Layers = append(a.Layers, transfer.ArtifactLayer{ID: chain[i].ID, DiffID: diffIDs[i]})
		e.Remote.Layers = append(e.Remote.Layers, buildcache.RemoteLayer{DiffID: diffIDs[i]})
	}
	a.Text, err = buildcache.EncodeArtifact(l.Key, e)
	return a, err
}

// put writes a step, unless there is one that may stay.
func put(ctx context.Context, repo *transfer.CacheRepo, key buildcache.Key, a transfer.Artifact, anew bool) error {
	tag := key.Digest()
	if !anew {
		if _, err := find(ctx, repo, key, tag); err == nil {
			return nil
		}
	}
	return repo.Put(ctx, tag, a)
}

// Close waits until all is written. What could not be written is an error, unless the
// place takes that easily.
func (c *RemoteCache) Close() error {
	if c == nil {
		return nil
	}
	c.loads.Wait()
	var errs []error
	for _, p := range c.targets {
		if err := c.failed(p); err != nil && !p.Place().IgnoreErrors {
			errs = append(errs, fmt.Errorf("failed pushing cache to %q: %w", p.Place(), err))
		}
	}
	return errors.Join(errs...)
}
