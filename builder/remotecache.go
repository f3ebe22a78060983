package builder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/transfer"
)

// CachePlace is where steps are looked for or written to.
type CachePlace = transfer.CachePlace

// RemoteCacheOptions say which steps of other machines are known to a build.
type RemoteCacheOptions struct {
	From, To    []CachePlace // steps are looked for in this order, and written to all of these
	Registry    Registry
	Compression transfer.Compression // of layers that are written, where the place says nothing of it
}

// RemoteCache is what several machines know of steps together. Whatever is wrong
// with a place, the build goes on without it: its steps are then not known.
type RemoteCache struct {
	engine  *Engine
	sources []*cachePlace
	targets []*cachePlace

	mu       sync.Mutex
	rejected map[string]bool // keys whose steps could not be used
	written  map[string]bool // keys that this build has written, or is about to
	loads    sync.WaitGroup
	slots    chan struct{}                    // of steps that are written at once
	begin    func(work func(context.Context)) // with the context of the build
}

// cachePlace is a place, and what went wrong with it.
type cachePlace struct {
	*transfer.CacheRepo
	broken error
}

// parallelUploads is how many steps are written at once to all places.
const parallelUploads = 4

// OpenRemoteCache prepares places; none is contacted yet. What is written is written
// while the build goes on, until Close.
func (e *Engine) OpenRemoteCache(ctx context.Context, o RemoteCacheOptions) (*RemoteCache, error) {
	c := &RemoteCache{
		engine: e, rejected: map[string]bool{}, written: map[string]bool{},
		slots: make(chan struct{}, parallelUploads),
	}
	for _, place := range o.From {
		c.sources = append(c.sources, &cachePlace{CacheRepo: e.Images.CacheRepo(place, o.Registry, transfer.Compression{})})
	}
	for _, place := range o.To {
		repo := e.Images.CacheRepo(place, o.Registry, o.Compression)
		if err := repo.Check(); err != nil {
			return nil, fmt.Errorf("writing the cache to %q: %w", place, err)
		}
		c.targets = append(c.targets, &cachePlace{CacheRepo: repo})
	}
	c.begin = func(work func(context.Context)) { c.loads.Go(func() { work(ctx) }) }
	return c, nil
}

// Find looks a step up that is not known here. The place is "" when it is known
// nowhere.
func (c *RemoteCache) Find(ctx context.Context, key buildcache.Key) (e buildcache.Entry, place string) {
	tag := key.Digest()
	if c == nil || len(c.sources) == 0 || c.isRejected(tag) {
		return e, ""
	}
	for _, p := range c.sources {
		if c.failed(p) != nil {
			continue
		}
		e, err := find(ctx, p.CacheRepo, key, tag)
		switch {
		case err == nil:
			return e, p.Place().String()
		case errors.Is(err, transfer.ErrNoArtifact) || ctx.Err() != nil:
		case errors.Is(err, transfer.ErrBadArtifact):
			c.engine.warn("not taking the step %.12s from the cache %q: %v", tag, p.Place(), err)
		default:
			c.fail(p, err, "going on without the cache %q: %v")
		}
	}
	return e, ""
}

// find reads a step, and checks that it is the one that is looked for.
func find(ctx context.Context, repo *transfer.CacheRepo, key buildcache.Key, tag string) (buildcache.Entry, error) {
	a, err := repo.Get(ctx, tag)
	if err != nil {
		return buildcache.Entry{}, err
	}
	e, err := buildcache.DecodeArtifact(key, a.Text)
	switch {
	case a.Type != buildcache.ArtifactType:
		err = fmt.Errorf("its type is %q", a.Type)
	case err == nil && len(a.Layers) != len(e.Remote.Layers):
		err = fmt.Errorf("it has %d layers, and speaks of %d", len(a.Layers), len(e.Remote.Layers))
	}
	if err != nil {
		return e, fmt.Errorf("%w: %w", transfer.ErrBadArtifact, err)
	}
	e.Created, e.Remote.Place = a.Created, repo.Place().String()
	for i, l := range a.Layers {
		to := &e.Remote.Layers[i]
		to.Digest, to.Size, to.MediaType = l.Digest, l.Size, l.MediaType
	}
	return e, nil
}

// Reject makes a step unknown whose layers cannot be had.
func (c *RemoteCache) Reject(lost *LostLayerError) {
	if c == nil {
		return
	}
	c.engine.warn("%v: the build begins again without it", lost)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejected[lost.Key] = true
	delete(c.written, lost.Key)
}

func (c *RemoteCache) isRejected(key string) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rejected[key]
}

// repo is the place of that name, nil unless steps are looked for there.
func (c *RemoteCache) repo(place string) *transfer.CacheRepo {
	if c == nil {
		return nil
	}
	at := slices.IndexFunc(c.sources, func(p *cachePlace) bool { return p.Place().String() == place })
	if at < 0 || c.failed(c.sources[at]) != nil {
		return nil
	}
	return c.sources[at].CacheRepo
}

// fail gives a place up, and says so once.
func (c *RemoteCache) fail(p *cachePlace, err error, format string) {
	c.mu.Lock()
	first := p.broken == nil
	if first {
		p.broken = err
	}
	c.mu.Unlock()
	if first {
		c.engine.warn(format, p.Place(), err)
	}
}

func (c *RemoteCache) failed(p *cachePlace) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return p.broken
}
