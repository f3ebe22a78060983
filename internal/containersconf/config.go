// Package containersconf reads containers.conf, the defaults that every
// container tool on a machine shares: which capabilities commands get, which
// runtime runs them, how images are compressed. Only what concerns us is kept.
package containersconf

import (
	"fmt"
	"time"
)

// Config is what the files say, over our defaults.
type Config struct {
	Containers `toml:"containers"`
	Engine     `toml:"engine"`
	Network    Network `toml:"network"`
	Files      List    `toml:"-"` // that were read, in order
}

// Containers is the table of the same name.
type Containers struct {
	Namespaces
	DNS
	BaseHostsFile            string `toml:"base_hosts_file"` // "", "none", "image" or a path
	HostContainersInternalIP string `toml:"host_containers_internal_ip"`
	ContainerNameAsHostname  bool   `toml:"container_name_as_hostname"`
	DefaultCapabilities      List   `toml:"default_capabilities"` // in the form CAP_NAME
	DefaultSysctls           List   `toml:"default_sysctls"`
	DefaultUlimits           List   `toml:"default_ulimits"` // type=soft[:hard]
	Devices                  List   `toml:"devices"`
	Label                    bool   `toml:"label"` // where SELinux is on
	LabelUsers               bool   `toml:"label_users"`
	ShmSize                  string `toml:"shm_size"`
	Volumes                  List   `toml:"volumes"`

	// The rest is used by other tools; we only check it, like they do.
	Umask string `toml:"umask"`
}

// Namespaces are the words for the namespaces of containers. Only "host" matters,
// and for UserNS also the empty word, which means the same.
type Namespaces struct {
	CgroupNS string `toml:"cgroupns"`
	IPCNS    string `toml:"ipcns"`
	NetNS    string `toml:"netns"`
	PidNS    string `toml:"pidns"`
	UserNS   string `toml:"userns"`
	UTSNS    string `toml:"utsns"`
}

// DNS is what goes before the host's own entries in resolv.conf.
type DNS struct {
	DNSServers  List `toml:"dns_servers"`
	DNSSearches List `toml:"dns_searches"`
	DNSOptions  List `toml:"dns_options"`
}

// Engine is the table of the same name.
type Engine struct {
	AddCompression      List                `toml:"add_compression"` // beside the own one, when a list is pushed
	CDISpecDirs         List                `toml:"cdi_spec_dirs"`
	CgroupManager       string              `toml:"cgroup_manager"`     // "systemd" or "cgroupfs"
	CompressionFormat   string              `toml:"compression_format"` // "" means gzip
	CompressionLevel    *int                `toml:"compression_level"`  // nil means the format's own
	CompressionMemory   string              `toml:"compression_memory"` // with a unit; ours alone; "" means our default
	Env                 List                `toml:"env"`                // KEY=VALUE, for our own process
	HelperBinariesDir   List                `toml:"helper_binaries_dir"`
	ImageCopyTmpDir     string              `toml:"image_copy_tmp_dir"` // absolute, or "storage"
	ImageParallelCopies int                 `toml:"image_parallel_copies"`
	Retry               int                 `toml:"retry"`
	RetryDelay          time.Duration       `toml:"-"` // 0 means exponential
	RetryDelayText      string              `toml:"retry_delay"`
	Runtime             string              `toml:"runtime"`  // name or path; "" means the first that works
	Runtimes            map[string][]string `toml:"runtimes"` // name to paths to try

	// The rest is used by other tools; we only check it, like they do.
	PullPolicy string `toml:"pull_policy"`
}

// Network is the table of the same name.
type Network struct {
	Backend        string `toml:"network_backend"` // "" and "netavark" are the same; refused otherwise when it is needed
	Default        string `toml:"default_network"` // name of the network of whoever names none
	DefaultSubnet  string `toml:"default_subnet"`
	RootlessCmd    string `toml:"default_rootless_network_cmd"` // "pasta" or "slirp4netns"; "" means the first that is there
	ConfigDir      string `toml:"network_config_dir"`           // "" means the usual place
	PluginDirs     List   `toml:"netavark_plugin_dirs"`
	FirewallDriver string `toml:"firewall_driver"`
	DNSBindPort    uint16 `toml:"dns_bind_port"` // 0 means 53
	PastaOptions   List   `toml:"pasta_options"`
}

// List is an array of strings. In a file it replaces what earlier files said,
// unless it has {append=true} as an element.
type List []string

// UnmarshalTOML implements the rule of replacing and appending.
func (l *List) UnmarshalTOML(data any) error {
	items, ok := data.([]any)
	if !ok {
		return fmt.Errorf("want an array of strings, not %v", data)
	}
	var words List
	extend := false
	for _, item := range items {
		switch v := item.(type) {
		case string:
			words = append(words, v)
		case map[string]any:
			wanted, isBool := v["append"].(bool)
			if !isBool || len(v) != 1 {
				return fmt.Errorf("want {append=true}, not %v", v)
			}
			extend = wanted
		default:
			return fmt.Errorf("want strings in the array, not %v", v)
		}
	}
	if extend {
		words = append((*l)[:len(*l):len(*l)], words...)
	}
	if words == nil {
		words = List{}
	}
	*l = words
	return nil
}

const defaultTmpDir = "/var/tmp"

// defaults is what holds without any file.
func defaults(booted bool) Config {
	manager := "cgroupfs"
	if booted {
		manager = "systemd"
	}
	return Config{
		Containers: Containers{
			Namespaces: Namespaces{CgroupNS: "private", IPCNS: "shareable", NetNS: "private", PidNS: "private", UTSNS: "private"},
			DefaultCapabilities: List{
				"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
				"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
			},
			Label: true, ShmSize: "65536k",
		},
		Engine: Engine{
			CDISpecDirs: List{"/etc/cdi", "/var/run/cdi"}, CgroupManager: manager,
			HelperBinariesDir: List{"/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"},
			ImageCopyTmpDir:   defaultTmpDir, Retry: 3, Runtimes: defaultRuntimes(),
		},
		Network: Network{
			Default: "podman", DefaultSubnet: "10.88.0.0/16",
			PluginDirs: List{"/usr/local/libexec/netavark", "/usr/libexec/netavark", "/usr/local/lib/netavark", "/usr/lib/netavark"},
		},
	}
}

// defaultRuntimes are the places where distributions put OCI runtimes.
func defaultRuntimes() map[string][]string {
	all := map[string][]string{}
	for _, name := range []string{"crun", "runc", "runj", "kata", "runsc", "ocijail"} {
		for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/sbin", "/bin"} {
			all[name] = append(all[name], dir+"/"+name)
		}
	}
	return all
}
