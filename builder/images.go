package builder

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
)

// ImageInfo is one image of the store as listings show it.
type ImageInfo struct {
	ID           string
	Names        []string
	NamesHistory []string
	Digest       digest.Digest
	Digests      []digest.Digest
	TopLayer     string
	Created      time.Time
	Size         int64 // bytes of its layers and of its configuration; -1 when a layer is missing
	ReadOnly     bool
	// Children is the number of images that stand on this one.
	Children int
	List     bool // a manifest list
	Listed   bool // a member of a manifest list that has a name
}

// Dangling tells whether nothing refers to the image.
func (i *ImageInfo) Dangling() bool { return len(i.Names) == 0 && i.Children == 0 && !i.Listed }

// Intermediate tells whether the image is only there for another that stands on it.
func (i *ImageInfo) Intermediate() bool { return len(i.Names) == 0 && i.Children > 0 }

// ListOptions adjusts [Engine.ListImages].
type ListOptions struct {
	All     bool     // intermediate images too
	Image   string   // only this one
	Filters []string // key=value or key!=value, all of them must hold
	NoSize  bool     // Size stays 0: it costs a look at every layer
}

// ListImages lists the images of the store, the newest first.
func (e *Engine) ListImages(_ context.Context, o ListOptions) ([]ImageInfo, error) {
	wanted, err := e.wantedImages(o)
	if err != nil {
		return nil, err
	}
	only, err := shownNames(o.Filters)
	if err != nil {
		return nil, err
	}
	all, err := e.imageInfos()
	if err != nil {
		return nil, err
	}
	var list []ImageInfo
	for _, img := range all {
		ok, err := wanted(img)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		img.Names = only(img.Names)
		if !o.NoSize {
			if img.Size, err = e.Store.ImageSize(img.ID); err != nil {
				img.Size = -1
			}
		}
		list = append(list, img)
	}
	return list, nil
}

// wantedImages makes one test of all that a listing asks for.
func (e *Engine) wantedImages(o ListOptions) (imagePredicate, error) {
	filters, err := parseImageFilters(o.Filters)
	if err != nil {
		return nil, err
	}
	matches, err := e.imageFilter(filters)
	if err != nil {
		return nil, err
	}
	if o.Image != "" {
		found, _, err := e.Images.Lookup(o.Image, transfer.LookupOptions{Lists: true})
		if err != nil {
			return nil, err
		}
		return func(i ImageInfo) (bool, error) {
			if i.ID != found.ID {
				return false, nil
			}
			return matches(i)
		}, nil
	}
	intermediate := o.All || filters.mentions("intermediate")
	return func(i ImageInfo) (bool, error) {
		if !intermediate && i.Intermediate() {
			return false, nil
		}
		return matches(i)
	}, nil
}

// imageInfos gives every complete image, the newest first, with what stands on what.
func (e *Engine) imageInfos() ([]ImageInfo, error) {
	infos, err := e.plainInfos()
	if err != nil {
		return nil, err
	}
	parents, err := e.Store.LayerParents()
	if err != nil {
		return nil, fmt.Errorf("listing layers: %w", err)
	}
	children := e.childCounts(infos, parents)
	for i := range infos {
		infos[i].Children = children[infos[i].ID]
	}
	slices.SortStableFunc(infos, func(a, b ImageInfo) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	return infos, nil
}

// plainInfos gives every complete image, without what stands on what.
func (e *Engine) plainInfos() ([]ImageInfo, error) {
	images, err := e.Store.Images()
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	infos := make([]ImageInfo, 0, len(images))
	for _, img := range images {
		infos = append(infos, infoOf(img))
	}
	listed := e.listed(infos)
	for i := range infos {
		infos[i].Listed = slices.ContainsFunc(infos[i].Digests, func(d digest.Digest) bool { return listed[d] })
	}
	return infos, nil
}

func infoOf(img store.Image) ImageInfo {
	return ImageInfo{
		ID: img.ID, Names: img.Names, NamesHistory: img.NamesHistory, Digest: img.Digest, Digests: img.Digests,
		TopLayer: img.TopLayer, Created: img.Created, ReadOnly: img.ReadOnly,
		List: img.IsList(),
	}
}

// childCounts tells how many images stand on each image. An image stands on
// another when its layers continue those of the other, or, with the same layers,
// when its history continues the other's.
func (e *Engine) childCounts(images []ImageInfo, parents map[string]string) map[string]int {
	byLayer := map[string][]string{} // top layer -> image IDs
	for _, img := range images {
		if img.TopLayer != "" {
			byLayer[img.TopLayer] = append(byLayer[img.TopLayer], img.ID)
		}
	}
	k := kinship{engine: e, histories: map[string][]History{}, counts: map[string]int{}}
	for _, img := range images {
		// The nearest layer below that is the top of an image that this one continues.
		for layer := parents[img.TopLayer]; layer != ""; layer = parents[layer] {
			if k.count(img.ID, byLayer[layer], true) {
				break
			}
		}
	}
	for _, ids := range byLayer {
		for _, id := range ids {
			k.count(id, ids, false)
		}
	}
	return k.counts
}

// kinship finds out which images continue which, by their histories. A
// configuration is only read when the layers leave it open.
type kinship struct {
	engine    *Engine
	histories map[string][]History // by image ID
	counts    map[string]int       // children by image ID
}

// count counts child for those candidates whose history it continues, and tells
// whether there is one. Where a history is missing, the layers decide.
func (k *kinship) count(child string, candidates []string, layers bool) bool {
	found := false
	for _, parent := range candidates {
		if parent == child {
			continue
		}
		long, short := k.history(child), k.history(parent)
		missing := len(long) == 0 || len(short) == 0
		if missing && layers || !missing && len(long) > len(short) && sameHistory(long[:len(short)], short) {
			k.counts[parent]++
			found = true
		}
	}
	return found
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

// Tag gives further names to an image or a manifest list; whoever had them loses them.
func (e *Engine) Tag(image string, names []string) error {
	found, _, err := e.Images.Lookup(image, transfer.LookupOptions{Lists: true})
	if err != nil {
		return fmt.Errorf("tagging: %w", err)
	}
	full := make([]string, len(names))
	for i, name := range names {
		if strings.Contains(name, "@") {
			return fmt.Errorf("tagging %q: a tag cannot have a digest: %q", image, name)
		}
		if full[i], err = e.Images.NormalizeTag(name); err != nil {
			return fmt.Errorf("tagging %q: %w", image, err)
		}
	}
	if err := e.Store.AddImageName(found.ID, full...); err != nil {
		return fmt.Errorf("tagging %q: %w", image, err)
	}
	return nil
}

// Pull fetches an image into the store.
func (e *Engine) Pull(ctx context.Context, image string, o transfer.PullOptions) (transfer.Pulled, error) {
	return e.Images.Pull(ctx, image, o)
}

// Push copies an image or a list of the store to dest, a reference of any transport
// that can be written; without a transport it is a registry's. isList tells which
// of the two the name stands for.
func (e *Engine) Push(ctx context.Context, image, dest string, o transfer.PushOptions) (p transfer.Pushed, isList bool, err error) {
	if dest == "" {
		dest = image
	}
	img, _, err := e.Images.Lookup(image, transfer.LookupOptions{Lists: true})
	if err != nil {
		return transfer.Pushed{}, false, fmt.Errorf("pushing %q: %w", image, err)
	}
	if !img.IsList() || o.List.Members == transfer.MembersFit && e.Images.CheckListDestination(dest) != nil {
		p, err = e.Images.Push(ctx, image, dest, o)
		return p, img.IsList(), err
	}
	p, err = e.PushList(ctx, image, dest, o)
	return p, true, err
}

// DropList removes a list that was pushed, with all its names, and leaves its members.
func (e *Engine) DropList(list string) error {
	id, err := e.listID(list)
	if err == nil {
		err = e.Store.DeleteImage(id, true)
	}
	if err != nil {
		return fmt.Errorf("removing list %q: %w", list, err)
	}
	return nil
}
