package layers

import (
	"bytes"
	"errors"
	"strings"

	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// opaqueXattr is the attribute of a directory that hides the lower one. Its name
// depends on whether we are root of the machine.
func opaqueXattr() string { return archive.GetOverlayXattrName("opaque") }

// inTar tells the attributes that go into a tar: those that storage puts there,
// and access control lists, which storage's own tar loses.
func inTar(name string) bool {
	switch name {
	case "security.capability", "security.ima", aclAccess, aclDefault:
		return true
	}
	return strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.")
}

// mayStay tells the attributes that a layer's directory may have: those of the
// tar, and those that belong to the file system it lives on.
func mayStay(name string) bool {
	return inTar(name) || name == "security.selinux" || name == opaqueXattr()
}

// listXattrs gives the names of the attributes of the entry itself, nil on file
// systems that have none.
func listXattrs(path string) ([]string, error) {
	var small [512]byte
	buf := small[:]
	for {
		n, err := unix.Llistxattr(path, buf)
		switch {
		case errors.Is(err, unix.ERANGE):
			if n, err = unix.Llistxattr(path, nil); err != nil {
				return nil, err
			}
			buf = make([]byte, n+256)
			continue
		case errors.Is(err, unix.ENOTSUP), err == nil && n == 0:
			return nil, nil
		case err != nil:
			return nil, err
		}
		var names []string
		for name := range bytes.SplitSeq(bytes.TrimSuffix(buf[:n], []byte{0}), []byte{0}) {
			names = append(names, string(name))
		}
		return names, nil
	}
}

func getXattr(path, name string) ([]byte, error) {
	buf := make([]byte, 256)
	for {
		n, err := unix.Lgetxattr(path, name, buf)
		if err == nil {
			return buf[:n], nil
		}
		if !errors.Is(err, unix.ERANGE) {
			return nil, err
		}
		if n, err = unix.Lgetxattr(path, name, nil); err != nil {
			return nil, err
		}
		buf = make([]byte, n+256)
	}
}
