package builder

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/cdi"
	"github.com/projectatomic/buildah/internal/spec"
)

// devices are those with a path: of this run, then those of the record.
func (x *execution) devices() ([]spec.Device, error) {
	var all []spec.Device
	for _, text := range slices.Concat(x.o.Security.Devices, x.record.DeviceSpecs) {
		if cdi.IsName(text) {
			continue // see injectDevices
		}
		found, err := parseDevice(text)
		if err != nil {
			return nil, fmt.Errorf("device %q: %w", text, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// parseDevice reads HOST[:CONTAINER][:PERMISSIONS]; a directory stands for every device in it.
func parseDevice(text string) ([]spec.Device, error) {
	host, target, access, err := splitDevice(text)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(host)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		d, err := deviceAt(host, target, access)
		return []spec.Device{d}, err
	}
	var all []spec.Device
	err = filepath.WalkDir(host, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeDevice == 0 {
			return err
		}
		d, err := deviceAt(name, path.Join(target, strings.TrimPrefix(name, host)), access)
		all = append(all, d)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no devices are in this directory")
	}
	return all, err
}

func splitDevice(text string) (host, target, access string, err error) {
	parts := strings.Split(text, ":")
	host, target, access = parts[0], parts[0], "rwm"
	switch {
	case len(parts) > 3 || !path.IsAbs(host):
		err = fmt.Errorf("it is neither HOST[:CONTAINER][:PERMISSIONS] nor VENDOR/CLASS=NAME")
	case len(parts) == 3:
		target, access = parts[1], parts[2]
	case len(parts) == 2 && path.IsAbs(parts[1]):
		target = parts[1]
	case len(parts) == 2:
		access = parts[1]
	}
	if err == nil && (access == "" || strings.Trim(access, "rwm") != "") {
		err = fmt.Errorf("permissions %q are not made of r, w and m", access)
	}
	return host, target, access, err
}

// deviceAt describes the device of the host at a path.
func deviceAt(host, target, access string) (spec.Device, error) {
	var st unix.Stat_t
	if err := unix.Stat(host, &st); err != nil {
		return spec.Device{}, err
	}
	var kind string
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		kind = "b"
	case unix.S_IFCHR:
		kind = "c"
	default:
		return spec.Device{}, fmt.Errorf("%q is not a device", host)
	}
	mode := os.FileMode(st.Mode & 0o777)
	return spec.Device{Access: access, LinuxDevice: specs.LinuxDevice{
		Path: target, Type: kind, Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev)),
		FileMode: &mode, UID: &st.Uid, GID: &st.Gid,
	}}, nil
}
