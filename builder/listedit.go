package builder

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/manifests"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
)

type (
	// ListOverride says something else of a member of a list than its image does.
	ListOverride = manifests.Override
	// ListArtifact is files that become a member of a list.
	ListArtifact = manifests.Artifact
)

// MemberOptions say which images a name brings into a list.
type MemberOptions struct {
	Registry Registry
	Platform Platform // of a list, its member for this platform; the zero value is this machine
	All      bool     // of a list, all its members
}

// CreateListOptions adjusts [Engine.CreateList].
type CreateListOptions struct {
	Member      MemberOptions
	Annotations map[string]string // of the list
	Amend       bool              // a list that has the name is extended, and an image becomes its first member
	Replace     bool              // a list that has the name is replaced
}

// CreateList makes a list of images, which may be anywhere, and gives its ID.
func (e *Engine) CreateList(ctx context.Context, list string, images []string, o CreateListOptions) (string, error) {
	id, err := e.createList(ctx, list, images, o)
	if err != nil {
		return "", fmt.Errorf("creating list %q: %w", list, err)
	}
	return id, nil
}

func (e *Engine) createList(ctx context.Context, list string, images []string, o CreateListOptions) (string, error) {
	name, err := e.Images.NormalizeNew(list)
	if err != nil {
		return "", err
	}
	// What the registries say is read before the lock is taken.
	entries, err := e.members(ctx, images, o.Member)
	if err != nil {
		return "", err
	}
	unlock, err := e.Store.LockList(name)
	if err != nil {
		return "", err
	}
	defer unlock()
	old, err := e.Store.Image(name)
	if errors.Is(err, store.ErrImageUnknown) {
		return e.newList(name, entries, o)
	}
	switch {
	case err != nil:
		return "", err
	case o.Amend && old.IsList():
		return old.ID, manifests.Change(e.Store, old.ID, func(l *manifests.List) error { fill(l, entries, o.Annotations); return nil })
	case o.Amend:
		first, err := e.listEntry(old.ID)
		if err != nil {
			return "", err
		}
		return e.newList(name, append([]manifests.Entry{first}, entries...), o)
	case !o.Replace:
		return "", fmt.Errorf("%w: image %q is called %q", errListName, old.ID, name)
	}
	id, err := e.newList(name, entries, o)
	if err == nil && old.IsList() {
		err = e.dropNameless(old.ID)
	}
	return id, err
}

// dropNameless removes a list that has no name left; another command may have given it
// one meanwhile.
func (e *Engine) dropNameless(id string) error {
	img, err := e.Store.Image(id)
	if errors.Is(err, store.ErrImageUnknown) || err == nil && len(img.Names) > 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return e.Store.DeleteImage(id, true)
}

// newList makes a list, which takes the name from whatever had it.
func (e *Engine) newList(name string, entries []manifests.Entry, o CreateListOptions) (string, error) {
	var l manifests.List
	fill(&l, entries, o.Annotations)
	return manifests.Create(e.Store, l, name)
}

// errListName is a name that something else has.
var errListName = errors.New("the name is already in use: --amend extends the list, --replace makes a new one")

func fill(l *manifests.List, entries []manifests.Entry, annotations map[string]string) {
	for _, entry := range entries {
		l.Add(entry)
	}
	l.Annotate(annotations)
}

// AddMember adds an image, which may be anywhere, to a list of the store, and gives
// the list's ID and the digest of what was added: of the first one, when several
// were.
func (e *Engine) AddMember(ctx context.Context, list, image string, m MemberOptions, o ListOverride) (string, digest.Digest, error) {
	id, err := e.listID(list)
	if err != nil {
		return "", "", fmt.Errorf("adding to list %q: %w", list, err)
	}
	entries, err := e.members(ctx, []string{image}, m)
	if err != nil {
		return "", "", fmt.Errorf("adding to list %q: %w", list, err)
	}
	if len(entries) == 0 {
		return "", "", fmt.Errorf("adding to list %q: list %q has no members", list, image)
	}
	for i := range entries {
		o.Apply(&entries[i])
	}
	err = manifests.Change(e.Store, id, func(l *manifests.List) error { fill(l, entries, nil); return nil })
	if err != nil {
		return "", "", fmt.Errorf("adding to list %q: %w", list, err)
	}
	return id, entries[0].Digest, nil
}

// AddArtifact makes an artifact of files and adds it to a list of the store.
func (e *Engine) AddArtifact(list string, a ListArtifact, o ListOverride) (string, digest.Digest, error) {
	id, err := e.listID(list)
	if err != nil {
		return "", "", fmt.Errorf("adding to list %q: %w", list, err)
	}
	d, err := manifests.AddArtifact(e.Store, id, a, o)
	if err != nil {
		return "", "", fmt.Errorf("adding to list %q: %w", list, err)
	}
	return id, d, nil
}

// AnnotateList says something of a list of the store itself. subject "" leaves what
// the list is about.
func (e *Engine) AnnotateList(list string, annotations map[string]string, subject *imgspec.Descriptor) (string, error) {
	id, err := e.listID(list)
	if err == nil {
		err = manifests.Change(e.Store, id, func(l *manifests.List) error {
			l.Annotate(annotations)
			if subject != nil {
				l.Subject = subject
			}
			return nil
		})
	}
	if err != nil {
		return "", fmt.Errorf("annotating list %q: %w", list, err)
	}
	return id, nil
}

// AnnotateMember says something else of a member of a list. instance is its digest,
// the name of an image or of a file of an artifact.
func (e *Engine) AnnotateMember(ctx context.Context, list, instance string, m MemberOptions, o ListOverride) (string, digest.Digest, error) {
	id, d, err := e.editMember(ctx, list, instance, m, func(l *manifests.List, d digest.Digest) error {
		entry, err := l.Entry(d)
		if err == nil {
			o.Apply(entry)
		}
		return err
	})
	if err != nil {
		return "", "", fmt.Errorf("annotating %q in list %q: %w", instance, list, err)
	}
	return id, d, nil
}

// RemoveMember takes a member out of a list.
func (e *Engine) RemoveMember(ctx context.Context, list, instance string, m MemberOptions) (string, digest.Digest, error) {
	id, d, err := e.editMember(ctx, list, instance, m, (*manifests.List).Remove)
	if err != nil {
		return "", "", fmt.Errorf("removing %q from list %q: %w", instance, list, err)
	}
	return id, d, nil
}

func (e *Engine) editMember(ctx context.Context, list, instance string, m MemberOptions,
	edit func(*manifests.List, digest.Digest) error,
) (id string, d digest.Digest, err error) {
	if id, err = e.listID(list); err != nil {
		return "", "", err
	}
	l, err := manifests.Load(e.Store, id)
	if err != nil {
		return "", "", err
	}
	if d, err = e.instance(ctx, &l, instance, m); err != nil {
		return "", "", err
	}
	return id, d, manifests.Change(e.Store, id, func(l *manifests.List) error { return edit(l, d) })
}

// RemoveLists removes lists and leaves their members. It goes on after an error.
func (e *Engine) RemoveLists(ctx context.Context, lists []string) (Removed, error) {
	var errs []error
	var are []string
	for _, list := range lists {
		if _, err := e.listID(list); err != nil {
			errs = append(errs, fmt.Errorf("removing list %q: %w", list, err))
			continue
		}
		are = append(are, list)
	}
	removed, err := e.RemoveImages(ctx, are, RemoveOptions{})
	return removed, errors.Join(append(errs, err)...)
}

// ListExists tells whether a list is in the store. Something else of that name is an
// error.
func (e *Engine) ListExists(list string) (bool, error) {
	_, err := e.listID(list)
	if errors.Is(err, store.ErrImageUnknown) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for list %q: %w", list, err)
	}
	return true, nil
}

// listID finds a list of the store.
func (e *Engine) listID(list string) (string, error) {
	img, _, err := e.Images.Lookup(list, transfer.LookupOptions{Lists: true})
	if err != nil {
		return "", err
	}
	if !img.IsList() {
		return "", fmt.Errorf("image %q: %w", img.ID, manifests.ErrNotList)
	}
	return img.ID, nil
}
