package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Definition is one network, in the form that podman keeps it in and netavark takes.
type Definition struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"`
	Driver     string            `json:"driver"`
	Interface  string            `json:"network_interface,omitempty"`
	Created    string            `json:"created,omitempty"`
	Subnets    []Subnet          `json:"subnets,omitempty"`
	Routes     []Route           `json:"routes,omitempty"`
	IPv6       bool              `json:"ipv6_enabled"`
	Internal   bool              `json:"internal"`
	DNS        bool              `json:"dns_enabled"`
	DNSServers []string          `json:"network_dns_servers,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Options    map[string]string `json:"options,omitempty"`
	IPAM       map[string]string `json:"ipam_options,omitempty"`
}

// Subnet is a range of addresses of a network.
type Subnet struct {
	Subnet     netip.Prefix `json:"subnet"`
	Gateway    *netip.Addr  `json:"gateway,omitempty"`
	LeaseRange *LeaseRange  `json:"lease_range,omitempty"`
}

// LeaseRange is the part of a subnet that containers get addresses from.
type LeaseRange struct {
	Start *netip.Addr `json:"start_ip,omitempty"`
	End   *netip.Addr `json:"end_ip,omitempty"`
}

// Route is one that containers get.
type Route struct {
	Destination netip.Prefix `json:"destination"`
	Gateway     *netip.Addr  `json:"gateway,omitempty"`
	Metric      *uint32      `json:"metric,omitempty"`
	Type        string       `json:"route_type,omitempty"`
}

// ErrUnknown says that no network has a name.
var ErrUnknown = errors.New("network not found")

const (
	defaultID        = "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9" // by convention
	defaultInterface = "podman0"
	definitionLimit  = 1 << 20 // bytes of a file
)

// definitions knows the networks of a machine.
type definitions struct {
	dir     string
	name    string // of the network that needs no file
	subnet  string // its addresses
	present func() ([]hostNet, error)
}

// find gives a network by its name.
func (d definitions) find(name string) (Definition, error) {
	n, err := readDefinition(filepath.Join(d.dir, name+".json"), name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && name == d.name:
		n, err = d.builtIn()
	case errors.Is(err, fs.ErrNotExist):
		return n, fmt.Errorf("%w: %q has no file in %q", ErrUnknown, name, d.dir)
	}
	if err != nil {
		return n, fmt.Errorf("network %q: %w", name, err)
	}
	return n, d.collides(n)
}

// builtIn is the network that exists without a file.
func (d definitions) builtIn() (Definition, error) {
	subnet, err := netip.ParsePrefix(d.subnet)
	if err != nil {
		return Definition{}, fmt.Errorf("default_subnet of containers.conf: %w", err)
	}
	subnet = subnet.Masked()
	gateway := subnet.Addr().Next()
	n := Definition{
		Name: d.name, ID: defaultID, Driver: "bridge", Interface: defaultInterface,
		Subnets: []Subnet{{Subnet: subnet, Gateway: &gateway}}, IPv6: subnet.Addr().Is6(),
		IPAM: map[string]string{"driver": "host-local"},
	}
	return n, n.check()
}

func readDefinition(file, name string) (Definition, error) {
	f, err := os.Open(file)
	if err != nil {
		return Definition{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, definitionLimit+1))
	if err != nil {
		return Definition{}, err
	}
	if len(data) > definitionLimit {
		return Definition{}, fmt.Errorf("%q has more than %d bytes", file, definitionLimit)
	}
	n, err := parseDefinition(data)
	if err != nil {
		return n, fmt.Errorf("reading %q: %w", file, err)
	}
	if n.Name != name {
		return n, fmt.Errorf("%q is of the network %q", file, n.Name)
	}
	return n, nil
}

func parseDefinition(data []byte) (Definition, error) {
	var n Definition
	if err := json.Unmarshal(data, &n); err != nil {
		return n, err
	}
	return n, n.check()
}

// check finds what netavark would choke on, or what would leave no address.
func (n Definition) check() error {
	switch {
	case !namePattern.MatchString(n.Name):
		return fmt.Errorf("%q cannot be the name of a network", n.Name)
	case len(n.ID) != 64 || strings.Trim(n.ID, "0123456789abcdef") != "":
		return fmt.Errorf("id %q is not of 64 hexadecimal digits", n.ID)
	case n.Driver == "":
		return errors.New("no driver is given")
	case n.Driver == "bridge" && n.Interface == "":
		return errors.New("no network_interface is given, the name of the bridge")
	case n.IPAM["driver"] == "dhcp":
		return errors.New("its addresses come by DHCP, which needs a service of netavark's that is not supported: use --network host, or a network with subnets")
	}
	for _, s := range n.Subnets {
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

func (s Subnet) check() error {
	if !s.Subnet.IsValid() || s.Subnet != s.Subnet.Masked() {
		return fmt.Errorf("%q is not a subnet", s.Subnet)
	}
	inside := map[string]*netip.Addr{"gateway": s.Gateway}
	if r := s.LeaseRange; r != nil {
		inside["start_ip"], inside["end_ip"] = r.Start, r.End
	}
	for what, a := range inside {
		if a != nil && !s.Subnet.Contains(*a) {
			return fmt.Errorf("%s %q is not in the subnet %q", what, a, s.Subnet)
		}
	}
	return nil
}

// leased tells whether we choose the addresses of containers.
func (n Definition) leased() bool { return n.IPAM["driver"] != "none" }

// hostNet is a subnet that an interface of the machine is in.
type hostNet struct {
	iface  string
	subnet netip.Prefix
}

// collides refuses a bridge whose addresses another interface has already: with two
// routes for the same addresses, nobody is reached.
func (d definitions) collides(n Definition) error {
	if n.Driver != "bridge" || d.present == nil {
		return nil
	}
	have, err := d.present()
	if err != nil {
		return fmt.Errorf("network %q: %w", n.Name, err)
	}
	for _, s := range n.Subnets {
		for _, h := range have {
			if h.iface != n.Interface && h.subnet.Overlaps(s.Subnet) {
				return fmt.Errorf("network %q: its subnet %s is in use by the interface %q (%s): set another default_subnet in containers.conf, or name another network",
					n.Name, s.Subnet, h.iface, h.subnet)
			}
		}
	}
	return nil
}
