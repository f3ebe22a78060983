package chroot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// mountOptions is what the options of a mount come to.
type mountOptions struct {
	Set, Clear  uint64   // MOUNT_ATTR_*
	Propagation uint64   // MS_PRIVATE, ...; 0 means that the default is to be used
	Bind        bool     // bind or rbind was among them
	Flat        bool     // bind without what is mounted below the source
	CopyUp      bool     // a tmpfs starts with what is below it
	Data        []string // for the file system itself
}

// attributes are the options that every mount has, and whether they set or clear.
var attributes = map[string]struct {
	bit   uint64
	clear bool
}{
	"ro":            {unix.MOUNT_ATTR_RDONLY, false},
	"rw":            {unix.MOUNT_ATTR_RDONLY, true},
	"nosuid":        {unix.MOUNT_ATTR_NOSUID, false},
	"suid":          {unix.MOUNT_ATTR_NOSUID, true},
	"nodev":         {unix.MOUNT_ATTR_NODEV, false},
	"dev":           {unix.MOUNT_ATTR_NODEV, true},
	"noexec":        {unix.MOUNT_ATTR_NOEXEC, false},
	"exec":          {unix.MOUNT_ATTR_NOEXEC, true},
	"nodiratime":    {unix.MOUNT_ATTR_NODIRATIME, false},
	"diratime":      {unix.MOUNT_ATTR_NODIRATIME, true},
	"nosymfollow":   {unix.MOUNT_ATTR_NOSYMFOLLOW, false},
	"symfollow":     {unix.MOUNT_ATTR_NOSYMFOLLOW, true},
	"noatime":       {unix.MOUNT_ATTR_NOATIME, false},
	"strictatime":   {unix.MOUNT_ATTR_STRICTATIME, false},
	"relatime":      {unix.MOUNT_ATTR_RELATIME, false},
	"atime":         {unix.MOUNT_ATTR_NOATIME, true},
	"norelatime":    {0, false},
	"nostrictatime": {unix.MOUNT_ATTR_STRICTATIME, true},
	"defaults":      {0, false},
	"async":         {0, false},
}

var propagations = map[string]uint64{
	"private": unix.MS_PRIVATE, "rprivate": unix.MS_PRIVATE,
	"slave": unix.MS_SLAVE, "rslave": unix.MS_SLAVE,
	"shared": unix.MS_SHARED, "rshared": unix.MS_SHARED,
	"unbindable": unix.MS_UNBINDABLE, "runbindable": unix.MS_UNBINDABLE,
}

// atimeBits is the field of MOUNT_ATTR_* that holds one of three values.
const atimeBits = unix.MOUNT_ATTR__ATIME

// parseOptions reads the options of a mount. What it does not know is for the
// file system; for a bind mount there is none, so that is an error.
func parseOptions(m specs.Mount) (mountOptions, error) {
	var o mountOptions
	for _, option := range m.Options {
		switch option {
		case "bind", "rbind":
			o.Bind = true
			o.Flat = option == "bind"
			continue
		case "tmpcopyup":
			o.CopyUp = true
			continue
		case "":
			continue
		}
		if p, ok := propagations[option]; ok {
			o.Propagation = p
			continue
		}
		if o.attribute(option) {
			continue
		}
		o.Data = append(o.Data, option)
	}
	o.Bind = o.Bind || m.Type == "bind"
	if o.Bind && len(o.Data) > 0 {
		return o, fmt.Errorf("mounting at %q: chroot isolation knows no option %q for a bind mount: use --isolation oci", m.Destination, o.Data[0])
	}
	if m.UIDMappings != nil || m.GIDMappings != nil {
		return o, fmt.Errorf("mounting at %q: chroot isolation makes no mounts with their own id maps: use --isolation oci", m.Destination)
	}
	return o, nil
}

// attribute takes an option that every mount has; the later of two wins. The
// recursive forms (rro, rnosuid, ...) mean the same: ours are all recursive.
func (o *mountOptions) attribute(option string) bool {
	a, ok := attributes[option]
	if !ok {
		if a, ok = attributes[strings.TrimPrefix(option, "r")]; !ok {
			return false
		}
	}
	switch {
	case a.clear:
		o.Set &^= a.bit
		o.Clear |= a.bit
	case strings.HasSuffix(option, "atime") && !strings.HasSuffix(option, "diratime"):
		o.Set = o.Set&^atimeBits | a.bit
		o.Clear |= atimeBits
	default:
		o.Set |= a.bit
		o.Clear &^= a.bit
	}
	return true
}

// fromHost tells whether the caller's side makes the mount: it shows files of
// the host, which the helper may not be able to reach in its namespaces.
func fromHost(m specs.Mount) bool {
	return m.Type == "bind" || m.Type == "overlay" || m.Type == "cgroup" ||
		slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}
