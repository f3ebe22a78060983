package transfer

import (
	"encoding/json"
	"fmt"
	"slices"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// RegistrySources narrows the registries that may be used. Hosts are compared as
// they stand in the image name.
type RegistrySources struct {
	Insecure []string `json:"insecureRegistries,omitempty"`
	Blocked  []string `json:"blockedRegistries,omitempty"`
	Allowed  []string `json:"allowedRegistries,omitempty"` // empty: all
}

// ParseRegistrySources parses the value of BUILD_REGISTRY_SOURCES; "" allows everything.
func ParseRegistrySources(text string) (RegistrySources, error) {
	var s RegistrySources
	if text == "" {
		return s, nil
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("parsing the registry sources %q: %w", text, err)
	}
	return s, nil
}

// permit refuses references to blocked registries, and returns a context that
// knows whether the registry is an insecure one. References that are no names at
// a registry are always permitted.
func (c *Client) permit(sys *types.SystemContext, ref types.ImageReference) (*types.SystemContext, error) {
	named := ref.DockerReference()
	if named == nil || ref.Transport().Name() != "docker" && ref.Transport().Name() != "atomic" {
		return sys, nil
	}
	host := reference.Domain(named)
	s := c.System.Sources
	if slices.Contains(s.Blocked, host) {
		return nil, fmt.Errorf("using %q: registry %q is blocked by the registry sources of this build", named, host)
	}
	if len(s.Allowed) > 0 && !slices.Contains(s.Allowed, host) {
		return nil, fmt.Errorf("using %q: registry %q is not among the registry sources that this build allows", named, host)
	}
	conf, err := sysregistriesv2.FindRegistry(sys, named.Name())
	if err != nil {
		return nil, fmt.Errorf("reading the registries configuration: %w", err)
	}
	if conf != nil && conf.Blocked {
		return nil, fmt.Errorf("using %q: registry %q is blocked in %s", named, conf.Prefix, sysregistriesv2.ConfigurationSourceDescription(sys))
	}
	if sys, err = c.withHelper(sys, named); err != nil {
		return nil, err
	}
	if sys.DockerInsecureSkipTLSVerify == types.OptionalBoolUndefined && slices.Contains(s.Insecure, host) {
		insecure := *sys
		setVerify(&insecure, Off)
		return &insecure, nil
	}
	return sys, nil
}
