package network

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]Choice{
		"":                           {Kind: Private},
		"private":                    {Kind: Private},
		"container":                  {Kind: Private},
		"podman":                     {Kind: Netavark, Names: []string{"podman"}},
		"a.b,c-d_e":                  {Kind: Netavark, Names: []string{"a.b", "c-d_e"}},
		"pasta":                      {Kind: Pasta},
		"pasta:-I,tap0,--mtu,1500":   {Kind: Pasta, Options: []string{"-I", "tap0", "--mtu", "1500"}},
		"slirp4netns":                {Kind: Slirp},
		"slirp4netns:mtu=1500":       {Kind: Slirp, Options: []string{"mtu=1500"}},
		"slirp4netns:cidr=10.9.0/24": {},
	} {
		got, err := Parse(word)
		if want.Kind == "" {
			if err == nil {
				t.Errorf("%q is accepted", word)
			}
			continue
		}
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q: %v %s", word, err, cmp.Diff(want, got))
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for word, says := range map[string]string{
		"container:web":                        "ns:PATH",
		"private:x":                            "ns:PATH",
		"-x":                                   `"-x"`,
		"a/b":                                  `"a/b"`,
		"a,":                                   `""`,
		"a,b,a":                                `"a" is named twice`,
		"bridge:x":                             "bridge:x",
		"slirp4netns:port_handler=rootlesskit": "there is no such option",
		"slirp4netns:mtu=70000":                "mtu=70000",
		"slirp4netns:cidr=fd00::/64":           "IPv4",
		"slirp4netns:cidr=10.0.0.0/26":         "25 bits",
		"slirp4netns:enable_ipv6=maybe":        "enable_ipv6",
	} {
		if _, err := Parse(word); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", word, err, says)
		}
	}
}

func TestSlirpOptions(t *testing.T) {
	t.Parallel()
	got, err := slirpOptions([]string{"mtu=1500", "cidr=10.9.0.0/24", "allow_host_loopback=true", "enable_ipv6=1", "outbound_addr=192.0.2.2"})
	want := []string{"--configure", "--mtu=1500", "--cidr=10.9.0.0/24", "--enable-ipv6", "--outbound-addr=192.0.2.2"}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
}

func TestPastaArgs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plan    pastaPlan
		without []string
		want    string
	}{
		"defaults": {
			want: "--config-net --dns-forward 169.254.1.1 -t none -u none -T none -U none --no-map-gw --quiet --map-guest-addr 169.254.1.2 --netns ns",
		},
		"root, an old one": {
			plan: pastaPlan{RunAs: true}, without: []string{mapGuest},
			want: "--runas 0 --config-net --dns-forward 169.254.1.1 -t none -u none -T none -U none --no-map-gw --quiet --netns ns",
		},
		"each default has its option": {
			plan: pastaPlan{RunAs: true, Options: strings.Fields(
				"--config-net --dns-forward=192.0.2.1 -t8080 --udp-ports auto -Tnone -U 1 --map-gw --debug --map-guest-addr none --runas 5")},
			want: "--config-net --dns-forward=192.0.2.1 -t8080 --udp-ports auto -Tnone -U 1 --debug --map-guest-addr none --runas 5 --netns ns",
		},
		"a value that looks like an option's": {
			plan: pastaPlan{Options: []string{"-I", "tap0", "--trace"}},
			want: "-I tap0 --trace --config-net --dns-forward 169.254.1.1 -t none -u none -T none -U none --no-map-gw --map-guest-addr 169.254.1.2 --netns ns",
		},
	} {
		if got := strings.Join(c.plan.args("ns", c.without...), " "); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
	}
}

func TestReason(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "",
		"one line\n":                     "one line",
		"a warning\nwhy it failed\n\n":   "why it failed",
		"x: unknown option\nUsage: x\n-": "x: unknown option",
	} {
		if got := reason(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
