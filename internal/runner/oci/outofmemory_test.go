package oci

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/projectatomic/buildah/internal/runner"
)

func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  runner.OutOfMemory
	}{
		"version 2, killed":      {map[string]string{"memory.events": "low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 0\n", "memory.max": "20971520\n"}, runner.OutOfMemory{Killed: true, Limit: 20 << 20}},
		"version 2, not killed":  {map[string]string{"memory.events": "oom 0\noom_kill 0\n", "memory.max": "20971520\n"}, runner.OutOfMemory{Limit: 20 << 20}},
		"version 2, no limit":    {map[string]string{"memory.events": "oom_kill 1\n", "memory.max": "max\n"}, runner.OutOfMemory{Killed: true}},
		"version 1, killed":      {map[string]string{"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "memory.limit_in_bytes": "4096\n"}, runner.OutOfMemory{Killed: true, Limit: 4096}},
		"version 1, no limit":    {map[string]string{"memory.oom_control": "oom_kill 1\n", "memory.limit_in_bytes": "9223372036854771712\n"}, runner.OutOfMemory{Killed: true}},
		"an old kernel, unknown": {map[string]string{"memory.oom_control": "under_oom 0\n"}, runner.OutOfMemory{}},
		"nonsense":               {map[string]string{"memory.events": "oom_kill many\n"}, runner.OutOfMemory{}},
		"gone":                   {nil, runner.OutOfMemory{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cgroup, state := t.TempDir(), t.TempDir()
			for file, text := range c.files {
				write(t, filepath.Join(cgroup, file), text)
			}
			for _, key := range []string{"memory", ""} { // as runc does on versions 1 and 2
				data, err := json.Marshal(map[string]any{"id": "x", "cgroup_paths": map[string]string{key: cgroup}})
				if err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(state, "runtime", "x", "state.json"), string(data))
				if got := (order{State: state, ID: "x"}).outOfMemory(); got != c.want {
					t.Errorf("with key %q: got %+v, want %+v", key, got, c.want)
				}
			}
		})
	}
}

func TestMemoryCgroups(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	o := order{State: state, ID: "x"}
	if got := o.memoryCgroups(); len(got) != 0 {
		t.Errorf("without a state: %q", got)
	}
	write(t, filepath.Join(state, "runtime", "x", "status"), `{"pid": 1, "cgroup-path": "/a/b"}`)
	if got := o.memoryCgroups(); len(got) != 2 || got[0] != "/sys/fs/cgroup/a/b" || got[1] != "/sys/fs/cgroup/memory/a/b" {
		t.Errorf("crun: %q", got)
	}
	write(t, filepath.Join(state, "runtime", "x", "status"), `no JSON`)
	if got := o.memoryCgroups(); len(got) != 0 {
		t.Errorf("a broken state: %q", got)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
