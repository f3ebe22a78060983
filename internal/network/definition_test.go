package network

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const someID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// bridge is a definition as podman writes them.
const bridge = `{
     "name": "web",
     "id": "` + someID + `",
     "driver": "bridge",
     "network_interface": "podman1",
     "created": "2026-01-02T03:04:05.123456789Z",
     "subnets": [
          {"subnet": "10.89.0.0/24", "gateway": "10.89.0.1", "lease_range": {"start_ip": "10.89.0.10", "end_ip": "10.89.0.20"}},
          {"subnet": "fd00:1::/64", "gateway": "fd00:1::1"}
     ],
     "ipv6_enabled": true,
     "internal": false,
     "dns_enabled": true,
     "network_dns_servers": ["192.0.2.53"],
     "labels": {"a": "b"},
     "options": {"mtu": "1400"},
     "ipam_options": {"driver": "host-local"}
}`

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "web.json", bridge)
	write(t, dir, "other.json", bridge)
	write(t, dir, "torn.json", bridge[:100])
	taken := func() ([]hostNet, error) {
		return []hostNet{{"podman1", netip.MustParsePrefix("10.89.0.0/24")}, {"eth0", netip.MustParsePrefix("10.88.7.0/24")}}, nil
	}
	d := definitions{dir: dir, name: "podman", subnet: "10.88.0.0/16"}
	n, err := d.find("web")
	if err != nil || n.Interface != "podman1" || len(n.Subnets) != 2 || !n.DNS || !n.leased() {
		t.Errorf("%v %+v", err, n)
	}
	n, err = d.find("podman")
	if err != nil || n.ID != defaultID || n.Interface != "podman0" || n.Subnets[0].Gateway.String() != "10.88.0.1" || n.DNS {
		t.Errorf("%v %+v", err, n)
	}
	if _, err := d.find("nosuch"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	d.present = taken
	if _, err := d.find("web"); err != nil { // its own bridge
		t.Error(err)
	}
	for name, says := range map[string]string{
		"other":  `"web"`,
		"torn":   "torn.json",
		"podman": `in use by the interface "eth0" (10.88.7.0/24)`,
	} {
		if _, err := d.find(name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", name, err, says)
		}
	}
	for _, subnet := range []string{"", "10.88.0.0", "10.88.0.0/40"} {
		if _, err := (definitions{dir: dir, name: "podman", subnet: subnet}).find("podman"); err == nil {
			t.Errorf("default_subnet %q is accepted", subnet)
		}
	}
}

func TestDefinitionsRefused(t *testing.T) {
	t.Parallel()
	for what, change := range map[string][2]string{
		"cannot be the name":   {`"name": "web"`, `"name": "../web"`},
		"64 hexadecimal":       {someID, "ABC"},
		"no driver":            {`"driver": "bridge"`, `"driver": ""`},
		"network_interface":    {`"podman1"`, `""`},
		"DHCP":                 {"host-local", "dhcp"},
		"is not a subnet":      {"10.89.0.0/24", "10.89.0.7/24"},
		"gateway":              {`"10.89.0.1"`, `"10.90.0.1"`},
		"start_ip":             {`"10.89.0.10"`, `"10.90.0.10"`},
		"end_ip":               {`"10.89.0.20"`, `"fd00::1"`},
		"unable to parse":      {`"10.89.0.1"`, `"gate"`},
		"invalid character":    {`{`, `[`},
		"cannot unmarshal str": {`"ipv6_enabled": true`, `"ipv6_enabled": "yes"`},
	} {
		_, err := parseDefinition([]byte(strings.Replace(bridge, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), what) && !strings.Contains(err.Error(), "ParseAddr") {
			t.Errorf("%q for %q: got %v, want %q", change[1], change[0], err, what)
		}
	}
}

func FuzzDefinition(f *testing.F) {
	f.Add([]byte(bridge), uint16(3))
	f.Add([]byte(`{"subnets":[{"subnet":"0.0.0.0/0"}]}`), uint16(0))
	f.Fuzz(func(t *testing.T, data []byte, taken uint16) {
		n, err := parseDefinition(data)
		if err != nil {
			return
		}
		for _, s := range n.Subnets {
			left := int(taken)
			a, ok := s.next(netip.Addr{}, func(netip.Addr) bool { left--; return left >= 0 })
			if ok && (!s.Subnet.Contains(a) || s.Gateway != nil && a == *s.Gateway) {
				t.Errorf("%v gives %v", s, a)
			}
		}
	})
}
