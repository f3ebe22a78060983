package builder

import (
	"fmt"
	"slices"

	"github.com/projectatomic/buildah/internal/imageconfig"
)

// Of which images it is found out what stands on them.

func unnamed(i *ImageInfo) bool { return len(i.Names) == 0 }

func anyImage(*ImageInfo) bool { return true }

// findKin fills in which images stand on those that of chooses. An image stands on
// another when its layers continue those of the other, or, with the same layers, when
// its history continues the other's.
func (e *Engine) findKin(images []ImageInfo, of func(*ImageInfo) bool) error {
	candidates := map[string][]string{} // top layer -> IDs of the images that are looked at
	for i := range images {
		if img := &images[i]; img.TopLayer != "" && of(img) {
			candidates[img.TopLayer] = append(candidates[img.TopLayer], img.ID)
		}
	}
	if len(candidates) == 0 {
		return nil // it is so in most stores, and spares a look at all layers and configurations
	}
	below, err := e.Store.LayerParents()
	if err != nil {
		return fmt.Errorf("listing layers: %w", err)
	}
	k := kinship{engine: e, histories: map[string][]History{}, counts: map[string]int{}, parents: map[string]string{}}
	for i := range images {
		img := &images[i]
		// The nearest layer below that is the top of an image that this one continues.
		for layer := below[img.TopLayer]; layer != ""; layer = below[layer] {
			if k.count(img.ID, candidates[layer], true) {
				break
			}
		}
		k.count(img.ID, candidates[img.TopLayer], false) // nearer than any layer below
	}
	for i := range images {
		images[i].Children, images[i].Parent = k.counts[images[i].ID], k.parents[images[i].ID]
	}
	return nil
}

// kinship finds out which images continue which, by their histories. A
// configuration is only read when the layers leave it open.
type kinship struct {
	engine    *Engine
	histories map[string][]History // by image ID
	counts    map[string]int       // children by image ID
	parents   map[string]string    // the nearest, by image ID
}

// count counts child for those candidates whose history it continues, and tells
// whether there is one. Where a history is missing, the layers decide.
func (k *kinship) count(child string, candidates []string, layers bool) bool {
	nearest, length := "", -1
	for _, parent := range candidates {
		if parent == child {
			continue
		}
		long, short := k.history(child), k.history(parent)
		missing := len(long) == 0 || len(short) == 0
		if missing && layers || !missing && len(long) > len(short) && sameHistory(long[:len(short)], short) {
			k.counts[parent]++
			if len(short) > length {
				nearest, length = parent, len(short)
			}
		}
	}
	if nearest != "" {
		k.parents[child] = nearest
	}
	return nearest != ""
}

// history is nil for a damaged image: it has no kin that could be found.
func (k *kinship) history(id string) []History {
	if known, ok := k.histories[id]; ok {
		return known
	}
	var found []History
	if config, err := k.engine.Store.Config(id); err == nil {
		if parsed, err := imageconfig.Parse(config, ""); err == nil {
			found = parsed.OCI.History
		}
	}
	k.histories[id] = found
	return found
}

// sameHistory compares what the steps say and when they were done.
func sameHistory(a, b []History) bool {
	return slices.EqualFunc(a, b, func(x, y History) bool {
		if (x.Created == nil) != (y.Created == nil) || x.Created != nil && !x.Created.Equal(*y.Created) {
			return false
		}
		return x.CreatedBy == y.CreatedBy && x.Comment == y.Comment && x.Author == y.Author && x.EmptyLayer == y.EmptyLayer
	})
}
