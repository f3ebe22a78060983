package network

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"syscall"
)

// IDMaps are those of a container with a user namespace of its own.
type IDMaps struct {
	UIDs []syscall.SysProcIDMap `json:"uids,omitempty"`
	GIDs []syscall.SysProcIDMap `json:"gids,omitempty"`
}

// Connection is what a container has to know of its network.
type Connection struct {
	Kind      Kind         `json:"kind"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Gateways  []netip.Addr `json:"gateways,omitempty"`
	// Host is the address of the machine as the container sees it, "" if the network
	// has no special one, [NoHost] if it cannot be reached at all.
	Host    string   `json:"host,omitempty"`
	Servers []string `json:"servers,omitempty"` // name servers of the network
	Search  []string `json:"search,omitempty"`
	// HostServers means that name servers of the machine are reached, too.
	HostServers bool `json:"hostServers,omitempty"`
	IPv6        bool `json:"ipv6,omitempty"`
}

// plan is what a keeper is to do. It is kept beside the namespace for the sweep.
type plan struct {
	ID       string            `json:"id"`     // of 64 hexadecimal digits
	Dir      string            `json:"dir"`    // of all keepers
	HostNet  string            `json:"host"`   // the namespace that we are in, see identity
	HostUser string            `json:"user"`   // likewise
	Shared   bool              `json:"shared"` // other commands may have it when we are done
	IDs      IDMaps            `json:"ids"`
	Settings map[string]string `json:"settings,omitempty"` // see Request
	Netavark *netavarkPlan     `json:"netavark,omitempty"` // one of the three
	Pasta    *pastaPlan        `json:"pasta,omitempty"`
	Slirp    *slirpPlan        `json:"slirp4netns,omitempty"`
}

// protocol changes when a keeper of this version does not understand another's messages.
const protocol = 2

// key is the same for namespaces that can stand in for each other.
func (p plan) key() string {
	p.ID = ""
	if n := p.Netavark; n != nil {
		like := *n
		like.Document = nil
		if p.anonymous() {
			like.Container = ""
		}
		p.Netavark = &like
	}
	data, err := json.Marshal(struct {
		Protocol int
		Plan     plan
	}{protocol, p})
	if err != nil {
		return "" // never: there is nothing in it that has no JSON
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// anonymous tells whether nobody can find the container by its name, which another
// one does not have.
func (p plan) anonymous() bool { return p.Netavark == nil || !p.Netavark.named() }

// connector connects the namespace of a keeper.
type connector interface {
	connect(ctx context.Context, k *keeper) (Connection, error)
	// disconnect undoes it, also where connect has failed half way.
	disconnect(ctx context.Context, k *keeper) error
	// clean does so for a keeper that was killed, whose namespace is gone.
	clean(ctx context.Context, dir string) error
}

func (p *plan) connector() connector {
	switch {
	case p.Netavark != nil:
		return netavark{p.Netavark, p.ID}
	case p.Pasta != nil:
		return pasta{p.Pasta}
	}
	return slirp{p.Slirp}
}
