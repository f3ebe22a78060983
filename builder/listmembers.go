package builder

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"

	"github.com/projectatomic/buildah/internal/manifests"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
)

// members describes images as members of a list: those of the store, or what the
// names stand for elsewhere.
func (e *Engine) members(ctx context.Context, images []string, o MemberOptions) ([]manifests.Entry, error) {
	var entries []manifests.Entry
	for _, image := range images {
		some, err := e.localMembers(image, o)
		if errors.Is(err, errElsewhere) {
			some, err = e.remoteMembers(ctx, image, o)
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, some...)
	}
	return entries, nil
}

// errElsewhere is an image that is not in the store, and may be somewhere else.
var errElsewhere = errors.New("the image is not in the store")

func (o *MemberOptions) look() transfer.LookOptions {
	return transfer.LookOptions{
		Registry: o.Registry, All: o.All,
		Platform: transfer.Platform{OS: o.Platform.OS, Arch: o.Platform.Arch, Variant: o.Platform.Variant},
	}
}

// localMembers describes an image or a list of the store.
func (e *Engine) localMembers(image string, o MemberOptions) ([]manifests.Entry, error) {
	image, local := e.Images.Local(image)
	if !local {
		return nil, errElsewhere
	}
	img, _, err := e.Images.Lookup(image, transfer.LookupOptions{Lists: true})
	if errors.Is(err, store.ErrImageUnknown) && !strings.HasPrefix(image, "containers-storage:") {
		return nil, errElsewhere
	}
	if err != nil {
		return nil, err
	}
	if !img.IsList() {
		entry, err := e.listEntry(img.ID)
		return []manifests.Entry{entry}, err
	}
	l, err := manifests.Load(e.Store, img.ID)
	if err != nil {
		return nil, err
	}
	data, err := l.Encode()
	if err != nil {
		return nil, err
	}
	wanted, err := e.Images.ChooseMembers(data, o.look())
	if err != nil {
		return nil, fmt.Errorf("reading list %q: %w", image, err)
	}
	return only(l.Entries, wanted), nil
}

// remoteMembers describes what a name stands for outside the store.
func (e *Engine) remoteMembers(ctx context.Context, image string, o MemberOptions) ([]manifests.Entry, error) {
	found, err := e.Images.Look(ctx, image, o.look())
	if err != nil {
		return nil, err
	}
	if !manifest.MIMETypeIsMultiImage(found.MediaType) {
		entry, err := manifests.NewEntry(found.Manifest, found.MediaType, found.Config, "")
		entry.Location = found.Place(entry.Digest)
		return []manifests.Entry{entry}, err
	}
	l, err := manifests.Parse(found.Manifest)
	if err != nil {
		return nil, err
	}
	entries := only(l.Entries, found.Members)
	for i := range entries {
		entries[i].Location = found.Place(entries[i].Digest)
	}
	return entries, nil
}

func only(entries []manifests.Entry, wanted []digest.Digest) []manifests.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(entry manifests.Entry) bool { return !slices.Contains(wanted, entry.Digest) })
}

// Describe gives the descriptor of an image or a list, wherever it is: what others
// say that they are about.
func (e *Engine) Describe(ctx context.Context, image string, r Registry) (*imgspec.Descriptor, error) {
	data, err := e.manifestOf(ctx, image, MemberOptions{Registry: r})
	if err != nil {
		return nil, err
	}
	d, err := manifest.Digest(data)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest of %q: %w", image, err)
	}
	return &imgspec.Descriptor{MediaType: manifest.GuessMIMEType(data), Digest: d, Size: int64(len(data))}, nil
}

// manifestOf reads the manifest of an image or of a list, in the store or elsewhere.
func (e *Engine) manifestOf(ctx context.Context, image string, o MemberOptions) ([]byte, error) {
	if name, local := e.Images.Local(image); local {
		img, _, err := e.Images.Lookup(name, transfer.LookupOptions{Lists: true})
		if err == nil {
			data, _, _, err := e.Store.Manifest(img.ID)
			return data, err
		}
		if !errors.Is(err, store.ErrImageUnknown) {
			return nil, err
		}
	}
	found, err := e.Images.LookManifest(ctx, image, o.look())
	return found.Manifest, err
}

// instance finds the member of a list that the user means: by its digest, by the
// file that it was made of, or by the name of an image.
func (e *Engine) instance(ctx context.Context, l *manifests.List, text string, o MemberOptions) (digest.Digest, error) {
	if d, err := digest.Parse(text); err == nil {
		_, err := l.Entry(d)
		return d, err
	}
	if strings.HasPrefix(text, digest.Canonical.String()+":") {
		return "", errors.New("a digest has 64 hexadecimal digits")
	}
	if found := ofFile(l, text); len(found) > 0 {
		return single(found)
	}
	found, err := e.ofImage(ctx, l, text, o)
	if err != nil {
		return "", fmt.Errorf("it is neither a digest nor a file of an artifact in the list, and as an image: %w", err)
	}
	return single(found)
}

// single refuses what stands for several members or none.
func single(found []digest.Digest) (digest.Digest, error) {
	switch len(found) {
	case 0:
		return "", errors.New("the list has no such member")
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("several members are meant: name one of %q", found)
}

// ofFile finds the artifacts that were made of a file, given as a path or by its
// last element.
func ofFile(l *manifests.List, name string) (found []digest.Digest) {
	full, err := filepath.Abs(name)
	if err != nil {
		return nil
	}
	for _, exact := range []bool{true, false} {
		for _, entry := range l.Entries {
			if slices.ContainsFunc(entry.Files, func(file string) bool { return file == full || !exact && filepath.Base(file) == name }) {
				found = append(found, entry.Digest)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found
}

// ofImage finds the members that an image, or a list, has.
func (e *Engine) ofImage(ctx context.Context, l *manifests.List, image string, o MemberOptions) (found []digest.Digest, err error) {
	known := map[digest.Digest]bool{}
	if name, local := e.Images.Local(image); local {
		if img, _, err := e.Images.Lookup(name, transfer.LookupOptions{Lists: true}); err == nil {
			for _, d := range append(slices.Clone(img.Digests), img.Digest) {
				known[d] = true
			}
		}
	}
	if len(known) == 0 {
		data, err := e.manifestOf(ctx, image, o)
		if err != nil {
			return nil, err
		}
		if err := manifestDigests(data, known); err != nil {
			return nil, err
		}
	}
	for _, entry := range l.Entries {
		if known[entry.Digest] {
			found = append(found, entry.Digest)
		}
	}
	return found, nil
}

// manifestDigests notes the digest of a manifest, and those of a list's members.
func manifestDigests(data []byte, known map[digest.Digest]bool) error {
	d, err := manifest.Digest(data)
	if err != nil {
		return err
	}
	known[d] = true
	l, err := manifests.Parse(data)
	if errors.Is(err, manifests.ErrNotList) {
		return nil
	}
	for _, entry := range l.Entries {
		known[entry.Digest] = true
	}
	return err
}
