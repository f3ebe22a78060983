package transfer

import (
	"fmt"
	"io"

	"go.podman.io/image/v5/types"
	"go.podman.io/storage/pkg/configfile"
	"go.podman.io/storage/pkg/unshare"
	"go.yaml.in/yaml/v3"
)

// lookaside is what we want to know of the files of registries.d: the library, too,
// reads them, but tells only after an upload that it may not write signatures.
type lookaside struct {
	Default struct {
		Attachments *bool `yaml:"use-sigstore-attachments"`
	} `yaml:"default-docker"`
	Docker map[string]struct {
		Attachments *bool `yaml:"use-sigstore-attachments"`
	} `yaml:"docker"`
}

// NoAttachmentsError is a registry that takes no sigstore signatures, as far as
// registries.d says.
type NoAttachmentsError struct{ Repository string }

func (e *NoAttachmentsError) Error() string {
	return fmt.Sprintf("sigstore signatures are not enabled for %q: no file of registries.d says \"use-sigstore-attachments: true\" for it", e.Repository)
}

// checkAttachments finds out whether sigstore signatures may be written to a registry.
func checkAttachments(sys *types.SystemContext, dest types.ImageReference) error {
	if dest.Transport().Name() != registryTransport {
		return nil
	}
	merged, err := readLookaside(sys)
	if err != nil {
		return err
	}
	for _, scope := range append([]string{dest.PolicyConfigurationIdentity()}, dest.PolicyConfigurationNamespaces()...) {
		if on := merged.Docker[scope].Attachments; on != nil {
			return attachmentsError(*on, dest)
		}
	}
	on := merged.Default.Attachments
	return attachmentsError(on != nil && *on, dest)
}

func attachmentsError(on bool, dest types.ImageReference) error {
	if on {
		return nil
	}
	return &NoAttachmentsError{dest.DockerReference().Name()}
}

// readLookaside reads the files where the library reads them. Those that contradict
// each other are the library's to refuse.
func readLookaside(sys *types.SystemContext) (merged lookaside, err error) {
	for item, err := range configfile.Read(&configfile.File{
		Name: "registries", Extension: "yaml", DoNotLoadMainFiles: true, DoNotUseExtensionForConfigName: true,
		UserId: unshare.GetRootlessUID(), CustomConfigFileDropInDirectory: sys.RegistriesDirPath,
	}) {
		if err != nil {
			return merged, fmt.Errorf("reading registries.d: %w", err)
		}
		data, err := io.ReadAll(item.Reader)
		if err == nil {
			err = yaml.Unmarshal(data, &merged)
		}
		if err != nil {
			return merged, fmt.Errorf("reading %q: %w", item.Name, err)
		}
	}
	return merged, nil
}
