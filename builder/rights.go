package builder

import (
	"fmt"
	"os"
	"strings"

	"github.com/moby/sys/capability"

	"github.com/projectatomic/buildah/internal/spec"
)

// security is what the process may do: the record's rights, changed for this run.
func (x *execution) security() (spec.Security, error) {
	common := x.record.CommonBuildOpts
	for _, names := range [][]string{x.o.Security.CapAdd, x.o.Security.CapDrop} {
		if err := spec.CheckPrefixed(names); err != nil {
			return spec.Security{}, err
		}
	}
	add, drop := x.o.Security.CapAdd, x.o.Security.CapDrop
	if x.o.Security.Insecure {
		add, drop = []string{"all"}, nil
	}
	caps, err := spec.Capabilities(x.record.Capabilities, add, drop)
	if err != nil {
		return spec.Security{}, err
	}
	filter, err := seccompProfile(common.SeccompProfilePath)
	if err != nil {
		return spec.Security{}, err
	}
	return spec.Security{
		Capabilities: caps, Held: heldCapabilities(), Seccomp: filter, NoNewPrivileges: common.NoNewPrivileges,
		AppArmor: appArmorProfile(common.ApparmorProfile), ProcessLabel: x.record.ProcessLabel, MountLabel: x.record.MountLabel,
		Insecure: x.o.Security.Insecure,
	}, nil
}

// appArmorProfile is the profile for a runtime, which takes no word for none.
func appArmorProfile(name string) string {
	if name == "unconfined" {
		return ""
	}
	return name
}

// heldCapabilities is what this process can hand on; nil means everything.
func heldCapabilities() []string {
	self, err := capability.NewPid2(0)
	if err != nil || self.Load() != nil {
		return nil
	}
	var held []string
	for _, c := range capability.ListKnown() {
		if self.Get(capability.BOUNDING, c) {
			held = append(held, "CAP_"+strings.ToUpper(c.String()))
		}
	}
	return held
}

// seccompProfile reads the profile that the record names: "" is the built-in one.
func seccompProfile(path string) (spec.Seccomp, error) {
	switch path {
	case "":
		return spec.Seccomp{}, nil
	case "unconfined":
		return spec.Seccomp{Unconfined: true}, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return spec.Seccomp{}, fmt.Errorf("reading the seccomp profile: %w", err)
	}
	return spec.Seccomp{Profile: data, Name: path}, nil
}
