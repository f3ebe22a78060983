package network

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
)

func subnet(prefix, gateway string) Subnet {
	s := Subnet{Subnet: netip.MustParsePrefix(prefix)}
	if gateway != "" {
		a := netip.MustParseAddr(gateway)
		s.Gateway = &a
	}
	return s
}

// taken asks for addresses in one network and gives them as a text.
func taken(t *testing.T, l leases, id string, subnets ...Subnet) string {
	t.Helper()
	got, err := l.take(id, []Definition{{Name: "n", Subnets: subnets}})
	if err != nil {
		return err.Error()
	}
	return strings.Trim(fmt.Sprint(got["n"]), "[]")
}

func TestLeases(t *testing.T) {
	t.Parallel()
	l := leases{filepath.Join(t.TempDir(), "new", leaseFile)}
	if err := l.give("nobody"); err != nil {
		t.Fatal(err)
	}
	small := subnet("192.0.2.0/29", "192.0.2.1") // .2 to .6 are for containers
	for i, want := range []string{"192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		if got := taken(t, l, fmt.Sprint("c", i), small); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if err := l.give("c0"); err != nil {
		t.Fatal(err)
	}
	// One given back is the last to be given again.
	for i, want := range []string{"192.0.2.5", "192.0.2.6", "192.0.2.2", `network "n": no address of the subnet 192.0.2.0/29 is free`} {
		if got := taken(t, l, fmt.Sprint("d", i), small); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := taken(t, l, "e", subnet("10.0.0.0/24", "10.0.0.1"), subnet("fd00::/64", "fd00::1")); got != "10.0.0.2 fd00::2" {
		t.Errorf("got %s", got)
	}
	if got := taken(t, l, "f", subnet("10.0.0.0/24", "10.0.0.1"), small); !strings.Contains(got, "no address") {
		t.Errorf("got %s", got)
	}
	if got := taken(t, l, "g", subnet("10.0.0.0/24", "10.0.0.1")); got != "10.0.0.3" { // f has none of both
		t.Errorf("got %s", got)
	}
}

func TestLeaseRange(t *testing.T) {
	t.Parallel()
	s := subnet("192.0.2.0/24", "192.0.2.10")
	start, end := netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.11")
	s.LeaseRange = &LeaseRange{Start: &start, End: &end}
	l := leases{filepath.Join(t.TempDir(), leaseFile)}
	for _, want := range []string{"192.0.2.11", `network "n": no address of the subnet 192.0.2.0/24 is free`} {
		if got := taken(t, l, "a", s); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for prefix, want := range map[string]string{
		"192.0.2.7/32": "192.0.2.7", "192.0.2.6/31": "192.0.2.7", "192.0.2.0/30": "192.0.2.1", "fd00::/127": "fd00::1",
	} {
		if got := taken(t, l, prefix, subnet(prefix, "")); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", prefix, got, want)
		}
	}
}

// TestLeaseFile compares the file with one that podman 4.3 wrote: names and forms of
// the buckets and of what is in them.
func TestLeaseFile(t *testing.T) {
	t.Parallel()
	l := leases{filepath.Join(t.TempDir(), leaseFile)}
	if got := taken(t, l, "one", subnet("10.88.0.0/16", "10.88.0.1")); got != "10.88.0.2" {
		t.Fatal(got)
	}
	if got := taken(t, l, "two", subnet("10.88.0.0/16", "10.88.0.1")); got != "10.88.0.3" {
		t.Fatal(got)
	}
	if err := l.give("one"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`n/10.88.0.0/16/"\nX\x00\x03" = "two"`,
		`n/10.88.0.0/16/"lastIP" = "\nX\x00\x03"`,
		`n/ids/"two" = "[\"10.88.0.3\"]"`,
	}
	if got := dump(t, l.file); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func dump(t *testing.T, file string) []string {
	t.Helper()
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var lines []string
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(network []byte, b *bbolt.Bucket) error {
			return b.ForEachBucket(func(name []byte) error {
				return b.Bucket(name).ForEach(func(k, v []byte) error {
					lines = append(lines, fmt.Sprintf("%s/%s/%q = %q", network, name, k, v))
					return nil
				})
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
