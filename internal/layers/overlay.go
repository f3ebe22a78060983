package layers

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.podman.io/storage/pkg/unshare"
	"golang.org/x/sys/unix"
)

// place is where the overlay driver keeps a container's layer.
type place struct {
	upper  string   // what the container changed
	lowers []string // what it stands on, topmost first
}

// overlay finds the directories of the container's layer. It is false where the
// directory is not, byte for byte, what a diff would say.
func (f *freezer) overlay() (place, bool, error) {
	raw := f.store.Raw()
	if raw.GraphDriverName() != "overlay" || unshare.IsRootless() || f.mapped() || unusualOptions(raw.GraphOptions()) {
		return place{}, false, nil
	}
	driver, err := raw.GraphDriver()
	if err != nil {
		return place{}, false, fmt.Errorf("asking the storage driver: %w", err)
	}
	// False with a mount program, composefs, metacopy=on or redirect_dir=on.
	if !slices.Contains(driver.Status(), [2]string{"Native Overlay Diff", "true"}) {
		return place{}, false, nil
	}
	meta, err := driver.Metadata(f.layer.ID)
	if err != nil {
		return place{}, false, fmt.Errorf("finding layer %q: %w", f.layer.ID, err)
	}
	p := place{upper: meta["UpperDir"]}
	if !filepath.IsAbs(p.upper) {
		return place{}, false, nil
	}
	if lower := meta["LowerDir"]; lower != "" {
		// The driver joins paths that may hold the separator themselves.
		if strings.Contains(raw.GraphRoot(), ":") || strings.Contains(raw.ImageStore(), ":") {
			return place{}, false, nil
		}
		p.lowers = strings.Split(lower, ":")
	}
	return p, true, nil
}

// mapped tells whether owners on disk differ from owners in the container, or
// the container stands on a mapped copy of its image's layer.
func (f *freezer) mapped() bool {
	c := &f.container
	return len(c.UIDMap)+len(c.GIDMap)+len(f.layer.UIDMap)+len(f.layer.GIDMap) > 0 || f.parent != f.layer.Parent
}

// unusualOptions finds driver options under which owners and modes on disk, or
// the lower directories, are not what they seem.
func unusualOptions(options []string) bool {
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		key = strings.ToLower(key[strings.LastIndexByte(key, '.')+1:])
		switch key {
		case "force_mask", "mount_program", "additionallayerstore":
			if value != "" {
				return true
			}
		case "ignore_chown_errors", "use_composefs":
			if value != "false" {
				return true
			}
		}
	}
	return false
}

// mayRename tells whether the upper directory may become the layer itself.
func (f *freezer) mayRename(p place) bool {
	if !f.opts.Owned || !f.store.UnmountedCleanly(f.container.ID) {
		return false
	}
	if n, err := f.store.MountCount(f.container.ID); err != nil || n != 0 {
		return false
	}
	raw := f.store.Raw()
	home := raw.ImageStore()
	if home == "" {
		home = raw.GraphRoot()
	}
	return sameDevice(p.upper, filepath.Join(home, raw.GraphDriverName()))
}

func sameDevice(a, b string) bool {
	var sa, sb unix.Stat_t
	return unix.Lstat(a, &sa) == nil && unix.Lstat(b, &sb) == nil && sa.Dev == sb.Dev
}
