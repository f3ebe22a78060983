package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/transports/alltransports"
	"go.podman.io/image/v5/types"
)

// ListSource is a list of images that is to be pushed with all its members.
type ListSource struct {
	ID       string // in the store
	Name     string // a name that it has; "" if there is none
	Manifest []byte
	Places   map[digest.Digest]string // references of the members, with their transports
}

// PushList writes a list and its members to a destination that can hold several
// images: a registry, or a directory in the formats "oci" and "dir".
func (c *Client) PushList(ctx context.Context, list ListSource, dest string, o PushOptions) (Pushed, error) {
	p, err := c.pushList(ctx, list, dest, o)
	if err != nil {
		return Pushed{}, inOneLine(fmt.Errorf("pushing list %q to %q: %w", list.display(), dest, err))
	}
	return p, nil
}

func (l *ListSource) display() string {
	if l.Name != "" {
		return l.Name
	}
	return l.ID
}

func (c *Client) pushList(ctx context.Context, list ListSource, dest string, o PushOptions) (Pushed, error) {
	ref, err := c.pushReference(dest, list.Name)
	if err != nil {
		return Pushed{}, err
	}
	if err := checkListDestination(ref); err != nil {
		return Pushed{}, err
	}
	if err := o.checkList(); err != nil {
		return Pushed{}, err
	}
	o.SourceName = list.Name
	j, done, err := c.newPush(ctx, ref, o)
	if err != nil {
		return Pushed{}, err
	}
	defer done()
	own, err := istorage.Transport.NewStoreReference(c.Store.Raw(), nil, list.ID)
	if err != nil {
		return Pushed{}, err
	}
	j.src = listReference{ImageReference: own, c: c, list: list, dest: ref, registry: o.Registry, subjects: new(atomic.Bool)}
	if err := o.selectMembers(j.opts); err != nil {
		return Pushed{}, err
	}
	pushed, err := j.run(ctx)
	pushed.Source = digest.FromBytes(list.Manifest)
	return pushed, err
}

// CheckListDestination finds out before the work whether a list can be written
// to a destination.
func (c *Client) CheckListDestination(dest string) error {
	ref, err := c.pushReference(dest, "")
	if err != nil {
		return err
	}
	return checkListDestination(ref)
}

func checkListDestination(ref types.ImageReference) error {
	switch name := ref.Transport().Name(); name {
	case registryTransport, "atomic", "oci", "oci-archive", "dir":
		return nil
	default:
		return fmt.Errorf("%q holds one image, not a list: use a registry, \"oci:\", \"oci-archive:\" or \"dir:\"", name+":")
	}
}

// listReference is a list of the store as a source that has its members, wherever
// they are.
type listReference struct {
	types.ImageReference
	c        *Client
	list     ListSource
	dest     types.ImageReference
	registry Registry
	subjects *atomic.Bool // some member that was read is about something
}

func (r listReference) NewImageSource(_ context.Context, sys *types.SystemContext) (types.ImageSource, error) {
	return &listSource{ref: r, sys: sys, members: map[digest.Digest]*listMember{}, blobs: map[digest.Digest]*listMember{}}, nil
}

// listSource opens its members when they are asked for.
type listSource struct {
	ref     listReference
	sys     *types.SystemContext
	mu      sync.Mutex
	members map[digest.Digest]*listMember
	blobs   map[digest.Digest]*listMember // who has a blob
}

// listMember is one member that is open.
type listMember struct {
	types.ImageSource
	blame     func(error) error // says at which registry it failed to be read
	instance  *digest.Digest    // what it is asked for: nil for its only image
	data      []byte
	mediaType string
}

func (s *listSource) Reference() types.ImageReference { return s.ref }

func (s *listSource) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.members {
		_ = m.Close()
	}
	return nil
}

// HasThreadSafeGetBlob is true where members are in a store or at a registry.
func (s *listSource) HasThreadSafeGetBlob() bool {
	for _, place := range s.ref.list.Places {
		if !strings.HasPrefix(place, storeTransport+":") && !strings.HasPrefix(place, registryTransport+"://") {
			return false
		}
	}
	return true
}

func (s *listSource) GetManifest(ctx context.Context, instance *digest.Digest) ([]byte, string, error) {
	if instance == nil {
		return s.ref.list.Manifest, manifest.GuessMIMEType(s.ref.list.Manifest), nil
	}
	m, err := s.member(ctx, *instance)
	if err != nil {
		return nil, "", err
	}
	return m.data, m.mediaType, nil
}

func (s *listSource) GetSignatures(ctx context.Context, instance *digest.Digest) ([][]byte, error) {
	if instance == nil {
		return nil, nil // a list is made here, and nobody has signed it
	}
	m, err := s.member(ctx, *instance)
	if err != nil {
		return nil, err
	}
	return m.GetSignatures(ctx, m.instance)
}

func (s *listSource) LayerInfosForCopy(ctx context.Context, instance *digest.Digest) ([]types.BlobInfo, error) {
	if instance == nil {
		return nil, nil
	}
	m, err := s.member(ctx, *instance)
	if err != nil {
		return nil, err
	}
	infos, err := m.LayerInfosForCopy(ctx, m.instance)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, info := range infos {
		s.blobs[info.Digest] = m
	}
	return infos, err
}

func (s *listSource) GetBlob(ctx context.Context, info types.BlobInfo, cache types.BlobInfoCache) (io.ReadCloser, int64, error) {
	s.mu.Lock()
	m := s.blobs[info.Digest]
	s.mu.Unlock()
	if m == nil {
		return nil, -1, fmt.Errorf("reading blob %q: no member of the list has it", info.Digest)
	}
	blob, size, err := m.GetBlob(ctx, info, cache)
	return blob, size, m.blame(err)
}

// member opens a member and learns which blobs it has.
func (s *listSource) member(ctx context.Context, d digest.Digest) (*listMember, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.members[d]; ok {
		return m, nil
	}
	m, err := s.open(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("reading member %q: %w", d, err)
	}
	s.members[d] = m
	if _, about, err := referrerOf(m.data); err == nil && about {
		s.ref.subjects.Store(true)
	}
	parsed, err := manifest.FromBlob(m.data, m.mediaType)
	if err != nil {
		return nil, fmt.Errorf("reading member %q: %w", d, err)
	}
	s.blobs[parsed.ConfigInfo().Digest] = m
	for _, layer := range parsed.LayerInfos() {
		s.blobs[layer.Digest] = m
	}
	return m, nil
}

func (s *listSource) open(ctx context.Context, d digest.Digest) (m *listMember, err error) {
	place, known := s.ref.list.Places[d]
	if !known {
		return nil, fmt.Errorf("the list does not say where it is")
	}
	ref, err := s.place(ctx, place)
	if err != nil {
		return nil, err
	}
	sys, err := s.ref.readContext(s.sys, ref)
	if err != nil {
		return nil, err
	}
	m = &listMember{blame: func(err error) error { return s.ref.c.atPlace(sys, ref, err) }}
	if m.ImageSource, err = ref.NewImageSource(ctx, sys); err != nil {
		return nil, m.blame(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(m.blame(err), m.Close())
		}
	}()
	if m.data, m.mediaType, err = m.GetManifest(ctx, nil); err != nil {
		return nil, err
	}
	if same, err := manifest.MatchesDigest(m.data, d); err != nil || same {
		return m, err
	}
	// The place is a list that has the member, or a record with several manifests.
	m.instance = &d
	m.data, m.mediaType, err = m.GetManifest(ctx, m.instance)
	return m, err
}

// place parses where a member is. Images of our own store are streamed.
func (s *listSource) place(ctx context.Context, text string) (types.ImageReference, error) {
	if s.ref.c.InStore(text) {
		_, name, _ := strings.Cut(text, "]")
		if _, id, ok := strings.Cut(name, "@"); ok && isID(id) {
			return s.ref.c.StoreReference(ctx, id, s.ref.registry.RemoveSignatures)
		}
	}
	return alltransports.ParseImageName(text)
}

// readContext is what a member is read with. The copier hands on what is known of the
// destination: its credentials are not for other registries, nor is it for them if its
// certificate is not looked at.
func (r listReference) readContext(sys *types.SystemContext, member types.ImageReference) (*types.SystemContext, error) {
	own := *sys
	own.DockerInsecureSkipTLSVerify, own.OCIInsecureSkipTLSVerify, own.DockerDaemonInsecureSkipTLSVerify = types.OptionalBoolUndefined, false, false
	setVerify(&own, r.registry.TLSVerify)
	to, from := r.dest.DockerReference(), member.DockerReference()
	if r.registry.Creds == "" || to != nil && from != nil && reference.Domain(to) != reference.Domain(from) {
		own.DockerAuthConfig = nil
	}
	return r.c.permit(&own, member)
}
