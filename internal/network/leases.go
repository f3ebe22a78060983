package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// leases knows which container has which address. The file is podman's, so that
// both give no address twice:
//
//	NETWORK
//	  ids
//	    CONTAINER = ["10.88.0.2"]
//	  10.88.0.0/16
//	    lastIP   = 4 or 16 bytes
//	    4 or 16 bytes = CONTAINER
//
// It is locked while it is open, so it is for one transaction at a time.
type leases struct{ file string }

const leaseFile = "ipam.db"

var (
	idsBucket = []byte("ids")
	lastKey   = []byte("lastIP")
)

// leasePatience is how long another program may keep the file open.
const leasePatience = 30 * time.Second

// update changes the file.
func (l leases) update(change func(*bbolt.Tx) error) error {
	if err := os.MkdirAll(filepath.Dir(l.file), 0o755); err != nil { //nolint:gosec // as podman makes it
		return fmt.Errorf("opening the addresses in use: %w", err)
	}
	db, err := bbolt.Open(l.file, 0o600, &bbolt.Options{Timeout: leasePatience})
	if err != nil {
		return fmt.Errorf("opening the addresses in use, %q: %w", l.file, err)
	}
	err = db.Update(change)
	return errors.Join(err, db.Close())
}

// take gives a container an address in every subnet of the networks, in their order.
func (l leases) take(id string, networks []Definition) (map[string][]netip.Addr, error) {
	taken := map[string][]netip.Addr{}
	err := l.update(func(tx *bbolt.Tx) error {
		for _, n := range networks {
			if !n.leased() {
				continue
			}
			addresses, err := takeOf(tx, id, n)
			if err != nil {
				return fmt.Errorf("network %q: %w", n.Name, err)
			}
			taken[n.Name] = addresses
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

func takeOf(tx *bbolt.Tx, id string, n Definition) ([]netip.Addr, error) {
	b, err := tx.CreateBucketIfNotExists([]byte(n.Name))
	if err != nil {
		return nil, err
	}
	ids, err := b.CreateBucketIfNotExists(idsBucket)
	if err != nil {
		return nil, err
	}
	addresses := []netip.Addr{}
	for _, s := range n.Subnets {
		inUse, err := b.CreateBucketIfNotExists([]byte(s.Subnet.String()))
		if err != nil {
			return nil, err
		}
		last, _ := netip.AddrFromSlice(inUse.Get(lastKey))
		a, ok := s.next(last, func(a netip.Addr) bool { return inUse.Get(a.AsSlice()) != nil })
		if !ok {
			return nil, fmt.Errorf("no address of the subnet %s is free", s.Subnet)
		}
		if err := errors.Join(inUse.Put(a.AsSlice(), []byte(id)), inUse.Put(lastKey, a.AsSlice())); err != nil {
			return nil, err
		}
		addresses = append(addresses, a)
	}
	data, err := json.Marshal(addresses)
	if err != nil {
		return nil, err
	}
	return addresses, ids.Put([]byte(id), data)
}

// give takes a container's addresses back; one that has none is no error.
func (l leases) give(id string) error {
	if _, err := os.Stat(l.file); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return l.update(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error { return giveOf(b, id) })
	})
}

// giveOf takes back what the container has in one network. What a stranger wrote
// into the list is not trusted: only the container's own entries go.
func giveOf(b *bbolt.Bucket, id string) error {
	ids := b.Bucket(idsBucket)
	if ids == nil || ids.Get([]byte(id)) == nil {
		return nil
	}
	err := b.ForEachBucket(func(name []byte) error {
		if string(name) == string(idsBucket) {
			return nil
		}
		return giveOfSubnet(b.Bucket(name), id)
	})
	return errors.Join(err, ids.Delete([]byte(id)))
}

func giveOfSubnet(inUse *bbolt.Bucket, id string) error {
	var mine [][]byte
	err := inUse.ForEach(func(address, holder []byte) error {
		if string(holder) == id {
			mine = append(mine, slices.Clone(address))
		}
		return nil
	})
	for _, address := range mine {
		err = errors.Join(err, inUse.Delete(address))
	}
	return err
}

// next gives the free address after the last one given, beginning again at the end
// of the range; false if there is none.
func (s Subnet) next(last netip.Addr, inUse func(netip.Addr) bool) (netip.Addr, bool) {
	first, end := s.bounds()
	if !first.IsValid() || !end.IsValid() || end.Less(first) {
		return netip.Addr{}, false
	}
	at := first
	if last.IsValid() && last.BitLen() == first.BitLen() && !last.Less(first) && last.Less(end) {
		at = last.Next()
	}
	for begin := at; ; {
		if (s.Gateway == nil || at != *s.Gateway) && !inUse(at) {
			return at, true
		}
		if at == end {
			at = first
		} else {
			at = at.Next()
		}
		if at == begin {
			return netip.Addr{}, false
		}
	}
}

// bounds are the first and the last address for containers.
func (s Subnet) bounds() (first, last netip.Addr) {
	first, last = s.Subnet.Addr(), lastOf(s.Subnet)
	if first != last {
		first = first.Next()
	}
	if last.Is4() && last != first {
		last = last.Prev() // the broadcast address
	}
	if r := s.LeaseRange; r != nil {
		if r.Start != nil {
			first = *r.Start
		}
		if r.End != nil {
			last = *r.End
		}
	}
	return first, last
}

// lastOf is the last address of a subnet.
func lastOf(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}
