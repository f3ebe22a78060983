package network

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// twoNetworks are the built-in one and one that podman made.
func twoNetworks(t *testing.T) []Definition {
	t.Helper()
	web, err := parseDefinition([]byte(bridge))
	if err != nil {
		t.Fatal(err)
	}
	podman, err := definitions{dir: t.TempDir(), name: "podman", subnet: "10.88.0.0/16"}.find("podman")
	if err != nil {
		t.Fatal(err)
	}
	return []Definition{web, podman}
}

// TestDocument compares what netavark is given with what was tried on its versions.
func TestDocument(t *testing.T) {
	ips := map[string][]netip.Addr{
		"web": {netip.MustParseAddr("10.89.0.11"), netip.MustParseAddr("fd00:1::2")}, "podman": {netip.MustParseAddr("10.88.0.2")},
	}
	for _, text := range []string{"netavark 1.4.0\n", "netavark 1.17.2\n", "netavark 2.1.0-rc1\n"} {
		v, err := parseVersion(text)
		if err != nil {
			t.Fatal(err)
		}
		data, err := compose(v, "c0ffee0000000001", "buildah-work", twoNetworks(t), ips)
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "netavark-"+v.String()+".json")
		if *update {
			if err := os.WriteFile(golden, append(data, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(data)+"\n"); diff != "" {
			t.Errorf("%s: %s", golden, diff)
		}
		if !json.Valid(data) {
			t.Error("no JSON")
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "netavark", "netavark x.y", "netavark 2"} {
		if v, err := parseVersion(text); err == nil {
			t.Errorf("%q is version %v", text, v)
		}
	}
	for _, c := range []struct {
		version
		change func(*Definition)
		says   string
	}{
		{version{1, 4}, func(*Definition) {}, ""},
		{version{1, 4}, func(n *Definition) { n.Driver = "macvlan" }, ""},
		{version{1, 4}, func(n *Definition) { n.Driver = "ipvlan" }, "the driver ipvlan needs netavark 1.5, this one is 1.4"},
		{version{1, 5}, func(n *Definition) { n.Driver = "ipvlan" }, ""},
		{version{1, 5}, func(n *Definition) { n.Driver = "mine" }, "plugins needs netavark 1.6"},
		{version{1, 6}, func(n *Definition) { n.Routes = []Route{{}} }, "routes needs netavark 1.7"},
		{version{1, 6}, func(n *Definition) { n.Options["isolate"] = "strict" }, "isolate=strict"},
		{version{1, 6}, func(n *Definition) { n.Options["no_default_route"] = "1" }, "no_default_route"},
		{version{1, 7}, func(n *Definition) { n.Options["vrf"] = "x" }, "vrf"},
		{version{1, 13}, func(n *Definition) { n.Options["vlan"] = "7" }, "vlan"},
		{version{1, 13}, func(n *Definition) { n.Options["mode"] = "unmanaged" }, "unmanaged"},
		{version{2, 0}, func(n *Definition) { n.Options["mode"] = "unmanaged" }, ""},
	} {
		networks := twoNetworks(t)
		c.change(&networks[0])
		err := c.supports(networks)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%v: got %v, want %q", c.version, err, c.says)
		}
	}
}

// replyOfTwo is an answer of netavark 1.4 for twoNetworks.
const replyOfTwo = `{"podman":{"dns_search_domains":[],"dns_server_ips":[],"interfaces":{"eth1":{"mac_address":"9a:00:00:00:00:01",
"subnets":[{"gateway":"10.88.0.1","ipnet":"10.88.0.2/16"}]}}},"web":{"dns_search_domains":["dns.podman"],"dns_server_ips":["10.89.0.1"],
"interfaces":{"eth0":{"mac_address":"9a:00:00:00:00:02","subnets":[{"gateway":"10.89.0.1","ipnet":"10.89.0.11/24"},{"gateway":null,"ipnet":"fd00:1::2/64"}]}}}}`

func TestReply(t *testing.T) {
	t.Parallel()
	c, err := parseReply([]byte(replyOfTwo), twoNetworks(t))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"kind":"","addresses":["10.89.0.11","fd00:1::2","10.88.0.2"],"gateways":["10.89.0.1","10.88.0.1"],"servers":["10.89.0.1"],"search":["dns.podman"],"ipv6":true}`
	if got, _ := json.Marshal(c); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte(replyOfTwo))
	f.Add([]byte(`{"web":{"dns_server_ips":["x\nnameserver y"],"dns_search_domains":["a\nb"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseReply(data, []Definition{{Name: "web"}, {Name: "podman"}})
		if err != nil {
			return
		}
		// They go into lines of resolv.conf.
		for _, word := range append(c.Servers, c.Search...) {
			if word == "" || strings.ContainsAny(word, " \t\r\n\x00") {
				t.Errorf("%q is passed on", word)
			}
		}
	})
}
