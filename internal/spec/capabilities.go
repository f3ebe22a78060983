package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// DefaultCapabilities are given when containers.conf says nothing else.
func DefaultCapabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
		"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
}

// Capabilities adds to, then drops from a list of capabilities. Names are taken
// in any case, with or without "CAP_"; "all" is every one that is known. The
// result is sorted.
func Capabilities(base, add, drop []string) ([]string, error) {
	known := knownCapabilities()
	if slices.ContainsFunc(drop, isAll) {
		_, err := normalize(known, slices.Concat(base, add))
		return []string{}, err
	}
	wanted, err := normalize(known, slices.Concat(base, add))
	if err != nil {
		return nil, err
	}
	unwanted, err := normalize(known, drop)
	if err != nil {
		return nil, err
	}
	wanted = slices.DeleteFunc(wanted, func(c string) bool { return slices.Contains(unwanted, c) })
	slices.Sort(wanted)
	return slices.Compact(wanted), nil
}

// CheckPrefixed refuses names without "CAP_", as `run` does for its own flags.
func CheckPrefixed(names []string) error {
	for _, name := range names {
		if !isAll(name) && !strings.HasPrefix(strings.ToUpper(name), "CAP_") {
			return fmt.Errorf("unknown capability %q: did you mean %q?", name, "CAP_"+strings.ToUpper(name))
		}
	}
	return nil
}

func isAll(name string) bool {
	return strings.EqualFold(name, "all") || strings.EqualFold(name, "CAP_ALL")
}

func knownCapabilities() []string {
	var names []string
	for _, c := range capability.ListKnown() {
		names = append(names, "CAP_"+strings.ToUpper(c.String()))
	}
	return names
}

func normalize(known, names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		if isAll(name) {
			all = append(all, known...)
			continue
		}
		full := strings.ToUpper(name)
		if !strings.HasPrefix(full, "CAP_") {
			full = "CAP_" + full
		}
		if !slices.Contains(known, full) {
			return nil, fmt.Errorf("unknown capability %q", name)
		}
		all = append(all, full)
	}
	return all, nil
}

// sets are the capability sets of the process. Inheritable stays empty: a file
// with inheritable capabilities would pass them on. Another user than root gets
// only the bounding set, so that programs with file capabilities work.
func (s Security) sets(uid uint32) *specs.LinuxCapabilities {
	given := slices.Clone(s.Capabilities)
	if s.Held != nil {
		given = slices.DeleteFunc(given, func(c string) bool { return !slices.Contains(s.Held, c) })
	}
	if given == nil {
		given = []string{}
	}
	sets := &specs.LinuxCapabilities{Bounding: given}
	if uid == 0 {
		sets.Effective, sets.Permitted = given, given
	}
	return sets
}
