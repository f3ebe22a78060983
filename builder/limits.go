package builder

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/spec"
)

type specsSpec = specs.Spec

// rlimits are the configured ones, then the record's.
func (x *execution) rlimits() ([]specs.POSIXRlimit, error) {
	var all []specs.POSIXRlimit
	for _, text := range slices.Concat(x.engine.Config.DefaultUlimits, x.record.CommonBuildOpts.Ulimit) {
		limit, err := spec.ParseRlimit(text)
		if err != nil {
			return nil, err
		}
		all = append(all, limit)
	}
	return all, nil
}

// resources are the limits of CPU and memory in the record, nil when there are none.
func (x *execution) resources() *specs.LinuxResources {
	c := x.record.CommonBuildOpts
	var r specs.LinuxResources
	if c.CPUPeriod != 0 || c.CPUQuota != 0 || c.CPUShares != 0 || c.CPUSetCPUs != "" || c.CPUSetMems != "" {
		r.CPU = &specs.LinuxCPU{Cpus: c.CPUSetCPUs, Mems: c.CPUSetMems}
		r.CPU.Period, r.CPU.Quota, r.CPU.Shares = orNil(c.CPUPeriod), orNil(c.CPUQuota), orNil(c.CPUShares)
	}
	if c.Memory != 0 || c.MemorySwap != 0 {
		r.Memory = &specs.LinuxMemory{Limit: orNil(c.Memory), Swap: orNil(c.MemorySwap)}
	}
	if r.CPU == nil && r.Memory == nil {
		return nil
	}
	return &r
}

func orNil[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// mayRaiseLimits tells whether the kernel lets us go above our hard limits.
func mayRaiseLimits() bool {
	caps, err := capability.NewPid2(0)
	if err != nil || caps.Load() != nil {
		return false
	}
	return caps.Get(capability.EFFECTIVE, capability.CAP_SYS_RESOURCE)
}

// rlimitResources are the numbers that the kernel knows the limits by.
func rlimitResources() map[string]int {
	return map[string]int{
		"RLIMIT_CPU": unix.RLIMIT_CPU, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_DATA": unix.RLIMIT_DATA,
		"RLIMIT_STACK": unix.RLIMIT_STACK, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_RSS": unix.RLIMIT_RSS,
		"RLIMIT_NPROC": unix.RLIMIT_NPROC, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK,
		"RLIMIT_LOCKS": unix.RLIMIT_LOCKS, "RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING, "RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE,
		"RLIMIT_NICE": unix.RLIMIT_NICE, "RLIMIT_RTPRIO": unix.RLIMIT_RTPRIO, "RLIMIT_RTTIME": unix.RLIMIT_RTTIME,
	}
}

// highest is up to where a limit can be raised at all: open files end at fs.nr_open.
func highest(name string) uint64 {
	if name != "RLIMIT_NOFILE" {
		return math.MaxUint64
	}
	data, err := os.ReadFile("/proc/sys/fs/nr_open")
	if err != nil {
		return 1 << 20
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 1 << 20
	}
	return n
}

// groups are the supplementary groups: those of the user, and those asked for. The
// primary group is one of them, or changing it would be a way to lose its rights.
// A user namespace with one identity allows no others.
func (x *execution) groups() (groups []uint32, keep bool, err error) {
	groups = x.user.Groups
	if !setgroupsDenied() && !slices.Contains(groups, x.user.GID) {
		groups = append([]uint32{x.user.GID}, groups...)
	}
	for _, text := range x.record.GroupAdd {
		if text == "keep-groups" {
			if len(x.record.GroupAdd) > 1 {
				return nil, false, fmt.Errorf("group %q is not allowed with any other", text)
			}
			return nil, true, nil
		}
		id, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, false, fmt.Errorf("group %q is not a number", text)
		}
		if !slices.Contains(groups, uint32(id)) {
			groups = append(groups, uint32(id))
		}
	}
	return groups, false, nil
}

// setgroupsDenied tells whether the user namespace allows no change of groups.
func setgroupsDenied() bool {
	data, err := os.ReadFile("/proc/self/setgroups")
	return err == nil && strings.TrimSpace(string(data)) == "deny"
}
