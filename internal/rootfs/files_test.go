package rootfs

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   HostsInput
		want string
		err  string
	}{
		{
			name: "nothing is known", in: HostsInput{},
			want: "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
		},
		{
			name: "all", in: HostsInput{
				Added: []string{"db:10.1.1.1", "gw:host-gateway", "a;b:fe80::1"}, Base: []byte("127.0.0.1 localhost me # us\n\n10.9.9.9 db other\n"),
				Gateway: "192.168.1.1", Address: "10.88.0.2", Hostname: "h", Name: "box",
			},
			want: "10.1.1.1\tdb\n192.168.1.1\tgw\nfe80::1\ta b\n127.0.0.1\tlocalhost me\n10.9.9.9\tother\n::1\tlocalhost\n" +
				"192.168.1.1\thost.containers.internal host.docker.internal\n10.88.0.2\th box\n",
		},
		{name: "no gateway", in: HostsInput{Added: []string{"gw:host-gateway"}}, err: "no address"},
		{name: "no address", in: HostsInput{Added: []string{"gw"}}, err: "NAME:ADDRESS"},
		{name: "bad address", in: HostsInput{Added: []string{"gw:1.2.3"}}, err: "not an IP address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Hosts(tt.in)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error is %v, want one with %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, string(got)); err != nil || diff != "" {
				t.Fatalf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestResolvConf(t *testing.T) {
	t.Parallel()
	host := []byte("# comment\nsearch old\ndomain example.org\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver fe80::1\noptions ndots:2\n")
	tests := []struct {
		name string
		in   ResolvInput
		want string
	}{
		{"the host's network", ResolvInput{Host: host}, "search example.org\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver fe80::1\noptions ndots:2\n"},
		{"a private network", ResolvInput{Host: host, Private: true}, "search example.org\nnameserver 10.0.0.1\noptions ndots:2\n"},
		{"asked for", ResolvInput{Host: host, Servers: []string{"1.1.1.1"}, Search: []string{"."}, Options: []string{"debug"}}, "nameserver 1.1.1.1\noptions debug\n"},
		{"of the network", ResolvInput{Host: host, Network: []string{"10.88.0.1"}, Private: true, AppendHost: true}, "search example.org\nnameserver 10.88.0.1\nnameserver 10.0.0.1\noptions ndots:2\n"},
		{"domains of the network", ResolvInput{Host: host, Network: []string{"10.89.0.1"}, NetworkSearch: []string{"dns.podman"}, Private: true}, "search dns.podman example.org\nnameserver 10.89.0.1\noptions ndots:2\n"},
		{"IPv6", ResolvInput{Host: []byte("nameserver fd00::1\n"), Private: true, IPv6: true}, "nameserver fd00::1\n"},
		{"nothing usable", ResolvInput{Host: []byte("nameserver 127.0.0.1\n"), Private: true}, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, string(ResolvConf(tt.in))); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostResolvConf(t *testing.T) {
	t.Parallel()
	stub := []byte("nameserver 127.0.0.53\n")
	read := func(path string) ([]byte, error) {
		if strings.Contains(path, "NetworkManager") {
			return []byte("nameserver 10.0.0.9\n"), nil
		}
		return nil, errors.New("missing")
	}
	if got := string(HostResolvConf(stub, true, read)); got != "nameserver 10.0.0.9\n" {
		t.Errorf("with a stub: %q", got)
	}
	if got := string(HostResolvConf(stub, false, read)); got != string(stub) {
		t.Errorf("with the host's network: %q", got)
	}
}

func TestContainerEnv(t *testing.T) {
	t.Parallel()
	got := string(ContainerEnv(ContainerEnvInput{Version: "1.0", Name: "n", ID: "i", Image: "m", ImageID: "x", Rootless: true}))
	want := "\nengine=\"buildah-1.0\"\nname=\"n\"\nid=\"i\"\nimage=\"m\"\nimageid=\"x\"\nrootless=1\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}
