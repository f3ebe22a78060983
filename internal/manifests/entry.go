package manifests

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
)

// errFeatures is what neither of the two formats can say.
var errFeatures = errors.New("features of the processor exist only in Docker's manifest lists, which have no annotations, artifacts and subject: " +
	"use os-features, or take the annotations out")

// NewEntry describes an image by its manifest and its configuration. Without a
// configuration it is an artifact, which is for no machine in particular.
func NewEntry(data []byte, mediaType string, config []byte, place string) (Entry, error) {
	d, err := manifest.Digest(data)
	if err != nil {
		return Entry{}, fmt.Errorf("reading the manifest of a member: %w", err)
	}
	e := Entry{Location: place, Descriptor: imgspec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}}
	if config == nil {
		e.ArtifactType, err = artifactType(data)
		return e, err
	}
	e.Platform = new(imgspec.Platform)
	if err := json.Unmarshal(config, e.Platform); err != nil {
		return Entry{}, fmt.Errorf("reading the configuration of member %q: %w", d, err)
	}
	return e, nil
}

// artifactType is what an artifact says that it is, or else what its configuration is.
func artifactType(data []byte) (string, error) {
	var m imgspec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return "", fmt.Errorf("reading the manifest of an artifact: %w", err)
	}
	if m.ArtifactType != "" {
		return m.ArtifactType, nil
	}
	return m.Config.MediaType, nil
}

// Override says something else of a member than its image does. What is empty
// leaves it as it is.
type Override struct {
	Platform    imgspec.Platform
	Features    []string
	Annotations map[string]string // added to those that there are
}

// ofPlatform tells whether anything about the platform is said.
func (o *Override) ofPlatform() bool {
	p := &o.Platform
	return p.OS != "" || p.Architecture != "" || p.Variant != "" || p.OSVersion != "" || len(p.OSFeatures) > 0
}

// Empty tells that nothing is said.
func (o *Override) Empty() bool {
	return !o.ofPlatform() && len(o.Features) == 0 && len(o.Annotations) == 0
}

// Apply changes a member.
func (o *Override) Apply(e *Entry) {
	if o.ofPlatform() {
		p := imgspec.Platform{}
		if e.Platform != nil {
			p = *e.Platform
		}
		set(&p.OS, o.Platform.OS)
		set(&p.Architecture, o.Platform.Architecture)
		set(&p.Variant, o.Platform.Variant)
		set(&p.OSVersion, o.Platform.OSVersion)
		if len(o.Platform.OSFeatures) > 0 {
			p.OSFeatures = o.Platform.OSFeatures
		}
		e.Platform = &p
	}
	if len(o.Features) > 0 {
		e.Features = o.Features
	}
	e.Annotations = merged(e.Annotations, o.Annotations)
}

func set(to *string, value string) {
	if value != "" {
		*to = value
	}
}

// merged adds to a map that may be shared.
func merged(to, more map[string]string) map[string]string {
	if len(more) == 0 {
		return to
	}
	all := maps.Clone(to)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	return all
}

// Annotate adds annotations of the list itself.
func (l *List) Annotate(more map[string]string) { l.Annotations = merged(l.Annotations, more) }

// sayable refuses what would be lost in either of the two formats.
func (l *List) sayable() error {
	if l.docker() {
		return nil
	}
	for _, e := range l.Entries {
		if len(e.Features) > 0 {
			return fmt.Errorf("member %q: %w", e.Digest, errFeatures)
		}
	}
	return nil
}

// Entry finds a member.
func (l *List) Entry(d digest.Digest) (*Entry, error) {
	at := l.Find(d)
	if at < 0 {
		return nil, fmt.Errorf("the list has no member %q", d)
	}
	return &l.Entries[at], nil
}
