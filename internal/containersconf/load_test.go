package containersconf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tree writes files below a temporary directory and gives the places in it.
func tree(t *testing.T, files map[string]string) (string, places) {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root, places{etc: filepath.Join(root, "etc"), share: filepath.Join(root, "share"), systemd: filepath.Join(root, "systemd")}
}

func lookup(vars map[string]string) Lookup {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

func shm(v string) string { return fmt.Sprintf("[containers]\nshm_size = %q\n", v) }

func TestFiles(t *testing.T) {
	t.Parallel()
	const conf = "containers.conf"
	for _, tc := range []struct {
		name  string
		files []string
		env   map[string]string // values are below the root
		uid   int
		want  []string
	}{
		{name: "none"},
		{name: "main files are alternatives", files: []string{"etc/" + conf, "share/" + conf}, want: []string{"etc/" + conf}},
		{
			name: "the user's own first, for root too", files: []string{"etc/" + conf, "home/.config/containers/" + conf},
			env: map[string]string{"HOME": "home"}, want: []string{"home/.config/containers/" + conf},
		},
		{
			name: "XDG_CONFIG_HOME instead of HOME", files: []string{"home/.config/containers/" + conf, "xdg/containers/" + conf},
			env: map[string]string{"HOME": "home", "XDG_CONFIG_HOME": "xdg"}, want: []string{"xdg/containers/" + conf},
		},
		{
			name: "drop-ins of root in byte order, foremost copy wins",
			files: []string{
				"share/" + conf, "share/containers.conf.d/10.conf", "share/containers.conf.d/z.conf", "etc/containers.conf.d/10.conf",
				"etc/containers.rootful.conf.d/Z.conf", "etc/containers.rootless.conf.d/no.conf", "etc/containers.conf.d/not-me.txt",
				"etc/containers.conf.d/dir.conf/x",
			},
			want: []string{"share/" + conf, "etc/containers.conf.d/10.conf", "etc/containers.rootful.conf.d/Z.conf", "share/containers.conf.d/z.conf"},
		},
		{
			name: "drop-ins of a user", uid: 1000,
			files: []string{
				"etc/containers.rootless.conf.d/a.conf", "etc/containers.rootless.conf.d/1000/a.conf", "etc/containers.rootless.conf.d/1001/b.conf",
				"etc/containers.rootful.conf.d/c.conf", "home/.config/containers/containers.conf.d/d.conf",
			},
			env:  map[string]string{"HOME": "home"},
			want: []string{"etc/containers.rootless.conf.d/1000/a.conf", "home/.config/containers/containers.conf.d/d.conf"},
		},
		{
			name: "CONTAINERS_CONF replaces all", files: []string{"etc/" + conf, "etc/containers.conf.d/a.conf", "mine"},
			env: map[string]string{"CONTAINERS_CONF": "mine"}, want: []string{"mine"},
		},
		{
			name: "override last", files: []string{"etc/" + conf, "etc/containers.conf.d/a.conf", "last"},
			env: map[string]string{"CONTAINERS_CONF_OVERRIDE": "last"}, want: []string{"etc/" + conf, "etc/containers.conf.d/a.conf", "last"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			for _, name := range tc.files {
				files[name] = ""
			}
			root, at := tree(t, files)
			env := map[string]string{}
			for k, v := range tc.env {
				env[k] = filepath.Join(root, v)
			}
			c, err := load(lookup(env), tc.uid, at)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range c.Files {
				got = append(got, strings.TrimPrefix(f, root+"/"))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	root, at := tree(t, map[string]string{
		"etc/containers.conf": `
[containers]
default_capabilities = ["chown", "CAP_kill"]
default_ulimits = ["nofile=10:20"]
dns_servers = ["1.1.1.1"]
ipcns = "host"
volumes = ["/a:/a"]
container_name_as_hostname = true
nobody_knows = { x = 1 }
[engine]
retry = 7
retry_delay = ""
compression_level = 0
compression_memory = "64m"
runtime = "mine"
[engine.runtimes]
mine = ["/opt/mine"]
[network]
default_network = "lan"
default_subnet = "10.1.0.0/16"
default_subnet_pools = [{"base" = "10.89.0.0/16", "size" = 24}]
network_backend = "netavark"
firewall_driver = "nftables"
dns_bind_port = 1053
[unknown]
x = 1
`,
		"etc/containers.conf.d/1.conf": `
[containers]
volumes = ["/b:/b", {append=true}]
dns_servers = ["8.8.8.8"]
[engine]
retry_delay = "2s"
env = ["A=1"]
[network]
default_rootless_network_cmd = "slirp4netns"
network_config_dir = "/networks"
pasta_options = ["-I", "tap0"]
netavark_plugin_dirs = ["/plugins"]
[engine.runtimes]
other = ["/opt/other"]
`,
	})
	_ = root
	c, err := load(lookup(map[string]string{"CONTAINERS_HELPER_BINARY_DIR": "/helpers"}), 0, at)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults(false)
	want.DefaultCapabilities = List{"CAP_CHOWN", "CAP_KILL"}
	want.DefaultUlimits, want.DNSServers, want.Volumes = List{"nofile=10:20"}, List{"8.8.8.8"}, List{"/a:/a", "/b:/b"}
	want.IPCNS, want.ContainerNameAsHostname = "host", true
	want.Retry, want.RetryDelay, want.RetryDelayText, want.Runtime, want.Env = 7, 2*time.Second, "2s", "mine", List{"A=1"}
	want.CompressionLevel, want.CompressionMemory = new(int), "64m"
	want.Runtimes["mine"], want.Runtimes["other"] = []string{"/opt/mine"}, []string{"/opt/other"}
	want.HelperBinariesDir = append(List{"/helpers"}, want.HelperBinariesDir...)
	want.Files = c.Files
	want.Network = Network{
		Backend: "netavark", Default: "lan", DefaultSubnet: "10.1.0.0/16", RootlessCmd: "slirp4netns", ConfigDir: "/networks",
		PluginDirs: List{"/plugins"}, FirewallDriver: "nftables", DNSBindPort: 1053, PastaOptions: List{"-I", "tap0"},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestAppendToDefault(t *testing.T) {
	t.Parallel()
	_, at := tree(t, map[string]string{"etc/containers.conf": "[containers]\ndefault_capabilities = [{append=true}, \"net_raw\"]\n"})
	c, err := load(lookup(nil), 0, at)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.DefaultCapabilities); n != 12 || c.DefaultCapabilities[11] != "CAP_NET_RAW" {
		t.Errorf("got %q", c.DefaultCapabilities)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"syntax", "[containers\n", "containers.conf\""},
		{"type", "[containers]\nvolumes = \"/x\"\n", "array of strings"},
		{"number in an array", "[containers]\nvolumes = [1]\n", "want strings"},
		{"wrong table in an array", "[containers]\nvolumes = [{prepend=true}]\n", "append=true"},
		{"shm_size", shm("lots"), "shm_size"},
		{"ulimit", "[containers]\ndefault_ulimits = [\"nofile\"]\n", "default_ulimits"},
		{"device", "[containers]\ndevices = [\"/dev/x:/dev/y:q\"]\n", "devices"},
		{"umask", "[containers]\numask = \"9\"\n", "umask"},
		{"env", "[engine]\nenv = [\"A\"]\n", "KEY=VALUE"},
		{"cgroup manager", "[engine]\ncgroup_manager = \"x\"\n", "cgroup_manager"},
		{"relative tmp", "[engine]\nimage_copy_tmp_dir = \"x\"\n", "image_copy_tmp_dir"},
		{"delay", "[engine]\nretry_delay = \"-1s\"\n", "retry_delay"},
		{"pull policy", "[engine]\npull_policy = \"perhaps\"\n", "pull_policy"},
		{"compression_memory", "[engine]\ncompression_memory = \"lots\"\n", "compression_memory"},
		{"negative", "[engine]\nretry = -1\n", "retry"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, at := tree(t, map[string]string{"etc/containers.conf": tc.text})
			if _, err := load(lookup(nil), 0, at); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestNamedFileMustExist(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE"} {
		_, at := tree(t, nil)
		if _, err := load(lookup(map[string]string{name: "/does/not/exist"}), 0, at); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	_, at := tree(t, map[string]string{"etc/containers.conf": shm("1m")})
	c, err := load(lookup(map[string]string{"CONTAINERS_CONF": "/dev/null"}), 0, at)
	if err != nil || c.ShmSize != "65536k" {
		t.Errorf("with /dev/null: %q, %v", c.ShmSize, err)
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	for device, ok := range map[string]bool{
		"/dev/fuse": true, "/dev/fuse:rwm": true, "/dev/a:/dev/b": true, "/dev/a:/dev/b:r": true, "vendor.com/class=name": true,
		"dev": false, "/dev/a:b": false, "/dev/a:/dev/b:": false, "/dev/a:/b:r:w": false, "": false,
	} {
		if err := checkDevice(device); (err == nil) != ok {
			t.Errorf("%q: %v", device, err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(func(string) (string, bool) { return "", false }, 0); err != nil {
			b.Fatal(err)
		}
	}
}
