package layers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// place is where the overlay driver keeps a container's layer.
type place struct {
	upper  string   // what the container changed
	lowers []string // what it stands on, topmost first
}

// overlay finds the directories of the container's layer. It is false where the
// directory is not what a diff would say. An ordinary user's store is like root's:
// the kernel keeps its marks in attributes of another name, and the IDs on disk
// are, seen from inside the user namespace, those of the tar.
func (f *freezer) overlay() (place, bool, error) {
	raw := f.store.Raw()
	if raw.GraphDriverName() != "overlay" || unusualOption(raw.GraphOptions()) != "" {
		return place{}, false, nil
	}
	driver, err := raw.GraphDriver()
	if err != nil {
		return place{}, false, fmt.Errorf("asking the storage driver: %w", err)
	}
	if !slices.Contains(driver.Status(), nativeDiff()) {
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

// unusualOption finds a driver option under which owners and modes on disk, or
// the lower directories, are not what they seem.
func unusualOption(options []string) string {
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		switch strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]) {
		case "force_mask", "mount_program", "additionallayerstore":
			if value != "" {
				return o
			}
		case "ignore_chown_errors", "use_composefs":
			if value != "false" {
				return o
			}
		}
	}
	return ""
}

// slowOption names the setting that keeps an overlay store from the fast ways, ""
// when there is none: vfs is slow by nature, and whoever gives a container ID maps
// wants them.
func (f *freezer) slowOption() string {
	raw := f.store.Raw()
	if raw.GraphDriverName() != "overlay" {
		return ""
	}
	options := raw.GraphOptions()
	if o := unusualOption(options); o != "" {
		return o
	}
	driver, err := raw.GraphDriver()
	if err != nil || slices.Contains(driver.Status(), nativeDiff()) {
		return ""
	}
	for _, o := range options {
		if strings.Contains(o, "metacopy=on") || strings.Contains(o, "redirect_dir=on") {
			return o
		}
	}
	if value, err := os.ReadFile("/sys/module/overlay/parameters/redirect_dir"); err == nil && strings.HasPrefix(string(value), "Y") {
		return "redirect_dir=Y of the kernel module overlay"
	}
	return ""
}

// nativeDiff is what the driver says of a store whose directories speak for
// themselves: not with a mount program, composefs, metacopy=on or redirect_dir=on.
func nativeDiff() [2]string { return [2]string{"Native Overlay Diff", "true"} }

// mayRename tells whether the upper directory may become the layer itself.
func (f *freezer) mayRename(p place) bool {
	if !f.opts.Owned || !f.store.UnmountedCleanly(f.container.ID) {
		return false
	}
	if n, err := f.store.MountCount(f.container.ID); err != nil || n != 0 {
		return false
	}
	// The count can be lost, to another store with the same run root.
	if mounted, err := mountinfo.Mounted(filepath.Join(filepath.Dir(p.upper), "merged")); err == nil && mounted {
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
