package imageconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Build is what the configuration and the manifest of a new image are made of.
type Build struct {
	Format      Format // "" means OCI
	Image       Image  // OCI.RootFS.DiffIDs are those of Layers, in order
	Layers      []Layer
	History     []History         // all of it; replaces that of Image
	Annotations map[string]string // of the manifest; the Docker format has none
	Created     time.Time
	FixedTime   bool   // Created was asked for: nothing may tell this build from another
	ContainerID string // "" without a container
}

// Layer is a layer as the manifest lists it.
type Layer struct {
	Digest    digest.Digest
	Size      int64
	MediaType string // "" means uncompressed, in the type of the format
}

// fixedHostname is the host name in images that must come out the same each time.
const fixedHostname = "sandbox"

// Render gives the configuration blob and the manifest: compact JSON, and the
// same bytes for the same input.
func Render(b Build) (config, manifest []byte, err error) {
	if err := b.check(); err != nil {
		return nil, nil, fmt.Errorf("assembling an image: %w", err)
	}
	b.Created = b.Created.UTC()
	if b.Format.OrDefault() == FormatDocker {
		config, err = json.Marshal(b.docker())
	} else {
		config, err = json.Marshal(b.oci())
	}
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the image configuration: %w", err)
	}
	if b.Format.OrDefault() == FormatDocker {
		manifest, err = json.Marshal(b.dockerManifest(config))
	} else {
		manifest, err = json.Marshal(b.ociManifest(config))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the manifest: %w", err)
	}
	return config, manifest, nil
}

// check finds what would make an image that others refuse.
func (b *Build) check() error {
	ids := b.Image.OCI.RootFS.DiffIDs
	if len(ids) != len(b.Layers) {
		return fmt.Errorf("there are %d layers, but %d digests of their content", len(b.Layers), len(ids))
	}
	for _, l := range b.Layers {
		if err := l.Digest.Validate(); err != nil {
			return fmt.Errorf("layer %q: %w", l.Digest, err)
		}
		if b.Format == FormatDocker && strings.Contains(l.MediaType, "zstd") {
			return errors.New("the docker format has no layers compressed by zstd; use the oci format")
		}
	}
	if len(b.History) == 0 {
		return nil
	}
	count := 0
	for _, h := range b.History {
		if !h.EmptyLayer {
			count++
		}
	}
	if count != len(ids) {
		return fmt.Errorf("the history speaks of %d layers, but there are %d", count, len(ids))
	}
	return nil
}

func (b *Build) rootFS() ociv1.RootFS {
	return ociv1.RootFS{Type: layersType, DiffIDs: append([]digest.Digest{}, b.Image.OCI.RootFS.DiffIDs...)}
}

func (b *Build) oci() OCI {
	o := b.Image.OCI
	o.Created, o.RootFS, o.History = &b.Created, b.rootFS(), b.History
	return o
}

func (b *Build) docker() Docker {
	d := b.Image.Docker
	d.ID, d.DockerVersion, d.Container = "", "", b.ContainerID
	d.Created, d.RootFS = b.Created, b.rootFS()
	switch {
	case b.FixedTime:
		d.Container, d.Config.Hostname, d.Config.Domainname = "", fixedHostname, ""
	case d.Config.Hostname == "":
		d.Config.Hostname = b.ContainerID[:min(12, len(b.ContainerID))]
	}
	d.ContainerConfig = d.Config
	d.History = []DockerHistory{}
	for _, h := range b.History {
		entry := DockerHistory{Created: b.Created, CreatedBy: h.CreatedBy, Author: h.Author, Comment: h.Comment, EmptyLayer: h.EmptyLayer}
		if h.Created != nil {
			entry.Created = *h.Created
		}
		d.History = append(d.History, entry)
	}
	return d
}

func (b *Build) ociManifest(config []byte) ociv1.Manifest {
	m := ociv1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ociv1.MediaTypeImageManifest,
		Config: ociv1.Descriptor{MediaType: ociv1.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))},
		Layers: []ociv1.Descriptor{}, Annotations: b.Annotations,
	}
	for _, l := range b.Layers {
		m.Layers = append(m.Layers, ociv1.Descriptor{MediaType: l.mediaType(ociv1.MediaTypeImageLayer), Digest: l.Digest, Size: l.Size})
	}
	return m
}

// dockerManifest is a manifest of version 2, schema 2.
type dockerManifest struct {
	SchemaVersion int                `json:"schemaVersion"`
	MediaType     string             `json:"mediaType"`
	Config        dockerDescriptor   `json:"config"`
	Layers        []dockerDescriptor `json:"layers"`
}

type dockerDescriptor struct {
	MediaType string        `json:"mediaType"`
	Size      int64         `json:"size"`
	Digest    digest.Digest `json:"digest"`
}

func (b *Build) dockerManifest(config []byte) dockerManifest {
	m := dockerManifest{
		SchemaVersion: 2, MediaType: dockerManifestType,
		Config: dockerDescriptor{MediaType: dockerConfigType, Size: int64(len(config)), Digest: digest.FromBytes(config)},
		Layers: []dockerDescriptor{},
	}
	for _, l := range b.Layers {
		m.Layers = append(m.Layers, dockerDescriptor{MediaType: l.mediaType(dockerLayerType), Size: l.Size, Digest: l.Digest})
	}
	return m
}

func (l Layer) mediaType(plain string) string {
	if l.MediaType == "" {
		return plain
	}
	return l.MediaType
}
