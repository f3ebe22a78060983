package imageconfig

import (
	"fmt"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/suggest"
)

// Media types of the Docker format.
const (
	dockerManifestType = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfigType   = "application/vnd.docker.container.image.v1+json"
	dockerLayerType    = "application/vnd.docker.image.rootfs.diff.tar"
)

// Format is the format of an image's configuration and manifest.
type Format string

// The formats.
const (
	FormatOCI    Format = "oci"
	FormatDocker Format = "docker"
)

// ParseFormat understands the words of `--format`.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case FormatOCI, FormatDocker:
		return f, nil
	}
	return "", fmt.Errorf("unrecognized image type %q%s: it is oci or docker", s, suggest.Instead(s, "oci", "docker"))
}

// FormatOf gives the format that a manifest of the media type is in. What is not
// Docker's is OCI.
func FormatOf(mediaType string) Format {
	if mediaType == dockerManifestType {
		return FormatDocker
	}
	return FormatOCI
}

// OrDefault gives the format, or OCI where none is chosen.
func (f Format) OrDefault() Format {
	if f == "" {
		return FormatOCI
	}
	return f
}

// MediaType is the media type of manifests in this format.
func (f Format) MediaType() string {
	if f == FormatDocker {
		return dockerManifestType
	}
	return ociv1.MediaTypeImageManifest
}
