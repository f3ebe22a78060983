package copier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// xattr is one extended attribute.
type xattr struct {
	name  string
	value []byte
}

const (
	aclPrefix  = "system.posix_acl_"
	capability = "security.capability"
)

// wantedXattr tells the attributes that belong to a file from those that belong
// to its place: labels of the host, and the book-keeping of overlay file
// systems, which in a foreign tree would steer them.
func wantedXattr(name string) bool {
	switch {
	case strings.HasPrefix(name, "user.overlay."), strings.HasPrefix(name, "user.fuseoverlayfs."), strings.HasPrefix(name, "user.containers."):
		return false
	case strings.HasPrefix(name, "user."):
		return true
	}
	return name == capability || name == "security.ima" || name == aclPrefix+"access" || name == aclPrefix+"default"
}

// xattrsOf reads what list and get give, without what is not wanted. What may
// not be read is left out: security.ima is the usual one.
func xattrsOf(list func([]byte) (int, error), get func(string, []byte) (int, error)) ([]xattr, error) {
	var small [512]byte
	names, err := growing(small[:], list)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing its extended attributes: %w", err)
	}
	if len(names) == 0 {
		return nil, nil
	}
	var found []xattr
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		if !wantedXattr(name) {
			continue
		}
		value, err := growing(make([]byte, 128), func(buf []byte) (int, error) { return get(name, buf) })
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTSUP) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading its extended attribute %q: %w", name, err)
		}
		found = append(found, xattr{name, value})
	}
	slices.SortFunc(found, func(a, b xattr) int { return strings.Compare(a.name, b.name) })
	return found, nil
}

// growing calls with a larger buffer until the answer fits.
func growing(buf []byte, call func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := call(buf)
		switch {
		case err == nil:
			return buf[:n], nil
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.ERANGE):
			return nil, err
		default:
			buf = make([]byte, 4*len(buf))
		}
	}
}

// fdXattrs reads those of an open file or directory.
func fdXattrs(fd int) ([]xattr, error) {
	// Most files have none, and asking for the size needs no memory.
	if n, err := unix.Flistxattr(fd, nil); err == nil && n == 0 {
		return nil, nil
	}
	return xattrsOf(
		func(buf []byte) (int, error) { return unix.Flistxattr(fd, buf) },
		func(name string, buf []byte) (int, error) { return unix.Fgetxattr(fd, name, buf) })
}

// refused decides about an attribute that could not be written. Inside a user
// namespace the kernel keeps some to itself, and file systems may know none.
func (x xattr) refused(err error) error {
	if err == nil || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) && x.name != capability {
		return nil
	}
	return fmt.Errorf("writing its extended attribute %q: %w", x.name, err)
}

// translateACLs rewrites the ids that POSIX ACLs name. The layout is the
// kernel's: a version, then (tag, permissions, id) in little endian.
func translateACLs(xattrs []xattr, translate func(Owner) (Owner, error)) error {
	const header, entry = 4, 8
	for _, x := range xattrs {
		if !strings.HasPrefix(x.name, aclPrefix) || len(x.value) < header || (len(x.value)-header)%entry != 0 {
			continue
		}
		for at := header; at < len(x.value); at += entry {
			if err := translateACE(x.value[at:at+entry], translate); err != nil {
				return fmt.Errorf("translating its %q: %w", x.name, err)
			}
		}
	}
	return nil
}

func translateACE(e []byte, translate func(Owner) (Owner, error)) error {
	const user, group = 0x02, 0x08
	tag, id := binary.LittleEndian.Uint16(e), int(binary.LittleEndian.Uint32(e[4:]))
	if tag != user && tag != group {
		return nil
	}
	o := Owner{}
	if tag == user {
		o.UID = id
	} else {
		o.GID = id
	}
	o, err := translate(o)
	if err != nil {
		return err
	}
	if id = o.GID; tag == user {
		id = o.UID
	}
	binary.LittleEndian.PutUint32(e[4:], uint32(id))
	return nil
}
