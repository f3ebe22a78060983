package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// version is netavark's; a suffix such as "-dev" does not count.
type version struct{ major, minor int }

// parseVersion reads what `netavark --version` prints.
func parseVersion(text string) (version, error) {
	_, number, ok := strings.Cut(strings.TrimSpace(text), " ")
	parts := strings.SplitN(number, ".", 3)
	if !ok || len(parts) < 2 {
		return version{}, fmt.Errorf("%q is not the version of netavark", text)
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err := errors.Join(err1, err2); err != nil {
		return version{}, fmt.Errorf("%q is not the version of netavark", text)
	}
	return version{major, minor}, nil
}

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// since says from when on netavark has what a network can ask for; before, it would
// not do it, or something else.
var since = []struct {
	version
	what string
	used func(Definition) bool
}{
	{version{1, 5}, "the driver ipvlan", func(n Definition) bool { return n.Driver == "ipvlan" }},
	{version{1, 6}, "drivers of plugins", Definition.plugin},
	{version{1, 7}, "routes", func(n Definition) bool { return len(n.Routes) > 0 }},
	{version{1, 7}, "the option no_default_route", func(n Definition) bool { return n.Options["no_default_route"] != "" }},
	{version{1, 7}, "the option isolate=strict", func(n Definition) bool { return n.Options["isolate"] == "strict" }},
	{version{1, 8}, "the option vrf", func(n Definition) bool { return n.Options["vrf"] != "" }},
	{version{1, 14}, "the option vlan", func(n Definition) bool { return n.Options["vlan"] != "" }},
	{version{1, 14}, "the option mode=unmanaged", func(n Definition) bool { return n.Driver == "bridge" && n.Options["mode"] == "unmanaged" }},
}

// plugin tells whether the driver is a program beside netavark.
func (n Definition) plugin() bool {
	switch n.Driver {
	case "bridge", "macvlan", "ipvlan":
		return false
	}
	return true
}

// supports refuses networks that this version would not make as they are defined.
func (v version) supports(networks []Definition) error {
	for _, n := range networks {
		for _, s := range since {
			if s.used(n) && !v.atLeast(s.major, s.minor) {
				return fmt.Errorf("network %q: %s needs netavark %s, this one is %s", n.Name, s.what, s.version, v)
			}
		}
	}
	return nil
}

// attachment is a container's part in one network.
type attachment struct {
	Name      string       `json:"name,omitempty"` // where attachments are a list
	Interface string       `json:"interface_name"`
	IPs       []netip.Addr `json:"static_ips,omitempty"`
}

// document is what netavark reads.
type document struct {
	ID       string                `json:"container_id"`
	Name     string                `json:"container_name"`
	Networks any                   `json:"networks"`
	Info     map[string]Definition `json:"network_info"`
}

// compose makes the document for a version. From 2.0 on the networks are a list,
// which keeps their order: before, it is by name that the default route is found.
func compose(v version, id, container string, networks []Definition, ips map[string][]netip.Addr) ([]byte, error) {
	d := document{ID: id, Name: container, Info: map[string]Definition{}}
	byName, list := map[string]attachment{}, []attachment{}
	for i, n := range networks {
		a := attachment{Interface: "eth" + strconv.Itoa(i), IPs: ips[n.Name]}
		byName[n.Name] = a
		a.Name = n.Name
		list = append(list, a)
		if !v.atLeast(2, 0) {
			n.Created, n.Labels = "", nil
		}
		d.Info[n.Name] = n
	}
	d.Networks = byName
	if v.atLeast(2, 0) {
		d.Networks = list
	}
	return json.MarshalIndent(d, "", "  ")
}

// reply is what netavark answers, for one network.
type reply struct {
	Search     []string `json:"dns_search_domains"`
	Servers    []string `json:"dns_server_ips"`
	Interfaces map[string]struct {
		Subnets []struct {
			Net     netip.Prefix `json:"ipnet"`
			Gateway *netip.Addr  `json:"gateway"`
		} `json:"subnets"`
	} `json:"interfaces"`
}

// parseReply gathers what a container has to know of its networks, in their order.
func parseReply(data []byte, networks []Definition) (Connection, error) {
	var all map[string]reply
	var c Connection
	if err := json.Unmarshal(data, &all); err != nil {
		return c, fmt.Errorf("reading the answer of netavark: %w", err)
	}
	for i, n := range networks {
		r := all[n.Name]
		for _, s := range r.Interfaces["eth"+strconv.Itoa(i)].Subnets {
			c.Addresses = append(c.Addresses, s.Net.Addr())
			if s.Gateway != nil {
				c.Gateways = append(c.Gateways, *s.Gateway)
			}
			c.IPv6 = c.IPv6 || s.Net.Addr().Is6()
		}
		for _, text := range r.Servers {
			if _, err := netip.ParseAddr(text); err == nil {
				c.Servers = append(c.Servers, text)
			}
		}
		for _, domain := range r.Search {
			if domain != "" && !strings.ContainsFunc(domain, unprintable) {
				c.Search = append(c.Search, domain)
			}
		}
	}
	return c, nil
}

// unprintable is what has no place in a line of resolv.conf.
func unprintable(r rune) bool { return r <= ' ' || r == 0x7f }
