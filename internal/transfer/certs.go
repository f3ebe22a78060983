package transfer

import (
	"crypto/tls"
	"fmt"

	"go.podman.io/image/v5/pkg/tlsclientconfig"
)

// LoadCertDir adds the certificates and keys of a directory, laid out as
// --cert-dir takes it, to a TLS configuration.
func LoadCertDir(config *tls.Config, dir string) error {
	if err := tlsclientconfig.SetupCertificates(dir, config); err != nil {
		return fmt.Errorf("loading the certificates in %q: %w", dir, err)
	}
	return nil
}
