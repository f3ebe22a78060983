package transfer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/shortnames"
	"go.podman.io/image/v5/types"

	"github.com/projectatomic/buildah/internal/store"
)

// LookupOptions adjusts Lookup.
type LookupOptions struct {
	Platform Platform // when set, images of another platform are passed over
	Lists    bool     // lists are wanted as such, not as their member for the platform
}

// Lookup finds an image in the store by any of its names, short or full, by ID,
// prefix of an ID or digest. matched is the name that led to it; for an ID it is
// the image's first name, "" if it has none.
func (c *Client) Lookup(name string, o LookupOptions) (img store.Image, matched string, err error) {
	m, err := c.find(name, o)
	if err != nil {
		return store.Image{}, "", err
	}
	if m.name == "" && len(m.img.Names) > 0 {
		m.name = m.img.Names[0]
	}
	return m.img, m.name, nil
}

// match is an image of the store and the name that led to it, "" for an ID.
type match struct {
	img  store.Image
	name string
}

// query is one look-up: what was asked, and what is left over of it.
type query struct {
	c   *Client
	o   LookupOptions
	sys *types.SystemContext
}

func (c *Client) find(name string, o LookupOptions) (match, error) {
	sys, err := c.SystemContext(Registry{}, o.Platform)
	if err != nil {
		return match{}, err
	}
	q := query{c: c, o: o, sys: sys}
	m, err := q.find(name)
	if err != nil {
		return match{}, &store.UnknownError{What: "image", Name: name, Err: err}
	}
	return m, nil
}

func (q query) find(name string) (match, error) {
	if t, rest := splitTransport(name); t != nil {
		if t.Name() != storeTransport {
			return match{}, fmt.Errorf("only images of the store can be used here, not %q", t.Name()+":")
		}
		rest, err := q.c.withinStore(rest)
		if err != nil {
			return match{}, err
		}
		name = strings.TrimPrefix(rest, "@")
		if _, id, ok := strings.Cut(name, "@"); ok && shortHex.MatchString(id) {
			name = id
		}
	}
	if isID(name) {
		return q.byFullID(name)
	}
	m, err := q.byName(name)
	if !errors.Is(err, store.ErrImageUnknown) || !shortHex.MatchString(name) {
		return m, err
	}
	img, err := q.c.Store.Image(name)
	if err != nil {
		return match{}, store.ErrImageUnknown // also for a prefix of several images
	}
	return q.accept(img, "")
}

// isID tells full IDs and bare digests from names.
func isID(name string) bool {
	return fullID.MatchString(name) || strings.HasPrefix(name, "sha256:")
}

func (q query) byFullID(text string) (match, error) {
	hex := strings.TrimPrefix(text, "sha256:")
	if !fullID.MatchString(hex) {
		return match{}, errors.New("a digest has 64 hexadecimal digits")
	}
	if img, err := q.c.Store.Image(hex); err == nil && img.ID == hex {
		return q.accept(img, "")
	}
	images, err := q.c.Store.ImagesByDigest(digest.NewDigestFromEncoded(digest.SHA256, hex))
	if err != nil {
		return match{}, err
	}
	return q.first(images, "")
}

// byName tries the names that a short name may stand for, then the images whose
// names end in it.
func (q query) byName(name string) (match, error) {
	parsed, err := reference.Parse(name)
	if err != nil {
		return match{}, err
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return match{}, store.ErrImageUnknown
	}
	named = withoutTag(named)
	candidates, err := shortnames.ResolveLocally(q.sys, named.String())
	if err != nil {
		return match{}, err
	}
	if hub, err := reference.ParseNormalizedNamed(named.String()); err == nil && shortnames.IsShortName(named.String()) {
		candidates = append(candidates, reference.TagNameOnly(hub))
	}
	for _, candidate := range candidates {
		m, err := q.candidate(candidate)
		if !errors.Is(err, store.ErrImageUnknown) {
			return m, err
		}
	}
	return q.bySuffix(named)
}

func (q query) candidate(named reference.Named) (match, error) {
	img, err := q.c.Store.Image(named.String())
	if err == nil {
		return q.accept(img, named.String())
	}
	digested, ok := named.(reference.Digested)
	if !ok {
		return match{}, store.ErrImageUnknown
	}
	images, err := q.c.Store.ImagesByDigest(digested.Digest())
	if err != nil {
		return match{}, err
	}
	for _, img := range images {
		if hasRepository(img, named.Name()) {
			if m, err := q.accept(img, named.String()); err == nil {
				return m, nil
			}
		}
	}
	return match{}, store.ErrImageUnknown
}

func hasRepository(img store.Image, repository string) bool {
	for _, name := range append(img.Names, img.NamesHistory...) {
		if known, err := reference.ParseNormalizedNamed(name); err == nil && known.Name() == repository {
			return true
		}
	}
	return false
}

// bySuffix finds "app:1" as "registry.example/team/app:1": a short name matches
// the last components of a path at any registry.
func (q query) bySuffix(named reference.Named) (match, error) {
	if !shortnames.IsShortName(named.String()) {
		return match{}, store.ErrImageUnknown
	}
	images, err := q.c.Store.Images()
	if err != nil {
		return match{}, err
	}
	want := reference.TagNameOnly(named)
	digested, byDigest := named.(reference.Digested)
	for _, img := range images {
		for _, name := range img.Names {
			known, err := reference.ParseNormalizedNamed(name)
			if err != nil || !strings.HasSuffix(known.Name(), "/"+want.Name()) {
				continue
			}
			if byDigest && !hasDigest(img, digested.Digest()) || !byDigest && tagOf(known) != tagOf(want) {
				continue
			}
			if m, err := q.accept(img, name); err == nil {
				return m, nil
			}
		}
	}
	return match{}, store.ErrImageUnknown
}

func tagOf(named reference.Named) string {
	if tagged, ok := named.(reference.Tagged); ok {
		return tagged.Tag()
	}
	return ""
}

func hasDigest(img store.Image, d digest.Digest) bool {
	for _, known := range append(img.Digests, img.Digest) {
		if known == d {
			return true
		}
	}
	return false
}

func (q query) first(images []store.Image, name string) (match, error) {
	for _, img := range images {
		if m, err := q.accept(img, name); err == nil {
			return m, nil
		}
	}
	return match{}, store.ErrImageUnknown
}

// accept steps from a list to its member and refuses other platforms.
func (q query) accept(img store.Image, name string) (match, error) {
	if q.o.Lists {
		return match{img, name}, nil
	}
	if img.TopLayer == "" {
		member, isList, err := q.member(img)
		if err != nil {
			return match{}, err
		}
		if isList {
			return match{member, name}, nil
		}
	}
	if q.o.Platform != (Platform{}) {
		have, err := q.c.platformOf(img.ID)
		if err != nil || !q.o.Platform.covers(have) {
			return match{}, store.ErrImageUnknown
		}
	}
	return match{img, name}, nil
}

// member is the image in the store that a list offers for the platform.
func (q query) member(list store.Image) (member store.Image, isList bool, err error) {
	data, mediaType, _, err := q.c.Store.Manifest(list.ID)
	if err != nil || !manifest.MIMETypeIsMultiImage(mediaType) {
		return store.Image{}, false, nil //nolint:nilerr // a record without a manifest is a damaged image, which is found later
	}
	parsed, err := manifest.ListFromBlob(data, mediaType)
	if err != nil {
		return store.Image{}, true, err
	}
	chosen, err := parsed.ChooseInstance(q.sys)
	if err != nil {
		return store.Image{}, true, store.ErrImageUnknown
	}
	images, err := q.c.Store.ImagesByDigest(chosen)
	if err != nil {
		return store.Image{}, true, err
	}
	for _, img := range images {
		if img.ID != list.ID {
			return img, true, nil
		}
	}
	return store.Image{}, true, store.ErrImageUnknown
}
