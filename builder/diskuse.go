package builder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/store"
)

// BuildCache is what steps have come to in this store.
func (e *Engine) BuildCache() *buildcache.Cache { return buildcache.Open(e.Store.GraphRoot()) }

// cachedImages are those that only the build cache keeps: without a name, without a
// container, in no list, and what a step has come to.
func (e *Engine) cachedImages(all []ImageInfo) (map[string]bool, error) {
	items, err := e.BuildCache().Items()
	if err != nil {
		return nil, err
	}
	return e.keptOnlyBy(items, all)
}

func (e *Engine) keptOnlyBy(items []buildcache.Item, all []ImageInfo) (map[string]bool, error) {
	containers, err := e.Store.Containers()
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	used := map[string]bool{}
	for _, c := range containers {
		used[c.ImageID] = true
	}
	results := map[string]bool{}
	for _, i := range items {
		results[i.Image] = true
	}
	kept := map[string]bool{}
	for _, img := range all {
		if results[img.ID] && len(img.Names) == 0 && !img.ReadOnly && !img.Listed && !used[img.ID] {
			kept[img.ID] = true
		}
	}
	return kept, nil
}

// holdings tells what each layer of the store is there for.
type holdings struct {
	layers map[string]store.Layer
	cached map[string]bool   // IDs of images that only the cache keeps
	tops   map[string]string // their top layers
	others map[string]bool   // layers of other images, and those that containers stand on
	count  map[string]int    // of the images in cached that stand on a layer
}

// holdings looks at the records only: sizes are those that were noted.
func (e *Engine) holdings(items []buildcache.Item, all []ImageInfo) (*holdings, error) {
	h := &holdings{tops: map[string]string{}, others: map[string]bool{}, count: map[string]int{}}
	var err error
	if h.layers, err = e.Store.Layers(); err != nil {
		return nil, err
	}
	if h.cached, err = e.keptOnlyBy(items, all); err != nil {
		return nil, err
	}
	for _, img := range all {
		if !h.cached[img.ID] {
			h.protect(img.TopLayer)
			continue
		}
		h.tops[img.ID] = img.TopLayer
		h.each(img.TopLayer, func(l store.Layer) { h.count[l.ID]++ })
	}
	containers, err := e.Store.Containers()
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	for _, c := range containers {
		h.protect(h.layers[c.LayerID].Parent)
	}
	return h, nil
}

// each goes down from a layer.
func (h *holdings) each(top string, do func(store.Layer)) {
	for l, ok := h.layers[top]; ok; l, ok = h.layers[l.Parent] {
		do(l)
	}
}

func (h *holdings) protect(top string) {
	for l, ok := h.layers[top]; ok && !h.others[l.ID]; l, ok = h.layers[l.Parent] {
		h.others[l.ID] = true
	}
}

// DiskUse is what one class of things takes.
type DiskUse struct {
	Number int
	Bytes  int64
	Least  bool // it is more than Bytes: there are too many files to look at each time
}

// DiskUses tells what takes the space, class by class. The sizes of layers are those
// that were noted when they were made, and none is counted twice.
type DiskUses struct {
	Images      DiskUse // that something other than the cache keeps; the layers that they and containers stand on
	Containers  DiskUse // what they have changed
	CacheSteps  DiskUse // records of steps, and notes beside them
	CacheImages DiskUse // that only the cache keeps, with the layers that are nobody else's
	SourceIndex DiskUse // what is known of source files, by tree
	CacheMounts DiskUse // what RUN --mount=type=cache has kept
}

// DiskUses looks at records, at the files of the cache and, as nobody notes these, at
// a bounded number of files of containers and cache mounts.
func (e *Engine) DiskUses() (DiskUses, error) {
	var d DiskUses
	all, err := e.plainInfos()
	if err != nil {
		return d, err
	}
	items, err := e.BuildCache().Items()
	if err != nil {
		return d, err
	}
	h, err := e.holdings(items, all)
	if err != nil {
		return d, err
	}
	for id, l := range h.layers {
		switch {
		case h.others[id]:
			d.Images.Bytes += l.Size
		case h.count[id] > 0:
			d.CacheImages.Bytes += l.Size
		}
	}
	d.CacheImages.Number = len(h.cached)
	d.Images.Number = len(all) - len(h.cached)
	for _, i := range items {
		use := &d.CacheSteps
		if i.Source {
			use = &d.SourceIndex
		}
		if use.Bytes += i.Size; i.Step || i.Source {
			use.Number++
		}
	}
	err = e.measureFiles(&d)
	return d, err
}

// measureFiles looks at what no record tells.
func (e *Engine) measureFiles(d *DiskUses) error {
	containers, err := e.Store.Containers()
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	m := meter{left: measured}
	d.Containers.Number = len(containers)
	for _, c := range containers {
		switch driver := e.Store.Driver(); driver {
		case "overlay":
			m.add(&d.Containers, filepath.Join(e.Store.GraphRoot(), driver, c.LayerID, "diff"))
		case "vfs":
			m.add(&d.Containers, filepath.Join(e.Store.GraphRoot(), driver, "dir", c.LayerID))
		}
	}
	caches, err := os.ReadDir(e.cacheRoot())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("listing cache mounts: %w", err)
	}
	for _, dir := range caches {
		if dir.Name() != cacheLocks {
			d.CacheMounts.Number++
			m.add(&d.CacheMounts, filepath.Join(e.cacheRoot(), dir.Name()))
		}
	}
	return nil
}

// measured is the number of files that are looked at: some tenths of a second.
const measured = 50_000

// meter adds up files until it has seen enough of them.
type meter struct{ left int }

func (m *meter) add(d *DiskUse, dir string) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error { // what vanishes takes nothing
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		if m.left--; m.left < 0 {
			d.Least = true
			return fs.SkipAll
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		if st, ok := info.Sys().(*unixStat); ok {
			d.Bytes += st.Blocks * 512
		}
		return nil
	})
}
