package manifests

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
)

// maxSize is the size in bytes of a list that is read at most. Registries refuse
// manifests above it.
const maxSize = 4 << 20

// ErrNotList is about a manifest that is not a list.
var ErrNotList = errors.New("it is an image, not a manifest list")

// Entry is one member of a list.
type Entry struct {
	imgspec.Descriptor          // of its manifest
	Features           []string // that the processor must have; only Docker's lists can say it
	Location           string   // where it is: a reference with a transport; "" if that is not known
	Files              []string // what an artifact was made of, as paths of the time
}

// List is an index of images, in whichever of the two formats it is kept.
type List struct {
	Entries      []Entry
	Annotations  map[string]string
	ArtifactType string
	Subject      *imgspec.Descriptor
}

// Parse reads a list.
func Parse(data []byte) (List, error) {
	if len(data) > maxSize {
		return List{}, fmt.Errorf("parsing a manifest list: it has %d bytes, %d are the most", len(data), maxSize)
	}
	switch mediaType := manifest.GuessMIMEType(data); mediaType {
	case imgspec.MediaTypeImageIndex:
		return parseIndex(data)
	case manifest.DockerV2ListMediaType:
		return parseDocker(data)
	default:
		return List{}, fmt.Errorf("parsing a manifest of type %q: %w", mediaType, ErrNotList)
	}
}

func parseIndex(data []byte) (List, error) {
	var index imgspec.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return List{}, fmt.Errorf("parsing an image index: %w", err)
	}
	l := List{Annotations: index.Annotations, ArtifactType: index.ArtifactType, Subject: index.Subject}
	for _, d := range index.Manifests {
		l.Entries = append(l.Entries, Entry{Descriptor: d})
	}
	return l, l.check()
}

func parseDocker(data []byte) (List, error) {
	var docker manifest.Schema2List
	if err := json.Unmarshal(data, &docker); err != nil {
		return List{}, fmt.Errorf("parsing a manifest list: %w", err)
	}
	var l List
	for _, m := range docker.Manifests {
		p := m.Platform
		l.Entries = append(l.Entries, Entry{
			Descriptor: imgspec.Descriptor{
				MediaType: m.MediaType, Digest: m.Digest, Size: m.Size, URLs: m.URLs,
				Platform: &imgspec.Platform{
					Architecture: p.Architecture, OS: p.OS, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures, Variant: p.Variant,
				},
			},
			Features: p.Features,
		})
	}
	return l, l.check()
}

func (l *List) check() error {
	for _, e := range l.Entries {
		if err := e.Digest.Validate(); err != nil {
			return fmt.Errorf("parsing a manifest list: entry %q: %w", e.Digest, err)
		}
		if e.Size < 0 {
			return fmt.Errorf("parsing a manifest list: entry %q has the size %d", e.Digest, e.Size)
		}
	}
	return nil
}

// Encode writes the list. It becomes a manifest list of Docker when it is empty or
// says something that only those can say, else an image index.
func (l *List) Encode() ([]byte, error) {
	if l.docker() {
		return l.encodeDocker()
	}
	index := imgspec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageIndex, ArtifactType: l.ArtifactType,
		Manifests: []imgspec.Descriptor{}, Subject: l.Subject, Annotations: l.Annotations,
	}
	for _, e := range l.Entries {
		index.Manifests = append(index.Manifests, e.Descriptor)
	}
	data, err := json.Marshal(index)
	if err != nil {
		return nil, fmt.Errorf("encoding an image index: %w", err)
	}
	return data, nil
}

// docker tells that Docker's format is the one that loses nothing.
func (l *List) docker() bool {
	if len(l.Annotations) > 0 || l.ArtifactType != "" || l.Subject != nil {
		return false
	}
	features := false
	for _, e := range l.Entries {
		if len(e.Annotations) > 0 || e.ArtifactType != "" || len(e.Data) > 0 {
			return false
		}
		features = features || len(e.Features) > 0
	}
	return features || len(l.Entries) == 0
}

func (l *List) encodeDocker() ([]byte, error) {
	components := make([]manifest.Schema2ManifestDescriptor, len(l.Entries))
	for i, e := range l.Entries {
		var p imgspec.Platform
		if e.Platform != nil {
			p = *e.Platform
		}
		components[i] = manifest.Schema2ManifestDescriptor{
			Schema2Descriptor: manifest.Schema2Descriptor{MediaType: e.MediaType, Size: e.Size, Digest: e.Digest, URLs: e.URLs},
			Platform: manifest.Schema2PlatformSpec{
				Architecture: p.Architecture, OS: p.OS, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures, Variant: p.Variant, Features: e.Features,
			},
		}
	}
	data, err := json.Marshal(manifest.Schema2ListFromComponents(components))
	if err != nil {
		return nil, fmt.Errorf("encoding a manifest list: %w", err)
	}
	return data, nil
}

// Find gives the position of a member, -1 if it is none.
func (l *List) Find(d digest.Digest) int {
	return slices.IndexFunc(l.Entries, func(e Entry) bool { return e.Digest == d })
}

// Add puts a member at the end, or in the place of the one with its digest.
func (l *List) Add(e Entry) {
	if at := l.Find(e.Digest); at >= 0 {
		l.Entries[at] = e
		return
	}
	l.Entries = append(l.Entries, e)
}

// Remove takes a member out.
func (l *List) Remove(d digest.Digest) error {
	at := l.Find(d)
	if at < 0 {
		return fmt.Errorf("removing %q from the list: it has no such member", d)
	}
	l.Entries = slices.Delete(l.Entries, at, at+1)
	return nil
}

// RemovePlatform takes out the images for exactly this platform that are at a
// place which the caller knows to be outdated.
func (l *List) RemovePlatform(p imgspec.Platform, outdated func(location string) bool) {
	l.Entries = slices.DeleteFunc(l.Entries, func(e Entry) bool {
		return e.Platform != nil && e.ArtifactType == "" && len(e.Features) == 0 && samePlatform(*e.Platform, p) && outdated(e.Location)
	})
}

func samePlatform(a, b imgspec.Platform) bool {
	return a.OS == b.OS && a.Architecture == b.Architecture && a.Variant == b.Variant && a.OSVersion == b.OSVersion &&
		slices.Equal(a.OSFeatures, b.OSFeatures)
}

// ownKey is the key of instances.json that the ID of the list is under.
const ownKey = ""

// locate fills in where the members are.
func (l *List) locate(data []byte) error {
	if len(data) > maxSize {
		return fmt.Errorf("parsing the places of members: %d bytes, %d are the most", len(data), maxSize)
	}
	var places map[string]string
	if err := json.Unmarshal(data, &places); err != nil {
		return fmt.Errorf("parsing the places of members: %w", err)
	}
	for i := range l.Entries {
		l.Entries[i].Location = places[l.Entries[i].Digest.String()]
	}
	return nil
}

// places are what instances.json says, of these members and of those that were
// there before.
func (l *List) places(id string, before map[string]string) ([]byte, error) {
	all := l.locations()
	for digest, place := range before {
		if _, now := all[digest]; !now {
			all[digest] = place
		}
	}
	all[ownKey] = id
	data, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("encoding the places of members: %w", err)
	}
	return data, nil
}

func (l *List) locations() map[string]string {
	known := map[string]string{}
	for _, e := range l.Entries {
		if e.Location != "" {
			known[e.Digest.String()] = e.Location
		}
	}
	return known
}
