package builder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/projectatomic/buildah/internal/network"
	"github.com/projectatomic/buildah/internal/rootfs"
)

// boundFiles writes the files that every command sees (hosts, resolv.conf,
// hostname, .containerenv) into the bundle and gives their mounts. What is
// an image VOLUME, or is refused, is left alone (spec run.md, 5).
func (x *execution) boundFiles() ([]specs.Mount, error) {
	type file struct {
		target string
		wanted bool
		make   func() ([]byte, error)
	}
	common := x.record.CommonBuildOpts
	dnsRefused := len(common.DNSServers) == 1 && common.DNSServers[0] == "none"
	files := []file{
		{"/etc/hosts", x.network.managed && !x.o.NoHosts && !common.NoHosts, x.hosts},
		{"/etc/resolv.conf", x.network.managed && !dnsRefused, x.resolvConf},
		{"/etc/hostname", !x.o.NoHostname && !common.NoHostname && x.hostname != "", x.etcHostname},
		{"/run/.containerenv", true, x.containerEnv},
	}
	var mounts []specs.Mount
	for _, f := range files {
		if _, volume := x.image.OCI.Config.Volumes[f.target]; volume || !f.wanted {
			continue
		}
		content, err := f.make()
		if err != nil {
			return nil, fmt.Errorf("making %q: %w", f.target, err)
		}
		mount, err := x.bind(f.target, content)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, mount)
	}
	return mounts, nil
}

// bind writes a file into the bundle and gives the mount that shows it at target.
func (x *execution) bind(target string, content []byte) (specs.Mount, error) {
	path := filepath.Join(x.bundle, "file-"+filepath.Base(target))
	mode := os.FileMode(0o644)
	if filepath.Base(target) == ".containerenv" {
		mode = 0o755
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return specs.Mount{}, fmt.Errorf("making %q: %w", target, err)
	}
	if owner := x.containerRoot(); x.mapped() {
		if err := os.Lchown(path, owner.UID, owner.GID); err != nil {
			return specs.Mount{}, fmt.Errorf("making %q: %w", target, err)
		}
	}
	return specs.Mount{Destination: target, Type: "bind", Source: path, Options: []string{"bind", "rprivate"}}, nil
}

func (x *execution) hosts() ([]byte, error) {
	in := rootfs.HostsInput{Added: x.record.CommonBuildOpts.AddHost, Hostname: x.hostname, Name: x.Name()}
	in.Address, in.Gateway = x.addresses()
	switch ip := x.engine.Config.HostContainersInternalIP; ip {
	case "":
	case "none":
		in.Gateway = ""
	default:
		in.Gateway = ip
	}
	switch base := x.engine.Config.BaseHostsFile; base {
	case "none":
	case "image":
		data, err := x.root.ReadFile("/etc/hosts", hostsLimit)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		in.Base = data
	default:
		data, err := os.ReadFile(firstNonEmpty(base, "/etc/hosts"))
		if err != nil && (base != "" || !errors.Is(err, fs.ErrNotExist)) {
			return nil, err
		}
		in.Base = data
	}
	return rootfs.Hosts(in)
}

// hostsLimit bounds a hosts file of an image.
const hostsLimit = 1 << 20

// addresses are the container's own and that by which it reaches the machine.
func (x *execution) addresses() (own, host string) {
	host = network.LocalAddress()
	if !x.network.configured {
		return host, host
	}
	c := x.network.connection
	if len(c.Addresses) > 0 {
		own = c.Addresses[0].String()
	}
	switch {
	case c.Host == network.NoHost:
		host = ""
	case c.Host != "":
		host = c.Host
	case host == "" && len(c.Gateways) > 0:
		host = c.Gateways[0].String()
	}
	return own, host
}

func (x *execution) resolvConf() ([]byte, error) {
	host, err := x.hostResolvConf()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	common, conf := x.record.CommonBuildOpts, x.engine.Config
	return rootfs.ResolvConf(rootfs.ResolvInput{
		Servers: append(conf.DNSServers[:len(conf.DNSServers):len(conf.DNSServers)], common.DNSServers...),
		Search:  append(conf.DNSSearches[:len(conf.DNSSearches):len(conf.DNSSearches)], common.DNSSearch...),
		Options: append(conf.DNSOptions[:len(conf.DNSOptions):len(conf.DNSOptions)], common.DNSOptions...),
		Host:    rootfs.HostResolvConf(host, !x.network.host, os.ReadFile),
		Private: !x.network.host,
		Network: x.network.connection.Servers, NetworkSearch: x.network.connection.Search,
		AppendHost: x.network.connection.HostServers, IPv6: x.network.connection.IPv6,
	}), nil
}

// hostResolvConf is the machine's resolv.conf, or that of a namespace with a name.
func (x *execution) hostResolvConf() ([]byte, error) {
	if dir := filepath.Dir(x.network.path); dir == "/run/netns" || dir == "/var/run/netns" {
		data, err := os.ReadFile(filepath.Join("/etc/netns", filepath.Base(x.network.path), "resolv.conf"))
		if !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return os.ReadFile("/etc/resolv.conf")
}

func (x *execution) etcHostname() ([]byte, error) { return rootfs.Hostname(x.hostname), nil }

func (x *execution) containerEnv() ([]byte, error) {
	return rootfs.ContainerEnv(rootfs.ContainerEnvInput{
		Version: x.engine.Host.Version, Name: x.Name(), ID: x.ID(), Image: x.record.FromImage, ImageID: x.record.FromImageID,
		Rootless: x.engine.Host.Rootless,
	}), nil
}
