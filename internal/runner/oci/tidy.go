package oci

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// tidy does what `RUNTIME delete` would do for a container whose processes are all
// gone, when that is no more than to remove its cgroups: starting a runtime once
// more costs as much as a fifth of a run. What it cannot do is left to the runtime
// (false): hooks, the systemd manager, cgroups within cgroups, a state that it
// does not know.
func (o order) tidy() bool {
	if !o.PrivatePID || !o.Detach || o.PostStop || len(o.Flags) > 0 {
		return false
	}
	paths, err := runcCgroups(filepath.Join(o.root(), o.ID, "state.json"))
	if err != nil {
		return false
	}
	for _, path := range paths {
		// Nothing but what was made for this run, and never with something in it.
		if !strings.HasPrefix(path, "/sys/fs/cgroup/") || filepath.Base(path) != o.ID {
			return false
		}
		if err := unix.Rmdir(path); err != nil && !errors.Is(err, unix.ENOENT) {
			return false
		}
	}
	return true
}

// runcCgroups are the directories that runc made, by its own account, which has had
// this form since its version 1.0.
func runcCgroups(file string) (map[string]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var state struct {
		Cgroups     map[string]string `json:"cgroup_paths"`
		ResctrlPath string            `json:"intel_rdt_path"`
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return nil, err
	}
	if len(state.Cgroups) == 0 || state.ResctrlPath != "" {
		return nil, errors.New("not a state that we know how to tidy up after")
	}
	return state.Cgroups, nil
}
