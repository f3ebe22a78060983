package buildcache

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ArtifactType is the media type of a step in a registry.
const ArtifactType = "application/vnd.buildah.cache.step.v1+json"

// Remote is what a step that another machine carried out has besides its entry.
type Remote struct {
	Place    string        `json:"place"`              // repository or directory, as the user calls it
	Manifest []byte        `json:"manifest,omitempty"` // of the image; none of a virtual step
	Layers   []RemoteLayer `json:"layers,omitempty"`   // that the step has added, the first one first
}

// RemoteLayer is a layer as it lies there.
type RemoteLayer struct {
	DiffID    digest.Digest `json:"diffID"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
	MediaType string        `json:"mediaType"`
	Unpacked  int64         `json:"unpacked"` // size of the tar
}

// artifact is the text of a step. Of the key it has only sums: values of build
// arguments are nobody's business.
type artifact struct {
	Version   int             `json:"version"`
	Parts     []PartSum       `json:"parts"`
	Config    []byte          `json:"config"`
	MediaType string          `json:"mediaType"`
	Virtual   bool            `json:"virtual,omitempty"`
	Manifest  []byte          `json:"manifest,omitempty"`
	Layers    []digest.Digest `json:"layers,omitempty"` // diff IDs of what the step has added
}

const artifactVersion = 1

// EncodeArtifact writes a step down. Its layers are told by their diff IDs only.
func EncodeArtifact(key Key, e Entry) ([]byte, error) {
	a := artifact{Version: artifactVersion, Parts: key.Sums(), Config: e.Config, MediaType: e.MediaType, Virtual: e.Virtual}
	if e.Remote != nil {
		a.Manifest = e.Remote.Manifest
		for _, l := range e.Remote.Layers {
			a.Layers = append(a.Layers, l.DiffID)
		}
	}
	return json.Marshal(a)
}

// DecodeArtifact reads a step that somebody else wrote down. It is an error when it
// is not that of the key, or is not all of one piece.
func DecodeArtifact(key Key, data []byte) (Entry, error) {
	var a artifact
	if len(data) > entryLimit {
		return Entry{}, errors.New("it is too long")
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return Entry{}, err
	}
	switch {
	case a.Version != artifactVersion:
		return Entry{}, fmt.Errorf("it has version %d, which is not known here", a.Version)
	case digestOf(a.Parts) != key.Digest():
		return Entry{}, errors.New("it belongs to another step")
	}
	sizes, err := a.check()
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Config: a.Config, MediaType: a.MediaType, Virtual: a.Virtual, Remote: &Remote{Manifest: a.Manifest}}
	for i, id := range a.Layers {
		e.Remote.Layers = append(e.Remote.Layers, RemoteLayer{DiffID: id, Unpacked: sizes[i]})
	}
	return e, nil
}

// check compares what is said more than once. It gives the sizes of the added layers.
func (a *artifact) check() (sizes []int64, err error) {
	var config imgspec.Image
	if err := json.Unmarshal(a.Config, &config); err != nil {
		return nil, fmt.Errorf("reading its configuration: %w", err)
	}
	all := config.RootFS.DiffIDs
	for _, id := range all {
		if err := id.Validate(); err != nil {
			return nil, fmt.Errorf("reading its configuration: %w", err)
		}
	}
	if a.Virtual {
		if len(a.Layers) > 0 || len(a.Manifest) > 0 {
			return nil, errors.New("it changes no files, and has layers")
		}
		return nil, nil
	}
	before := len(all) - len(a.Layers)
	if before < 0 || !slices.Equal(all[before:], a.Layers) {
		return nil, errors.New("its layers are not those of its configuration")
	}
	var m imgspec.Manifest
	if err := json.Unmarshal(a.Manifest, &m); err != nil {
		return nil, fmt.Errorf("reading its manifest: %w", err)
	}
	uncompressed := slices.EqualFunc(m.Layers, all, func(l imgspec.Descriptor, id digest.Digest) bool { return l.Digest == id })
	if m.Config.Digest != digest.FromBytes(a.Config) || m.MediaType != a.MediaType || !uncompressed {
		return nil, errors.New("its manifest is not that of its configuration")
	}
	for _, l := range m.Layers[before:] {
		sizes = append(sizes, l.Size)
	}
	return sizes, nil
}
