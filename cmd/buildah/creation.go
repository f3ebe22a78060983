package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/containersconf"
	"github.com/projectatomic/buildah/internal/spec"
)

// creation is the group of flags about how commands will run in a new container.
// What they say is kept in its record.
type creation struct {
	common          builder.CommonOptions
	namespaces      namespaceFlags
	userns          usernsFlags
	capAdd, capDrop []string
	devices         []string
	cdiConfigDir    string
	groupAdd        []string
	isolation       builder.Isolation
	securityOpts    []string
	asked           struct{ devices, volumes, dns, dnsSearch, dnsOption, shmSize, ulimits bool }
}

func (f *creation) options() []*option {
	f.common.HTTPProxy = true
	c := &f.common
	options := []*option{
		textOption("cdi-config-dir", "DIR", &f.cdiConfigDir, "look devices by name up in DIR first"),
		collect("add-host", "NAME:IP", &c.AddHost, "add a line to /etc/hosts", hostLines),
		listOption("cap-add", "CAP", &f.capAdd, "add a capability to the default ones"),
		listOption("cap-drop", "CAP", &f.capDrop, "drop one of the default capabilities"),
		listOption("group-add", "GID", &f.groupAdd, "add the process to a group"),
		boolOption("http-proxy", &c.HTTPProxy, "hand on the proxy variables of the environment"),
		newOption("isolation", "TYPE", "what runs commands: oci, chroot or rootless", func(s string) (err error) {
			f.isolation, err = builder.ParseIsolation(s)
			return err
		}).shows("oci"),
		arrayOption("security-opt", "OPTION", &f.securityOpts, "label=..., apparmor=..., seccomp=..., mask=..., unmask=... or no-new-privileges"),
		noting(arrayOption("device", "DEVICE", &f.devices, "make a device of the host available: HOST[:CTR][:rwm] or VENDOR/CLASS=NAME"), &f.asked.devices),
		noting(listOption("dns", "IP", &c.DNSServers, "name server; none leaves resolv.conf alone"), &f.asked.dns),
		noting(listOption("dns-option", "OPTION", &c.DNSOptions, "option of resolv.conf"), &f.asked.dnsOption),
		noting(listOption("dns-search", "DOMAIN", &c.DNSSearch, "search domain of resolv.conf"), &f.asked.dnsSearch),
		noting(textOption("shm-size", "SIZE", &c.ShmSize, "size of /dev/shm").shows("65536k"), &f.asked.shmSize),
		noting(listOption("ulimit", "TYPE=SOFT[:HARD]", &c.Ulimit, "limit of processes"), &f.asked.ulimits),
		noting(arrayOption("volume,v", "HOST:CTR[:OPTIONS]", &c.Volumes, "mount a directory of the host for commands"), &f.asked.volumes),
	}
	return append(append(options, f.resources()...), append(f.namespaces.options(), f.userns.options()...)...)
}

// resources are the flags about cgroups.
func (f *creation) resources() []*option {
	c := &f.common
	return []*option{
		textOption("cgroup-parent", "PATH", &c.CgroupParent, "put the cgroup below PATH"),
		numberOption("cpu-period", &c.CPUPeriod, "period of the CPU quota in microseconds"),
		numberOption("cpu-quota", &c.CPUQuota, "CPU time for each period in microseconds"),
		numberOption("cpu-shares,c", &c.CPUShares, "weight of the CPU time"),
		textOption("cpuset-cpus", "LIST", &c.CPUSetCPUs, "run on these CPUs: 0-3 or 0,1"),
		textOption("cpuset-mems", "LIST", &c.CPUSetMems, "use memory of these nodes: 0-3 or 0,1"),
		bytesOption("memory,m", &c.Memory, "limit of memory, with unit b, k, m or g"),
		bytesOption("memory-swap", &c.MemorySwap, "limit of memory and swap together; -1 means none"),
	}
}

// bytesOption takes a size with a unit; -1 stands for no limit.
func bytesOption(names string, p *int64, usage string) *option {
	return newOption(names, "SIZE", usage, func(s string) (err error) {
		if s == "-1" {
			*p = -1
			return nil
		}
		*p, err = units.RAMInBytes(s)
		return err
	})
}

// noting makes an option also note that it was given.
func noting(o *option, given *bool) *option {
	set := o.set
	o.set = func(s string) error { *given = true; return set(s) }
	return o
}

// settle fills what was not given from containers.conf, and checks the rest.
func (f *creation) settle(p *program, conf containersconf.Config) (builder.Execution, error) {
	c := f.common
	if !f.asked.devices {
		f.devices = conf.Devices
	}
	if !f.asked.volumes {
		c.Volumes = conf.Volumes
	}
	if !f.asked.shmSize {
		c.ShmSize = conf.ShmSize
	}
	if !f.asked.ulimits {
		c.Ulimit = conf.DefaultUlimits
	}
	_, capErr := spec.Capabilities(conf.DefaultCapabilities, f.capAdd, f.capDrop)
	if err := errors.Join(checkHosts(c.AddHost), f.checkDNS(), checkShm(c.ShmSize), checkUlimits(c.Ulimit), checkGroups(f.groupAdd), capErr); err != nil {
		return builder.Execution{}, usageError{cause: err}
	}
	if err := securityOptions(&c, f.securityOpts); err != nil {
		return builder.Execution{}, usageError{cause: err}
	}
	if c.SeccompProfilePath == "" {
		c.SeccompProfilePath = systemSeccomp()
	}
	ids, user, err := f.userns.settle(p.global)
	if err != nil {
		return builder.Execution{}, usageError{cause: err}
	}
	isolation := f.isolation
	if isolation == builder.IsolationDefault {
		if isolation, err = builder.ParseIsolation(p.env("BUILDAH_ISOLATION")); err != nil {
			return builder.Execution{}, usageError{cause: fmt.Errorf("reading BUILDAH_ISOLATION: %w", err)}
		}
	}
	return builder.Execution{
		Isolation: isolation, NamespaceOptions: append(user, f.namespaces.chosen...), ConfigureNetwork: f.namespaces.network,
		GroupAdd: f.groupAdd, CommonBuildOpts: &c, DeviceSpecs: f.devices, CDIConfigDir: f.cdiConfigDir,
		IDMappingOptions: ids,
	}, nil
}

// systemSeccomp is the machine's own seccomp profile, "" when it has none.
func systemSeccomp() string {
	for _, path := range []string{"/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// checkHosts checks name[;name...]:ip.
func checkHosts(hosts []string) error {
	for _, h := range hosts {
		names, ip, ok := strings.Cut(h, ":")
		if !ok || names == "" || ip != "host-gateway" && net.ParseIP(strings.Trim(ip, "[]")) == nil {
			return fmt.Errorf("invalid value for add-host: %q: it is NAME:IP", h)
		}
	}
	return nil
}

func (f *creation) checkDNS() error {
	for _, s := range f.common.DNSServers {
		switch {
		case s == "none" && (len(f.common.DNSServers) > 1 || f.asked.dnsSearch || f.asked.dnsOption):
			return errors.New("--dns=none may not be used with any other --dns options")
		case s != "none" && net.ParseIP(s) == nil:
			return fmt.Errorf("invalid value for dns: %q is not an IP address", s)
		}
	}
	if f.namespaces.network == builder.NetworkDisabled {
		for flag, given := range map[string]bool{"dns": f.asked.dns, "dns-option": f.asked.dnsOption, "dns-search": f.asked.dnsSearch} {
			if given {
				return fmt.Errorf("the --%s option cannot be used with --network=none", flag)
			}
		}
	}
	return nil
}

func checkShm(size string) error {
	if size == "" {
		return nil
	}
	if _, err := units.FromHumanSize(size); err != nil {
		return fmt.Errorf("invalid --shm-size: %w", err)
	}
	return nil
}

// checkGroups checks numbers of groups, or the word for those of the caller.
func checkGroups(groups []string) error {
	for _, g := range groups {
		if g == "keep-groups" && len(groups) > 1 {
			return fmt.Errorf("invalid --group-add: %q is not allowed with any other", g)
		}
		if _, err := strconv.ParseUint(g, 10, 32); err != nil && g != "keep-groups" {
			return fmt.Errorf("invalid --group-add %q: it is the number of a group, or keep-groups", g)
		}
	}
	return nil
}

func checkUlimits(limits []string) error {
	for _, l := range limits {
		if _, err := units.ParseUlimit(l); err != nil {
			return fmt.Errorf("invalid --ulimit %q: it is TYPE=SOFT[:HARD]: %w", l, err)
		}
	}
	return nil
}

// securityOptions takes the values of --security-opt.
func securityOptions(c *builder.CommonOptions, values []string) error {
	for _, v := range values {
		if v == "no-new-privileges" {
			c.NoNewPrivileges = true
			continue
		}
		key, value, ok := strings.Cut(v, "=")
		if !ok {
			return fmt.Errorf("invalid --security-opt %q: it is KEY=VALUE or no-new-privileges", v)
		}
		switch key {
		case "label":
			if err := checkLabel(value); err != nil {
				return err
			}
			c.LabelOpts = append(c.LabelOpts, value)
		case "apparmor":
			c.ApparmorProfile = value
		case "seccomp":
			c.SeccompProfilePath = value
		case "mask":
			c.Masks = append(c.Masks, strings.Split(value, ":")...)
		case "unmask":
			unmask, err := expandUnmask(value)
			if err != nil {
				return err
			}
			c.Unmasks = append(c.Unmasks, unmask...)
		default:
			return fmt.Errorf("invalid --security-opt: %q: label, apparmor, seccomp, mask, unmask and no-new-privileges are known", v)
		}
	}
	return nil
}

// checkLabel checks the value of label=..., which SELinux only looks at where it is on.
func checkLabel(value string) error {
	key, _, pair := strings.Cut(value, ":")
	known := []string{"disable", "nested"}
	if pair {
		known = []string{"user", "role", "type", "level", "filetype"}
	}
	if !slices.Contains(known, key) {
		return fmt.Errorf("invalid --security-opt label=%s: disable, nested, user:..., role:..., type:..., level:... and filetype:... are known", value)
	}
	return nil
}

// expandUnmask replaces patterns by the paths of this host that match, as far as there are any.
func expandUnmask(value string) ([]string, error) {
	if strings.EqualFold(value, "all") {
		return []string{"all"}, nil
	}
	var all []string
	for pattern := range strings.SplitSeq(value, ":") {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("invalid --security-opt unmask=%s: %w", value, err)
		}
		if len(found) == 0 {
			found = []string{pattern}
		}
		all = append(all, found...)
	}
	return all, nil
}
