package rootfs

import (
	"net/netip"
	"slices"
	"strings"
)

// ResolvInput is what a container's /etc/resolv.conf is made of.
type ResolvInput struct {
	Servers       []string // asked for by the user
	Search        []string // asked for by the user; "." clears the host's
	Options       []string // asked for by the user
	Network       []string // name servers of the container's network
	Host          []byte   // the host's file, see [HostResolvConf]
	NetworkSearch []string // domains of the container's network, before the host's
	// AppendHost adds the host's servers to those of the network.
	AppendHost bool
	// Private is a network of the container's own: loopback addresses are not the host's there.
	Private bool
	IPv6    bool // the container's network has IPv6
}

// HostResolvConf says which of the host's files to use: path as it is, unless
// that names only a local stub which a network of the container's own cannot reach.
func HostResolvConf(data []byte, private bool, read func(path string) ([]byte, error)) []byte {
	servers := parseResolv(data).servers
	if !private || len(servers) != 1 || (servers[0] != "127.0.0.53" && servers[0] != "127.0.0.1") {
		return data
	}
	for _, real := range []string{"/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf"} {
		if full, err := read(real); err == nil {
			return full
		}
	}
	return data
}

// ResolvConf makes an /etc/resolv.conf.
func ResolvConf(in ResolvInput) []byte {
	host := parseResolv(in.Host)
	servers := slices.Clone(in.Servers)
	if len(servers) == 0 {
		servers = slices.Clone(in.Network)
	}
	if len(servers) == 0 || in.AppendHost {
		servers = append(servers, in.usable(host.servers)...)
	}
	if len(servers) == 0 {
		servers = []string{"8.8.8.8", "8.8.4.4"}
		if in.IPv6 {
			servers = append(servers, "2001:4860:4860::8888", "2001:4860:4860::8844")
		}
	}
	search := slices.Concat(in.NetworkSearch, host.search)
	if len(in.Search) > 0 {
		search = in.Search
	}
	options := host.options
	if len(in.Options) > 0 {
		options = in.Options
	}
	var text strings.Builder
	if len(search) > 0 && !slices.Contains(search, ".") {
		text.WriteString("search " + strings.Join(search, " ") + "\n")
	}
	for _, s := range servers {
		text.WriteString("nameserver " + s + "\n")
	}
	if len(options) > 0 {
		text.WriteString("options " + strings.Join(options, " ") + "\n")
	}
	return []byte(text.String())
}

// usable drops the servers that the container's network does not reach.
func (in ResolvInput) usable(servers []string) []string {
	if !in.Private {
		return servers
	}
	return slices.DeleteFunc(slices.Clone(servers), func(s string) bool {
		address, err := netip.ParseAddr(s)
		return err != nil || address.IsLoopback() || (address.Is6() && !in.IPv6)
	})
}

type resolvConf struct{ servers, search, options []string }

func parseResolv(data []byte) resolvConf {
	var c resolvConf
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			c.servers = append(c.servers, fields[1])
		case "search", "domain":
			c.search = fields[1:] // the last one counts
		case "options":
			c.options = append(c.options, fields[1:]...)
		}
	}
	return c
}
