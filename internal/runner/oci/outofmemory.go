package oci

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/projectatomic/buildah/internal/runner"
)

// The cgroup of a run is there until the runtime deletes the container, so the
// supervisor can ask it what happened after all processes have ended. Where it
// is, the runtime has written down: /proc says no more once the command is dead.

// cgroupRoot is where cgroups are mounted; the memory controller of version 1 has
// a tree of its own in there.
const cgroupRoot = "/sys/fs/cgroup"

// stateLimit is the most that a runtime writes about a container.
const stateLimit = 4 << 20

// outOfMemory tells what the kernel's out-of-memory killer did to the run.
func (o order) outOfMemory() runner.OutOfMemory {
	for _, dir := range o.memoryCgroups() {
		if killed, known := oomKills(dir); known {
			return runner.OutOfMemory{Killed: killed > 0, Limit: memoryLimit(dir)}
		}
	}
	return runner.OutOfMemory{}
}

// memoryCgroups are the directories where the counters may be: runc names
// directories, crun a path below the root of its hierarchy.
func (o order) memoryCgroups() []string {
	var runc struct {
		Paths map[string]string `json:"cgroup_paths"`
	}
	var crun struct {
		Path string `json:"cgroup-path"`
	}
	home := filepath.Join(o.root(), o.ID)
	var dirs []string
	if readState(filepath.Join(home, "state.json"), &runc) {
		dirs = append(dirs, runc.Paths["memory"], runc.Paths[""])
	}
	if readState(filepath.Join(home, "status"), &crun) && crun.Path != "" {
		dirs = append(dirs, filepath.Join(cgroupRoot, crun.Path), filepath.Join(cgroupRoot, "memory", crun.Path))
	}
	return slices.DeleteFunc(dirs, func(dir string) bool { return dir == "" })
}

func readState(file string, v any) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	return json.NewDecoder(io.LimitReader(f, stateLimit)).Decode(v) == nil
}

// oomKills is how many processes of a cgroup were killed: version 2 counts in
// memory.events, version 1 in memory.oom_control.
func oomKills(dir string) (n int64, known bool) {
	for _, name := range []string{"memory.events", "memory.oom_control"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
				n, err = strconv.ParseInt(strings.TrimSpace(count), 10, 64)
				return n, err == nil
			}
		}
	}
	return 0, false
}

// memoryLimit is the limit of a cgroup in bytes, 0 for none: version 2 writes
// "max" then, version 1 a number that no machine has.
func memoryLimit(dir string) int64 {
	for _, name := range []string{"memory.max", "memory.limit_in_bytes"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		if err == nil && n < math.MaxInt64/2 {
			return n
		}
	}
	return 0
}
