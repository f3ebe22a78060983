package spec

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Paths are changes to what is hidden from the process.
type Paths struct {
	Throttle []string // see [ThermalThrottle]
	Masks    []string // further paths to hide
	Unmasks  []string // patterns of what is not to be hidden; "all" in any case means everything
}

var maskedByDefault = []string{
	"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
	"/proc/timer_list", "/proc/timer_stats", "/proc/interrupts", "/sys/devices/virtual/powercap",
	"/sys/firmware", "/sys/fs/selinux",
}

func readonlyPaths() []string {
	return []string{"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

// ThermalThrottle lists the counters of the host's processors, which would tell
// what others do; host is its root directory.
func ThermalThrottle(host fs.FS) []string {
	found, err := fs.Glob(host, "sys/devices/system/cpu/cpu*/thermal_throttle")
	if err != nil {
		return nil // the pattern is well formed
	}
	for i := range found {
		found[i] = "/" + found[i]
	}
	return found
}

func (p Paths) masked() []string {
	all := slices.Concat(maskedByDefault, p.Throttle, p.Masks)
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(name string) bool {
		if seen[name] || p.unmasked(name) {
			return true
		}
		seen[name] = true
		return false
	})
}

func (p Paths) unmasked(name string) bool {
	return slices.ContainsFunc(p.Unmasks, func(pattern string) bool {
		if strings.EqualFold(pattern, "all") {
			return true
		}
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}
