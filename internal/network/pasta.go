package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// pastaPlan is a connection by pasta, which copies the machine's addresses.
type pastaPlan struct {
	Program string   `json:"program"`
	Options []string `json:"options"` // of the user; each takes the place of a default
	RunAs   bool     `json:"runAs"`   // it would give its rights up otherwise
	Env     []string `json:"env"`
}

// Addresses that stand for the machine's in a namespace of pasta's.
const (
	pastaServer = "169.254.1.1"
	pastaHost   = "169.254.1.2"
)

type pasta struct{ *pastaPlan }

// pastaDefaults are the options that hold unless one of the names is among the user's.
var pastaDefaults = []struct {
	names []string
	words []string
}{
	{[]string{"--config-net"}, []string{"--config-net"}},
	{[]string{"--dns-forward"}, []string{"--dns-forward", pastaServer}},
	{[]string{"-t", "--tcp-ports"}, []string{"-t", "none"}},
	{[]string{"-u", "--udp-ports"}, []string{"-u", "none"}},
	{[]string{"-T", "--tcp-ns"}, []string{"-T", "none"}},
	{[]string{"-U", "--udp-ns"}, []string{"-U", "none"}},
	{[]string{"--map-gw", "--no-map-gw"}, []string{"--no-map-gw"}},
	{[]string{"-q", "--quiet", "-d", "--debug", "--trace"}, []string{"--quiet"}},
	{[]string{mapGuest}, []string{mapGuest, pastaHost}},
}

// mapGuest is an option that pasta has since August 2024.
const mapGuest = "--map-guest-addr"

// pastaArgs is the command line for the namespace in a file.
func (p *pastaPlan) args(file string, without ...string) []string {
	args := slices.DeleteFunc(slices.Clone(p.Options), func(o string) bool { return o == "--map-gw" })
	if p.RunAs && !p.has("--runas") {
		args = append(args, "--runas", "0")
	}
	for _, d := range pastaDefaults {
		if !p.has(d.names...) && !slices.Contains(without, d.words[0]) {
			args = append(args, d.words...)
		}
	}
	return append(args, "--netns", file)
}

// has tells whether one of the names is among the user's options; -tVALUE is one, too.
func (p *pastaPlan) has(names ...string) bool {
	for _, o := range p.Options {
		for _, name := range names {
			short := len(name) == 2 && !strings.HasPrefix(o, "--")
			if o == name || strings.HasPrefix(o, name+"=") || short && strings.HasPrefix(o, name) {
				return true
			}
		}
	}
	return false
}

func (p pasta) connect(ctx context.Context, k *keeper) (c Connection, err error) {
	at := place{k.state.dir, p.Env}
	// It opens only a namespace that is mounted on a file, in all the places where we run.
	file := k.state.path(spaceFile)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return c, err
	}
	if err := unix.Mount(k.space.path(), file, "", unix.MS_BIND, ""); err != nil {
		return c, fmt.Errorf("mounting the network namespace: %w", err)
	}
	guest := true
	_, said, err := call(ctx, at, nil, append([]string{p.Program}, p.args(file)...)...)
	if err != nil && strings.Contains(said, mapGuest) && !p.has(mapGuest) {
		guest = false
		_, said, err = call(ctx, at, nil, append([]string{p.Program}, p.args(file, mapGuest)...)...)
	}
	if err != nil {
		return c, failed("pasta", said, err)
	}
	c = Connection{Kind: Pasta, HostServers: true, Host: NoHost}
	if guest && !p.has(mapGuest) {
		c.Host = pastaHost
	}
	if !p.has("--dns-forward") {
		c.Servers = []string{pastaServer}
	}
	err = k.space.inside(func() error {
		c.Addresses, err = addresses()
		return err
	})
	c.IPv6 = slices.ContainsFunc(c.Addresses, netip.Addr.Is6)
	return c, err
}

// NoHost says that the machine cannot be reached by an address.
const NoHost = "none"

// addresses lists those of the namespace of this thread by which others reach it.
func addresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("listing the addresses: %w", err)
	}
	var found []netip.Addr
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsGlobalUnicast() {
			found = append(found, p.Addr())
		}
	}
	return found, nil
}

// disconnect lets the file vanish, at which pasta ends.
func (p pasta) disconnect(ctx context.Context, k *keeper) error {
	return p.clean(ctx, k.state.dir)
}

func (pasta) clean(_ context.Context, dir string) error {
	file := filepath.Join(dir, spaceFile)
	err := unix.Unmount(file, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		err = nil // not mounted, or in a mount namespace that we are not in
	}
	if err != nil {
		return fmt.Errorf("unmounting the network namespace: %w", err)
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
