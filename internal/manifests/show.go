package manifests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
)

// shownList is a list as it is shown: what both formats can say, in one order.
type shownList struct {
	SchemaVersion int                 `json:"schemaVersion"`
	MediaType     string              `json:"mediaType"`
	ArtifactType  string              `json:"artifactType,omitempty"`
	Manifests     []shownEntry        `json:"manifests"`
	Subject       *imgspec.Descriptor `json:"subject,omitempty"`
	Annotations   map[string]string   `json:"annotations,omitempty"`
}

type shownEntry struct {
	MediaType    string                       `json:"mediaType"`
	Size         int64                        `json:"size"`
	Digest       digest.Digest                `json:"digest"`
	URLs         []string                     `json:"urls,omitempty"`
	Platform     manifest.Schema2PlatformSpec `json:"platform"`
	Annotations  map[string]string            `json:"annotations,omitempty"`
	ArtifactType string                       `json:"artifactType,omitempty"`
	Data         []byte                       `json:"data,omitempty"`
	Files        []string                     `json:"files,omitempty"`
}

// Show writes a list of the store for a reader, with what is known of its members
// beyond what a registry would serve.
func (l *List) Show() ([]byte, error) {
	shown := shownList{
		SchemaVersion: 2, MediaType: imgspec.MediaTypeImageIndex, ArtifactType: l.ArtifactType,
		Manifests: []shownEntry{}, Subject: l.Subject, Annotations: l.Annotations,
	}
	if l.docker() {
		shown.MediaType = manifest.DockerV2ListMediaType
	}
	for _, e := range l.Entries {
		entry := shownEntry{
			MediaType: e.MediaType, Size: e.Size, Digest: e.Digest, URLs: e.URLs,
			Annotations: e.Annotations, ArtifactType: e.ArtifactType, Data: e.Data, Files: e.Files,
		}
		if p := e.Platform; p != nil {
			entry.Platform = manifest.Schema2PlatformSpec{
				Architecture: p.Architecture, OS: p.OS, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures, Variant: p.Variant, Features: e.Features,
			}
		}
		shown.Manifests = append(shown.Manifests, entry)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", strings.Repeat(" ", 4))
	if err := enc.Encode(shown); err != nil {
		return nil, fmt.Errorf("showing a list: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
