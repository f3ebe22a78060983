package oci

import (
	"os"
	"path/filepath"
	"strings"
)

// warmCgroups lets the kernel begin to wait for what it waits for at the first move
// of a process into a cgroup after a while (an RCU grace period, 10 to 15 ms, in
// cgroup_threadgroup_rwsem): the runtime's own move, some 15 ms after its start,
// finds it done. We move ourselves to where we are, so nothing changes, whether
// it succeeds or not.
func warmCgroups() {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(data)) {
		// NUMBER:CONTROLLERS:PATH; the one hierarchy of version 2 has number 0 and no controllers.
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		dir := strings.TrimPrefix(fields[1], "name=")
		file := filepath.Join("/sys/fs/cgroup", dir, fields[2], "cgroup.procs")
		if os.WriteFile(file, []byte("0"), 0) == nil {
			return
		}
	}
}
