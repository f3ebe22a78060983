package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// slirpPlan is a connection by slirp4netns, for machines without pasta.
type slirpPlan struct {
	Program string   `json:"program"`
	Args    []string `json:"args"` // see slirpOptions
	Env     []string `json:"env"`
}

type slirp struct{ *slirpPlan }

// sandbox lets it give its root directory up.
const sandbox = "--enable-sandbox"

const slirpCIDR = "10.0.2.0/24"

// slirpOptions turns the options of --network=slirp4netns:... into those of the program.
func slirpOptions(options []string) ([]string, error) {
	mtu, cidr := "65520", slirpCIDR
	loopback, ipv6 := false, false
	var more []string
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		var err error
		switch name {
		case "mtu":
			_, err = strconv.ParseUint(value, 10, 16)
			mtu = value
		case "cidr":
			var p netip.Prefix
			p, err = netip.ParsePrefix(value)
			if err == nil && (!p.Addr().Is4() || p.Bits() > 25) {
				err = errors.New("want IPv4 and at most 25 bits")
			}
			cidr = value
		case "allow_host_loopback":
			loopback, err = strconv.ParseBool(value)
		case "enable_ipv6":
			ipv6, err = strconv.ParseBool(value)
		case "outbound_addr", "outbound_addr6":
			more = append(more, "--"+strings.ReplaceAll(name, "_", "-")+"="+value)
		default:
			err = errors.New("there is no such option: mtu, cidr, allow_host_loopback, enable_ipv6, outbound_addr and outbound_addr6 are")
		}
		if err != nil {
			return nil, fmt.Errorf("option %q of slirp4netns: %w", o, err)
		}
	}
	args := []string{"--configure", "--mtu=" + mtu}
	if cidr != slirpCIDR {
		args = append(args, "--cidr="+cidr)
	}
	if !loopback {
		args = append(args, "--disable-host-loopback")
	}
	if ipv6 {
		args = append(args, "--enable-ipv6")
	}
	return append(args, more...), nil
}

func (s slirp) connect(ctx context.Context, k *keeper) (Connection, error) {
	err := s.start(ctx, k, append(slices.Clone(s.Args), sandbox, "--enable-seccomp"))
	if err != nil { // it cannot confine itself everywhere
		err = s.start(ctx, k, s.Args)
	}
	if err != nil {
		return Connection{}, err
	}
	c := Connection{Kind: Slirp, Host: NoHost, HostServers: true, IPv6: slices.Contains(s.Args, "--enable-ipv6")}
	network := netip.MustParsePrefix(slirpCIDR)
	for _, a := range s.Args {
		if cidr, ok := strings.CutPrefix(a, "--cidr="); ok {
			network = netip.MustParsePrefix(cidr) // checked by slirpOptions
		}
	}
	// The program's own numbering: .2 is the machine, .3 its name server, .100 the container.
	at := network.Masked().Addr().As4()
	if !slices.Contains(s.Args, "--disable-host-loopback") {
		c.Host = netip.AddrFrom4([4]byte{at[0], at[1], at[2], at[3] + 2}).String()
	}
	c.Servers = []string{netip.AddrFrom4([4]byte{at[0], at[1], at[2], at[3] + 3}).String()}
	c.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{at[0], at[1], at[2], at[3] + 100})}
	return c, nil
}

// start starts the program and waits until it is ready. It ends when the other end of
// its exit descriptor is closed: when we end, at the latest.
func (s slirp) start(ctx context.Context, k *keeper, args []string) error {
	ready, readyEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	defer readyEnd.Close()
	exitEnd, exit, err := os.Pipe()
	if err != nil {
		return err
	}
	defer exitEnd.Close()
	said, err := os.CreateTemp(k.state.dir, "said-")
	if err != nil {
		return errors.Join(err, exit.Close())
	}
	defer os.Remove(said.Name())
	defer said.Close()
	args = append(slices.Clone(args), "--ready-fd=3", "--exit-fd=4", "--netns-type=path", k.space.path(), "tap0")
	cmd := exec.CommandContext(ctx, s.Program, args...)
	cmd.Env, cmd.Dir, cmd.Stderr = s.Env, "/", said
	cmd.ExtraFiles = []*os.File{readyEnd, exitEnd}
	if slices.Contains(args, sandbox) {
		// It would unmount everything in our mount namespace, too, where mounts are shared.
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	}
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("slirp4netns: %w", err), exit.Close())
	}
	_ = readyEnd.Close()
	_ = ready.SetReadDeadline(time.Now().Add(patience))
	if n, _ := ready.Read(make([]byte, 1)); n == 1 {
		k.child, k.childEnd = cmd, exit
		return nil
	}
	err = errors.Join(exit.Close(), cmd.Wait())
	if err == nil {
		err = errors.New("it was not ready in time")
	}
	return failed("slirp4netns", string(readBack(said)), err)
}

// disconnect lets the program end, and waits for that.
func (slirp) disconnect(_ context.Context, k *keeper) error {
	if k.child == nil {
		return nil
	}
	_ = k.childEnd.Close()
	timer := time.AfterFunc(patience, func() { _ = k.child.Process.Kill() })
	defer timer.Stop()
	_ = k.child.Wait() // how it ends is all the same
	k.child = nil
	return nil
}

// clean has nothing to do: the program ended with the keeper.
func (slirp) clean(context.Context, string) error { return nil }
