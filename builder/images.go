package builder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/manifests"
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
	// Children is the number of images that stand on this one. It is only counted for
	// images without names, of which it tells whether they are needed, unless asked.
	Children int
	Parent   string // ID of the nearest of these images that this one stands on, and that is listed; or ""
	List     bool   // a manifest list
	Listed   bool   // a member of a manifest list that has a name
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
	Kin     bool     // Children and Parent of images with names too, which costs a look at all configurations
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
	of := unnamed
	if o.Kin {
		of = anyImage
	}
	all, err := e.imageInfos(of)
	if err != nil {
		return nil, err
	}
	var sizes store.ImageSizes
	if !o.NoSize {
		if sizes, err = e.Store.ImageSizes(); err != nil {
			return nil, err
		}
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
			if img.Size, err = sizes.Of(img.ID); err != nil {
				img.Size = -1
			}
		}
		list = append(list, img)
	}
	relink(list, all)
	return list, nil
}

// relink makes the parent of each image of a list the nearest one that is in it too.
func relink(list, all []ImageInfo) {
	parents, kept := map[string]string{}, map[string]bool{}
	for _, img := range all {
		parents[img.ID] = img.Parent
	}
	for _, img := range list {
		kept[img.ID] = true
	}
	for i := range list {
		img := &list[i]
		for range all { // at most: damaged images could go round in a ring
			if img.Parent == "" || kept[img.Parent] {
				break
			}
			img.Parent = parents[img.Parent]
		}
	}
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

// imageInfos gives every complete image, the newest first. What stands on an image is
// only found out for those that of chooses.
func (e *Engine) imageInfos(of func(*ImageInfo) bool) ([]ImageInfo, error) {
	infos, err := e.plainInfos()
	if err != nil {
		return nil, err
	}
	if err := e.findKin(infos, of); err != nil {
		return nil, err
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

// errListChanged is a list that is not what was pushed of it.
var errListChanged = errors.New("it was changed while it was pushed, and is kept: push it again")

// DropList removes a list that was pushed, with all its names, and leaves its members.
func (e *Engine) DropList(list string, pushed transfer.Pushed) error {
	id, err := e.listID(list)
	if err == nil {
		err = e.dropList(id, pushed)
	}
	if err != nil {
		return fmt.Errorf("removing list %q: %w", list, err)
	}
	return nil
}

func (e *Engine) dropList(id string, pushed transfer.Pushed) error {
	unlock, err := e.Store.LockList(id)
	if err != nil {
		return err
	}
	defer unlock()
	l, err := manifests.Load(e.Store, id)
	if err != nil {
		return err
	}
	now, err := l.Encode()
	if err != nil {
		return err
	}
	if pushed.Source != "" && digest.FromBytes(now) != pushed.Source {
		return errListChanged
	}
	return e.Store.DeleteImage(id, true)
}
