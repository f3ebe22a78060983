package spec

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// lift takes away what keeps a process that has every capability from using it:
// nothing is hidden or read-only, no profile holds, and every device may be made
// with mknod and used.
func lift(s *specs.Spec) {
	l := s.Linux
	l.MaskedPaths, l.ReadonlyPaths, l.Seccomp = nil, nil, nil
	s.Process.NoNewPrivileges, s.Process.ApparmorProfile = false, ""
	l.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
	for i := range s.Mounts {
		if m := &s.Mounts[i]; m.Type == "sysfs" {
			m.Options = slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return o == "ro" })
		}
	}
}
