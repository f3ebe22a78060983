package builder

import (
	"net/netip"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/projectatomic/buildah/internal/network"
)

// ordinary is what a spec has that matters for the network.
func ordinary() *specsSpec {
	return &specsSpec{
		Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_NET_RAW"}}},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/src", Type: "bind", Source: "/home/proc", Options: []string{"rbind", "rw"}},
		},
		Linux: &specs.Linux{
			ReadonlyPaths: []string{"/proc/sys"},
			Namespaces:    []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace, Path: "/proc/1/fd/2"}},
		},
	}
}

// TestLeavesNetwork: after which commands another may have their network.
func TestLeavesNetwork(t *testing.T) {
	t.Parallel()
	if !leavesNetwork(ordinary()) {
		t.Error("nothing is used again")
	}
	for name, change := range map[string]func(*specsSpec){
		"a capability": func(s *specsSpec) {
			s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, "CAP_NET_ADMIN")
		},
		"all capabilities":  func(s *specsSpec) { s.Process.Capabilities = nil },
		"nothing read-only": func(s *specsSpec) { s.Linux.ReadonlyPaths = nil },
		"hooks":             func(s *specsSpec) { s.Hooks = &specs.Hooks{} },
		"the host's root":   func(s *specsSpec) { s.Mounts[1].Source = "/" },
		"the host's proc":   func(s *specsSpec) { s.Mounts[1].Source = "/proc/" },
		"settings":          func(s *specsSpec) { s.Mounts[1].Source = "/proc/sys/net" },
		"the host's PIDs":   func(s *specsSpec) { s.Linux.Namespaces = s.Linux.Namespaces[1:] },
		"others' PIDs":      func(s *specsSpec) { s.Linux.Namespaces[0].Path = "/proc/1/ns/pid" },
	} {
		s := ordinary()
		if change(s); leavesNetwork(s) {
			t.Errorf("%s: the network is used again", name)
		}
	}
}

// TestAddresses: what /etc/hosts says about the container and the machine.
func TestAddresses(t *testing.T) {
	t.Parallel()
	local := network.LocalAddress()
	own, gateway := netip.MustParseAddr("10.88.0.2"), netip.MustParseAddr("10.88.0.1")
	both := network.Connection{Addresses: []netip.Addr{own}, Gateways: []netip.Addr{gateway}}
	pasta, slirp := both, both
	pasta.Host, slirp.Host = "169.254.1.2", network.NoHost
	machine := local
	if machine == "" {
		machine = gateway.String()
	}
	for name, c := range map[string]struct {
		choice    networkChoice
		own, host string
	}{
		"host":            {networkChoice{host: true}, local, local},
		"bridge":          {networkChoice{configured: true, connection: both}, own.String(), machine},
		"pasta":           {networkChoice{configured: true, connection: pasta}, own.String(), "169.254.1.2"},
		"out of reach":    {networkChoice{configured: true, connection: slirp}, own.String(), ""},
		"without address": {networkChoice{configured: true}, "", local},
	} {
		x := &execution{network: c.choice}
		if gotOwn, gotHost := x.addresses(); gotOwn != c.own || gotHost != c.host {
			t.Errorf("%s: %q and %q, want %q and %q", name, gotOwn, gotHost, c.own, c.host)
		}
	}
}
