package builder

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/manifests"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
)

// AddToListOptions adjusts [Engine.AddToList].
type AddToListOptions struct {
	// Renew takes images of this store for the same platforms out of the list:
	// those that an earlier build has put there.
	Renew bool
}

// AddToList adds images of the store to a list of the store, which is made where
// it is missing, and gives the ID of the list. Either all of them are in it
// afterwards or the list is as it was.
func (e *Engine) AddToList(list string, images []string, o AddToListOptions) (string, error) {
	entries, err := e.listEntries(images)
	if err != nil {
		return "", fmt.Errorf("adding to list %q: %w", list, err)
	}
	name, err := e.Images.NormalizeNew(list)
	if err != nil {
		return "", err
	}
	// Nobody else makes a list of that name meanwhile.
	unlock, err := e.Store.LockList(name)
	if err != nil {
		return "", err
	}
	defer unlock()
	id, err := e.findList(list, name)
	if errors.Is(err, store.ErrImageUnknown) {
		return manifests.Create(e.Store, manifests.List{Entries: entries}, name)
	}
	if err != nil {
		return "", fmt.Errorf("adding to list %q: %w", list, err)
	}
	return id, manifests.Change(e.Store, id, func(l *manifests.List) error {
		for _, entry := range entries {
			if o.Renew {
				l.RemovePlatform(*entry.Platform, e.outdated(entries))
			}
			l.Add(entry)
		}
		return nil
	})
}

// checkList finds out before the work whether its result can be in a list.
func (e *Engine) checkList(d Destination, list string) error {
	if list == "" {
		return nil
	}
	full, err := e.Images.NormalizeNew(list)
	switch {
	case err != nil:
		return err
	case d.Push != "":
		return fmt.Errorf("list %q holds images of the store, and %q is somewhere else: use a name of the store, or push the list", list, d.Push)
	case slices.Contains(d.Names, full):
		return fmt.Errorf("the same name must not be specified for both '--tag' and '--manifest': %q", list)
	}
	if _, err := e.findList(list, full); err != nil && !errors.Is(err, store.ErrImageUnknown) {
		return fmt.Errorf("adding to list %q: %w", list, err)
	}
	return nil
}

// CheckList finds what is wrong with the name of a list, beside those of tags,
// which name a list, too, when there are to be several images.
func (e *Engine) CheckList(list string, tags []string, several bool) error {
	if len(tags) == 0 || list == "" && !several {
		return e.checkList(Destination{}, list)
	}
	d, err := e.Destination(tags[0], tags[1:])
	if err != nil {
		return err
	}
	if several && d.Push != "" {
		if err := e.Images.CheckListDestination(d.Push); err != nil {
			return fmt.Errorf("tag %s: several platforms make a list of images: %w", tags[0], err)
		}
	}
	return e.checkList(d, list)
}

// outdated tells of members that they are images of this store, and none of those
// that are about to be added.
func (e *Engine) outdated(added []manifests.Entry) func(string) bool {
	keep := map[string]bool{}
	for _, entry := range added {
		keep[entry.Location] = true
	}
	return func(location string) bool { return !keep[location] && e.Images.InStore(location) }
}

// findList finds a list by the full name that a new one would have, else as every
// other image is found.
func (e *Engine) findList(list, full string) (string, error) {
	img, err := e.Store.Image(full)
	if errors.Is(err, store.ErrImageUnknown) {
		img, _, err = e.Images.Lookup(list, transfer.LookupOptions{Lists: true})
	}
	if err != nil {
		return "", err
	}
	if !img.IsList() {
		return "", fmt.Errorf("%q: %w", img.ID, manifests.ErrNotList)
	}
	return img.ID, nil
}

// MakeList makes a list of images of the store. The first name may be a reference
// with a transport: the list is then written there, and none stays in the store;
// id is "". Names are taken from whatever had them.
func (e *Engine) MakeList(ctx context.Context, names, images []string, o CommitOptions) (id string, full []string, err error) {
	d, err := e.Destination(names[0], names[1:])
	if err != nil {
		return "", nil, err
	}
	entries, err := e.listEntries(images)
	if err != nil {
		return "", nil, fmt.Errorf("making list %q: %w", names, err)
	}
	if d.Push != "" {
		_, err := e.deliverList(ctx, entries, d.Push, o.Push)
		return "", nil, err
	}
	id, err = manifests.Create(e.Store, manifests.List{Entries: entries}, d.Names...)
	return id, d.Names, err
}

// PushList copies a list of the store, with its members, to a destination that can
// hold several images.
func (e *Engine) PushList(ctx context.Context, list, dest string, o transfer.PushOptions) (transfer.Pushed, error) {
	img, name, err := e.Images.Lookup(list, transfer.LookupOptions{Lists: true})
	if err != nil {
		return transfer.Pushed{}, err
	}
	l, err := manifests.Load(e.Store, img.ID)
	if err != nil {
		return transfer.Pushed{}, err
	}
	source := transfer.ListSource{ID: img.ID, Name: name, Places: map[digest.Digest]string{}}
	for _, entry := range l.Entries {
		source.Places[entry.Digest] = entry.Location
		o.List.Artifacts = o.List.Artifacts || entry.ArtifactType != ""
	}
	if source.Manifest, err = l.Encode(); err != nil {
		return transfer.Pushed{}, err
	}
	return e.Images.PushList(ctx, source, dest, o)
}

// listEntries describes images of the store as members of a list.
func (e *Engine) listEntries(images []string) ([]manifests.Entry, error) {
	entries := make([]manifests.Entry, 0, len(images))
	for _, id := range images {
		entry, err := e.listEntry(id)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func (e *Engine) listEntry(id string) (entry manifests.Entry, err error) {
	data, mediaType, d, err := e.Store.Manifest(id)
	if err != nil {
		return entry, err
	}
	config, err := e.Store.Config(id)
	if err != nil {
		return entry, err
	}
	img, err := imageconfig.Parse(config, mediaType)
	if err != nil {
		return entry, fmt.Errorf("reading the configuration of image %q: %w", id, err)
	}
	p := img.Platform()
	entry.Descriptor = imgspec.Descriptor{
		MediaType: mediaType, Digest: d, Size: int64(len(data)),
		Platform: &imgspec.Platform{OS: p.OS, Architecture: p.Arch, Variant: p.Variant, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures},
	}
	entry.Location, err = e.Images.Location(id)
	return entry, err
}

// listed are the members of the lists that have names: nothing else may refer to
// them, and yet they are wanted.
func (e *Engine) listed(images []ImageInfo) map[digest.Digest]bool {
	members := map[digest.Digest]bool{}
	for _, img := range images {
		if !img.List || len(img.Names) == 0 {
			continue
		}
		l, err := manifests.Load(e.Store, img.ID)
		if err != nil {
			continue // what is damaged keeps nothing
		}
		for _, entry := range l.Entries {
			members[entry.Digest] = true
		}
	}
	return members
}
