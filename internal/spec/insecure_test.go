package spec

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestLift(t *testing.T) {
	t.Parallel()
	in := Input{Root: "/root", Process: Process{Args: []string{"x"}}, Security: Security{NoNewPrivileges: true, AppArmor: "p"}}
	confined, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	in.Security.Insecure = true
	s, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Linux.MaskedPaths) + len(s.Linux.ReadonlyPaths); n != 0 || s.Linux.Seccomp != nil {
		t.Errorf("%d paths and seccomp %v are left", n, s.Linux.Seccomp)
	}
	if p := s.Process; p.NoNewPrivileges || p.ApparmorProfile != "" {
		t.Errorf("got %+v", p)
	}
	if d := s.Linux.Resources.Devices; len(d) != 1 || !d[0].Allow {
		t.Errorf("devices: %+v", d)
	}
	readonly := func(s *specs.Spec) bool {
		at := slices.IndexFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == "/sys" })
		return slices.Contains(s.Mounts[at].Options, "ro")
	}
	if readonly(s) || !readonly(confined) {
		t.Error("/sys can be written to without, and only without, confinement")
	}
	if confined.Linux.Seccomp == nil || len(confined.Linux.MaskedPaths) == 0 {
		t.Error("the other one is no longer confined")
	}
}
