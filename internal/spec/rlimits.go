package spec

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Ceiling is what this process may set, by type such as "RLIMIT_NOFILE".
type Ceiling struct {
	Hard  map[string]uint64 // hard limits of this process
	Raise map[string]uint64 // up to where it may raise them; a type not in it cannot be raised
}

var rlimitNames = []string{
	"core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc",
	"rss", "rtprio", "rttime", "sigpending", "stack",
}

// RlimitTypes lists the types that there are.
func RlimitTypes() []string {
	types := make([]string, 0, len(rlimitNames))
	for _, name := range rlimitNames {
		types = append(types, "RLIMIT_"+strings.ToUpper(name))
	}
	return types
}

// ParseRlimit reads NAME=SOFT[:HARD]; -1 is unlimited, and the process's own
// limits are meant by "host", which is left to the caller.
func ParseRlimit(text string) (specs.POSIXRlimit, error) {
	name, values, ok := strings.Cut(text, "=")
	if !ok {
		return specs.POSIXRlimit{}, fmt.Errorf("ulimit %q is not of the form NAME=SOFT[:HARD]", text)
	}
	if !slices.Contains(rlimitNames, strings.ToLower(name)) {
		return specs.POSIXRlimit{}, fmt.Errorf("ulimit %q: unknown type %q: one of %s is expected", text, name, strings.Join(rlimitNames, ", "))
	}
	first, second, two := strings.Cut(values, ":")
	if !two {
		second = first
	}
	soft, err := limitValue(first)
	if err != nil {
		return specs.POSIXRlimit{}, fmt.Errorf("ulimit %q: %w", text, err)
	}
	hard, err := limitValue(second)
	if err != nil {
		return specs.POSIXRlimit{}, fmt.Errorf("ulimit %q: %w", text, err)
	}
	if soft > hard {
		return specs.POSIXRlimit{}, fmt.Errorf("ulimit %q: the soft limit is above the hard limit", text)
	}
	return specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(name), Soft: soft, Hard: hard}, nil
}

func limitValue(text string) (uint64, error) {
	if text == "-1" || text == "unlimited" {
		return math.MaxUint64, nil
	}
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return v, nil
}

// manyFiles is what processes and files are limited to when nobody says anything.
const manyFiles = 1048576

// rlimits merges what was asked for and keeps it within what may be set: a limit
// that cannot be had would only make the run fail.
func (c Ceiling) rlimits(asked []specs.POSIXRlimit, rootless bool) ([]specs.POSIXRlimit, error) {
	byType := map[string]specs.POSIXRlimit{}
	for _, t := range []string{"RLIMIT_NOFILE", "RLIMIT_NPROC"} {
		limit := uint64(manyFiles)
		if hard, ok := c.Hard[t]; ok && (rootless || hard > limit) {
			limit = hard
		}
		byType[t] = specs.POSIXRlimit{Type: t, Soft: limit, Hard: limit}
	}
	known := RlimitTypes()
	for _, r := range asked {
		if !slices.Contains(known, r.Type) {
			return nil, fmt.Errorf("unknown type of limit %q", r.Type)
		}
		byType[r.Type] = r
	}
	var all []specs.POSIXRlimit
	for _, t := range known {
		if r, ok := byType[t]; ok {
			all = append(all, c.clamp(r))
		}
	}
	return all, nil
}

func (c Ceiling) clamp(r specs.POSIXRlimit) specs.POSIXRlimit {
	hard, ok := c.Hard[r.Type]
	if !ok {
		return r
	}
	most := max(hard, c.Raise[r.Type])
	r.Hard = min(r.Hard, most)
	r.Soft = min(r.Soft, r.Hard)
	return r
}
