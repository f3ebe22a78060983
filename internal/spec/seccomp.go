package spec

import (
	"fmt"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Seccomp chooses which system calls are let through.
type Seccomp struct {
	Unconfined bool   // all of them
	Profile    []byte // JSON; nil means the built-in profile
	Name       string // of the profile's file, for messages
}

// evaluate makes a filter of the profile, for the capabilities that s gives.
func (c Seccomp) evaluate(s *specs.Spec) (*specs.LinuxSeccomp, error) {
	switch {
	case c.Unconfined:
		return nil, nil
	case c.Profile == nil:
		filter, err := seccomp.GetDefaultProfile(s)
		if err != nil {
			return nil, fmt.Errorf("evaluating the built-in seccomp profile: %w", err)
		}
		return filter, nil
	}
	filter, err := seccomp.LoadProfile(string(c.Profile), s)
	if err != nil {
		return nil, fmt.Errorf("evaluating the seccomp profile %q: %w", c.Name, err)
	}
	return filter, nil
}
