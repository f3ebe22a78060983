package layers

import (
	"archive/tar"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/idtools"
)

// The attributes in which the kernel shows access control lists.
const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"
)

// noACL is an access control list without an entry. Setting it removes the list.
const noACL = "\x02\x00\x00\x00"

// addXattrs puts those attributes into a header that a tar has.
func (w *walker) addXattrs(n *node, hdr *tar.Header) error {
	add := func(name, value string) {
		if hdr.PAXRecords == nil {
			hdr.PAXRecords = map[string]string{}
		}
		hdr.PAXRecords[archive.PaxSchilyXattr+name] = value
	}
	for _, name := range n.xattrs {
		if !inTar(name) {
			continue
		}
		value, err := getXattr(proc(n.dir, n.name), name)
		if err == nil {
			value, err = mapXattr(name, value, w.ids)
		}
		if err != nil {
			return fmt.Errorf("reading attribute %q: %w", name, err)
		}
		add(name, string(value))
	}
	// Whoever unpacks the tar gives the directory its list first, and everything
	// below would inherit it.
	if n.inherits && n.fi.Mode()&os.ModeSymlink == 0 && !n.whiteout() {
		if !slices.Contains(n.xattrs, aclAccess) {
			add(aclAccess, noACL)
		}
		if n.fi.IsDir() && !slices.Contains(n.xattrs, aclDefault) {
			add(aclDefault, noACL)
		}
	}
	return nil
}

// mapXattr gives an attribute with the IDs that the container sees.
func mapXattr(name string, value []byte, ids *idtools.IDMappings) ([]byte, error) {
	if ids == nil || ids.Empty() {
		return value, nil
	}
	switch name {
	case "security.capability":
		return mapCapability(value, ids)
	case aclAccess, aclDefault:
		return mapACL(value, ids)
	}
	return value, nil
}

// mapCapability translates the ID of the user namespace that a capability is good
// in. In the container's own one it is like a capability without such an ID, and
// that is how the kernel shows it there.
func mapCapability(value []byte, ids *idtools.IDMappings) ([]byte, error) {
	const (
		revision, second, third = 0xff000000, 0x02000000, 0x03000000
		size, withID            = 20, 24
	)
	if len(value) != withID {
		return value, nil
	}
	magic := binary.LittleEndian.Uint32(value)
	if magic&revision != third {
		return value, nil
	}
	id, err := idtools.RawToContainer(int(binary.LittleEndian.Uint32(value[size:])), ids.UIDs())
	if err != nil {
		return nil, err
	}
	if id == 0 {
		value = slices.Clone(value[:size])
		binary.LittleEndian.PutUint32(value, magic&^revision|second)
		return value, nil
	}
	value = slices.Clone(value)
	binary.LittleEndian.PutUint32(value[size:], uint32(id))
	return value, nil
}

// mapACL translates the users and groups that an access control list names.
func mapACL(value []byte, ids *idtools.IDMappings) ([]byte, error) {
	const (
		header, entry = 4, 8
		user, group   = 2, 8
	)
	if len(value) < header || (len(value)-header)%entry != 0 {
		return nil, errors.New("not an access control list")
	}
	value = slices.Clone(value)
	for e := value[header:]; len(e) > 0; e = e[entry:] {
		maps := ids.UIDs()
		switch binary.LittleEndian.Uint16(e) {
		case user:
		case group:
			maps = ids.GIDs()
		default:
			continue
		}
		id, err := idtools.RawToContainer(int(binary.LittleEndian.Uint32(e[4:])), maps)
		if err != nil {
			return nil, err
		}
		binary.LittleEndian.PutUint32(e[4:], uint32(id))
	}
	return value, nil
}
