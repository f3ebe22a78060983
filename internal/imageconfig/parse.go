package imageconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Limit bounds the configurations and manifests that are read: 4 MiB, as in
// other tools.
const Limit = 4 << 20

// Parse reads a configuration blob of either format. manifestType is the media
// type of the manifest that names it, "" if unknown. What the blob says is kept in
// both formats; settings that only the Docker format has are kept from OCI blobs
// too, since other builders write them there.
func Parse(config []byte, manifestType string) (Image, error) {
	var d Docker
	if err := decodeObject(config, &d); err != nil {
		return Image{}, fmt.Errorf("parsing an image configuration%s: %w", named(manifestType), err)
	}
	for n, id := range d.RootFS.DiffIDs {
		if err := id.Validate(); err != nil {
			return Image{}, fmt.Errorf("parsing an image configuration: layer %d has digest %q: %w", n, id, err)
		}
	}
	if d.RootFS.Type == "" {
		d.RootFS.Type = layersType
	}
	return Image{OCI: ociOf(d), Docker: d}, nil
}

func named(mediaType string) string {
	if mediaType == "" {
		return ""
	}
	return fmt.Sprintf(" of type %q", mediaType)
}

// decodeObject decodes a bounded JSON object.
func decodeObject(data []byte, into any) error {
	if len(data) > Limit {
		return fmt.Errorf("it has %d bytes, more than %d", len(data), Limit)
	}
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return errors.New("it is not a JSON object")
	}
	return json.Unmarshal(data, into)
}

// ociOf gives the OCI form of a Docker configuration.
func ociOf(d Docker) OCI {
	c := d.Config.clone()
	d = d.clone()
	o := OCI{
		Author:   d.Author,
		Platform: ociv1.Platform{Architecture: d.Architecture, Variant: d.Variant, OS: d.OS, OSVersion: d.OSVersion, OSFeatures: d.OSFeatures},
		Config: ociv1.ImageConfig{
			User: c.User, ExposedPorts: c.ExposedPorts, Env: c.Env, Entrypoint: c.Entrypoint, Cmd: c.Cmd, Volumes: c.Volumes,
			WorkingDir: c.WorkingDir, Labels: c.Labels, StopSignal: c.StopSignal,
			ArgsEscaped: c.ArgsEscaped, //nolint:staticcheck // images of Windows still carry it
		},
		RootFS: d.RootFS,
	}
	if !d.Created.IsZero() {
		created := d.Created
		o.Created = &created
	}
	for _, h := range d.History {
		o.History = append(o.History, h.oci())
	}
	return o
}

func (h DockerHistory) oci() History {
	entry := History{CreatedBy: h.CreatedBy, Author: h.Author, Comment: h.Comment, EmptyLayer: h.EmptyLayer}
	if !h.Created.IsZero() {
		created := h.Created
		entry.Created = &created
	}
	return entry
}

// ParseAnnotations gives the annotations of a manifest; Docker's have none.
func ParseAnnotations(manifest []byte) (map[string]string, error) {
	var m struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := decodeObject(manifest, &m); err != nil {
		return nil, fmt.Errorf("parsing a manifest: %w", err)
	}
	return m.Annotations, nil
}
