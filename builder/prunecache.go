package builder

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/store"
)

// CachePruneOptions adjusts [Engine.PruneBuildCache]. Where both are given both must
// hold for something to go.
type CachePruneOptions struct {
	Keep      int64         // bytes that may stay, of records and of layers that nothing else needs; zero: none
	OlderThan time.Duration // zero: also what was used a moment ago
}

// CachePruned tells what went away.
type CachePruned struct {
	Steps  int
	Images []string // IDs
	Bytes  int64    // of records, and of layers as they were noted
}

// PruneBuildCache forgets steps, those that were used the longest ago first, and
// removes the images that nothing but the cache has kept. What has a name stays, and
// so does what a container stands on or what a build goes on from at this time.
func (e *Engine) PruneBuildCache(ctx context.Context, o CachePruneOptions) (CachePruned, error) {
	if err := e.sweepAbandoned(); err != nil {
		return CachePruned{}, err
	}
	all, err := e.plainInfos()
	if err != nil {
		return CachePruned{}, err
	}
	items, err := e.BuildCache().Items()
	if err != nil {
		return CachePruned{}, err
	}
	h, err := e.holdings(items, all)
	if err != nil {
		return CachePruned{}, err
	}
	p := eviction{engine: e, holdings: h, left: map[string][]buildcache.Item{}}
	err = p.evict(ctx, h.oldestFirst(items), o)
	return p.result, err
}

// eviction is one pruning of the cache.
type eviction struct {
	*holdings
	engine *Engine
	left   map[string][]buildcache.Item // by image: its records that are to go
	result CachePruned
}

// aged is a record with the time that it was last of use.
type aged struct {
	buildcache.Item
	used  time.Time
	depth int // layers
}

// oldestFirst puts the records in the order in which they go. A step is as young as
// the youngest of those on top of its layer, as nothing leads to these without it,
// and goes after them.
func (h *holdings) oldestFirst(items []buildcache.Item) []aged {
	youngest := map[string]time.Time{}
	for _, i := range items {
		h.each(i.Layer, func(l store.Layer) {
			if i.Used.After(youngest[l.ID]) {
				youngest[l.ID] = i.Used
			}
		})
	}
	list := make([]aged, 0, len(items))
	for _, i := range items {
		a := aged{Item: i, used: i.Used}
		if t := youngest[i.Layer]; t.After(a.used) {
			a.used = t
		}
		h.each(i.Layer, func(store.Layer) { a.depth++ })
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b aged) int {
		return cmp.Or(a.used.Compare(b.used), cmp.Compare(b.depth, a.depth), b.Used.Compare(a.Used))
	})
	return list
}

// evict removes records until what is left is small enough, or young enough.
func (p *eviction) evict(ctx context.Context, list []aged, o CachePruneOptions) error {
	records := map[string]int{}
	total := int64(0)
	for _, i := range list {
		total += i.Size
		records[i.Image]++
	}
	for id := range p.count {
		if !p.others[id] {
			total += p.layers[id].Size
		}
	}
	limit := time.Now().Add(-o.OlderThan)
	var errs []error
	for _, i := range list {
		if ctx.Err() != nil || o.Keep > 0 && total <= o.Keep || o.OlderThan > 0 && i.used.After(limit) {
			break
		}
		freed, err := p.one(i.Item, records)
		total -= freed
		errs = append(errs, err)
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// one removes a record; with the last one of an image, all of them and the image.
func (p *eviction) one(i buildcache.Item, records map[string]int) (freed int64, err error) {
	if !p.cached[i.Image] {
		return p.forget(i)
	}
	left := append(p.left[i.Image], i)
	if p.left[i.Image] = left; len(left) < records[i.Image] {
		return 0, nil
	}
	var forgetting error
	gone, err := p.engine.Store.DeleteIdle(i.Image, func(now store.Image) bool {
		if len(now.Names) > 0 {
			return false
		}
		freed, forgetting = p.forget(left...)
		return freed > 0
	})
	if gone {
		p.result.Images = append(p.result.Images, i.Image)
		p.each(p.tops[i.Image], func(l store.Layer) {
			if p.count[l.ID]--; p.count[l.ID] == 0 && !p.others[l.ID] {
				freed += l.Size
				p.result.Bytes += l.Size
			}
		})
	}
	return freed, errors.Join(err, forgetting)
}

// forget removes records, unless one of them was used meanwhile.
func (p *eviction) forget(items ...buildcache.Item) (freed int64, err error) {
	removed, err := p.engine.BuildCache().Remove(items...)
	if err != nil || !removed {
		return 0, err
	}
	for _, i := range items {
		freed += i.Size
		if i.Step {
			p.result.Steps++
		}
	}
	p.result.Bytes += freed
	return freed, nil
}
