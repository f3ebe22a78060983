package rootfs

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// HostsInput is what a container's /etc/hosts is made of.
type HostsInput struct {
	Added    []string // NAME:ADDRESS, as --add-host takes it; host-gateway stands for Gateway
	Base     []byte   // an existing file whose entries are taken over
	Gateway  string   // address of the host as the container sees it; "" if there is none
	Address  string   // of the container, or a local one with the host's network; "" if there is none
	Hostname string
	Name     string // of the container
}

// Hosts makes an /etc/hosts. Earlier sources win: what is added, then what is in
// the base, then the names that every container has.
func Hosts(in HostsInput) ([]byte, error) {
	var f hostsFile
	for _, text := range in.Added {
		names, address, ok := strings.Cut(text, ":")
		if !ok || names == "" {
			return nil, fmt.Errorf("host entry %q is not of the form NAME:ADDRESS", text)
		}
		if address == "host-gateway" {
			if address = in.Gateway; address == "" {
				return nil, fmt.Errorf("host entry %q: the host has no address that the container could reach", text)
			}
		}
		address = strings.Trim(address, "[]")
		if _, err := netip.ParseAddr(address); err != nil {
			return nil, fmt.Errorf("host entry %q: %q is not an IP address", text, address)
		}
		f.add(address, strings.Split(names, ";"))
	}
	for line := range strings.Lines(string(in.Base)) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) > 1 {
			f.add(fields[0], f.withoutKnownFor(fields[0], fields[1:]))
		}
	}
	f.addMissing("127.0.0.1", "localhost")
	f.addMissing("::1", "localhost")
	f.addMissing(in.Gateway, "host.containers.internal", "host.docker.internal")
	f.addMissing(in.Address, in.Hostname, in.Name)
	return []byte(f.text.String()), nil
}

// hostsFile is a file being written.
type hostsFile struct {
	text  strings.Builder
	known map[string][]string // addresses by name
}

func (f *hostsFile) add(address string, names []string) {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	if len(names) == 0 {
		return
	}
	if f.known == nil {
		f.known = map[string][]string{}
	}
	for _, name := range names {
		f.known[name] = append(f.known[name], address)
	}
	fmt.Fprintf(&f.text, "%s\t%s\n", address, strings.Join(names, " "))
}

// withoutKnownFor drops names that have an entry of the same kind of address:
// only the first one would count.
func (f *hostsFile) withoutKnownFor(address string, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(f.known[name], func(other string) bool { return isIPv6(other) == isIPv6(address) })
	})
}

func (f *hostsFile) addMissing(address string, names ...string) {
	if address != "" {
		f.add(address, f.withoutKnownFor(address, slices.Compact(names)))
	}
}

func isIPv6(address string) bool { return strings.Contains(address, ":") }
