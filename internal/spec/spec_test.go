package spec

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// update rewrites the golden files: go test ./internal/spec -update.
func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite the golden files")
	flag.Parse()
	os.Exit(m.Run())
}

func plain() Input {
	return Input{
		Process:  Process{Args: []string{"/bin/true"}, Env: []string{"PATH=/bin"}},
		Root:     "/merged",
		Hostname: "abc",
		Security: Security{Capabilities: DefaultCapabilities(), Seccomp: Seccomp{Unconfined: true}},
		Ceiling:  Ceiling{Hard: map[string]uint64{"RLIMIT_NOFILE": 20000, "RLIMIT_NPROC": 4000000}},
	}
}

func ptr[T any](v T) *T { return &v }

func TestBuildGolden(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*Input){
		"plain": func(*Input) {},
		"everything": func(in *Input) {
			in.Process = Process{
				Args: []string{"sh", "-c", "id"}, Env: []string{"A=b"}, Cwd: "/w", Terminal: true,
				User: User{UID: 5, GID: 6, Groups: []uint32{6, 7}, KeepGroups: true},
			}
			in.Namespaces = []Namespace{{Name: "network", Path: "/run/netns/x"}, {Name: "ipc", Host: true}}
			in.Mounts = Mounts{
				Volumes: []specs.Mount{{Destination: "/data/", Type: "bind", Source: "/host"}, {Destination: "/etc/hosts", Type: "bind", Source: "/mine"}},
				Files:   []specs.Mount{{Destination: "/etc/hosts", Type: "bind", Source: "/bundle/hosts"}},
				ShmSize: "1m",
			}
			in.Paths = Paths{Throttle: []string{"/sys/devices/system/cpu/cpu0/thermal_throttle"}, Masks: []string{"/secret"}, Unmasks: []string{"/proc/t*"}}
			in.Security.NoNewPrivileges, in.Security.AppArmor = true, "profile"
			in.Security.ProcessLabel, in.Security.MountLabel = "p", "m"
			in.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE"}, {Type: "RLIMIT_NOFILE", Soft: 10, Hard: 30000}}
			in.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 20))}}
			in.Devices = []Device{{LinuxDevice: specs.LinuxDevice{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229}, Access: "rw"}}
			in.System = System{
				Sysctl:       map[string]string{"kernel.domainname": "d", "net.ipv4.x": "1", "fs.mqueue.y": "1", "kernel.shm": "1"},
				CgroupParent: "/parent", Annotations: map[string]string{"a": "b"},
			}
		},
		"user-namespace": func(in *Input) {
			in.Namespaces = []Namespace{{Name: "network", Host: true}, {Name: "ipc", Host: true}}
			in.Mounts.HasShm = true
			maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
			in.IDs = IDMaps{UIDs: maps, GIDs: maps}
		},
		"rootless": func(in *Input) {
			in.Rootless = true
			in.Namespaces = []Namespace{{Name: "pid", Host: true}}
		},
		"our-network": func(in *Input) { // as good as a new one: its settings and /sys are the container's
			in.Namespaces = []Namespace{{Name: "network", Path: "/proc/1/fd/5", Ours: true}, {Name: "user", Path: "/proc/1/fd/6"}}
			maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
			in.IDs = IDMaps{UIDs: maps, GIDs: maps}
			in.System = System{Sysctl: map[string]string{"net.ipv4.x": "1"}, NetConfigured: true}
		},
	}
	for name, adjust := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := plain()
			adjust(&in)
			s, err := Build(in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(s, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".json")
			if update() {
				if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(bytes.TrimSpace(want)), string(got)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		adjust func(*Input)
		want   string
	}{
		"no command":             {func(in *Input) { in.Process.Args = nil }, "no command"},
		"relative root":          {func(in *Input) { in.Root = "x" }, "absolute"},
		"unknown namespace":      {func(in *Input) { in.Namespaces = []Namespace{{Name: "time"}} }, `"time"`},
		"user namespace, no map": {func(in *Input) { in.Namespaces = []Namespace{{Name: "user"}} }, "id maps"},
		"unknown limit":          {func(in *Input) { in.Rlimits = []specs.POSIXRlimit{{Type: "x"}} }, `"x"`},
		"bad profile":            {func(in *Input) { in.Security.Seccomp = Seccomp{Profile: []byte("{"), Name: "f.json"} }, `"f.json"`},
		"user namespace, host's pids": {func(in *Input) {
			in.IDs.UIDs = []specs.LinuxIDMapping{{Size: 1}}
			in.Namespaces = []Namespace{{Name: "user"}, {Name: "pid", Host: true}}
		}, "pid namespace"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := plain()
			tt.adjust(&in)
			if _, err := Build(in); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestSeccompDependsOnCapabilities(t *testing.T) {
	t.Parallel()
	allows := func(caps []string, call string) bool {
		in := plain()
		in.Security.Seccomp = Seccomp{}
		in.Security.Capabilities = caps
		s, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(s.Linux.Seccomp.Syscalls, func(c specs.LinuxSyscall) bool {
			return c.Action == specs.ActAllow && len(c.Args) == 0 && slices.Contains(c.Names, call)
		})
	}
	if allows(DefaultCapabilities(), "mount") || !allows([]string{"CAP_SYS_ADMIN"}, "mount") || !allows(nil, "read") {
		t.Fatal("the profile was not evaluated for the capabilities")
	}
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name            string
		base, add, drop []string
		want            []string
		err             bool
	}{
		{name: "nothing", want: []string{}},
		{name: "added and dropped", base: []string{"CAP_CHOWN", "CAP_KILL"}, add: []string{"net_raw", "cap_chown"}, drop: []string{"Kill"}, want: []string{"CAP_CHOWN", "CAP_NET_RAW"}},
		{name: "drop wins", add: []string{"CAP_KILL"}, drop: []string{"CAP_KILL"}, want: []string{}},
		{name: "drop all", base: []string{"CAP_KILL"}, drop: []string{"ALL"}, want: []string{}},
		{name: "unknown", add: []string{"CAP_FLY"}, err: true},
		{name: "unknown, dropped", drop: []string{"CAP_FLY"}, err: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Capabilities(tt.base, tt.add, tt.drop)
			if (err != nil) != tt.err {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, append([]string{}, got...)); err == nil && diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	}
	if all, err := Capabilities(nil, []string{"all"}, []string{"CAP_KILL"}); err != nil || len(all) < 30 || slices.Contains(all, "CAP_KILL") {
		t.Fatalf("all but one are %v, %v", all, err)
	}
	if CheckPrefixed([]string{"cap_kill", "all"}) != nil || CheckPrefixed([]string{"kill"}) == nil {
		t.Fatal("prefixes are not checked")
	}
	held := Security{Capabilities: []string{"CAP_CHOWN", "CAP_KILL"}, Held: []string{"CAP_KILL"}}
	if diff := cmp.Diff([]string{"CAP_KILL"}, held.sets(0).Bounding); diff != "" {
		t.Fatalf("held (-want +got):\n%s", diff)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := Environment(Variables{
		Caller: []string{"http_proxy=p", "NO_PROXY=", "FOO=foo", "FOX=fox", "HOME=/h", "PATH=/evil"},
		Image:  []string{"PATH=/bin", "A=1", "broken", "=x"}, Proxies: true,
		Run: []string{"A=2", "HOME", "UNSET", "FO*"}, Hostname: "h", Secrets: []string{"S=s"},
	})
	want := []string{"http_proxy=p", "PATH=/bin", "A=2", "HOME=/h", "FOO=foo", "FOX=fox", "HOSTNAME=h", "S=s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"PATH=" + DefaultPath, "HOSTNAME=mine"}, Environment(Variables{Caller: []string{"http_proxy=p"}, Image: []string{"HOSTNAME=mine"}, Hostname: "h"})); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func TestParseRlimit(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]specs.POSIXRlimit{
		"nofile=1":      {Type: "RLIMIT_NOFILE", Soft: 1, Hard: 1},
		"core=0:-1":     {Type: "RLIMIT_CORE", Hard: 1<<64 - 1},
		"NPROC=100:200": {Type: "RLIMIT_NPROC", Soft: 100, Hard: 200},
	} {
		if got, err := ParseRlimit(in); err != nil || got != want {
			t.Errorf("%q is %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "nofile", "nofile=", "files=1", "nofile=2:1", "nofile=1:2:3", "nofile=x"} {
		if got, err := ParseRlimit(in); err == nil {
			t.Errorf("%q is %+v", in, got)
		}
	}
}

func TestCeiling(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		ceiling  Ceiling
		rootless bool
		want     uint64
	}{
		{"nothing is known", Ceiling{}, false, manyFiles},
		{"lower", Ceiling{Hard: map[string]uint64{"RLIMIT_NOFILE": 20}}, false, 20},
		{"lower, may be raised", Ceiling{Hard: map[string]uint64{"RLIMIT_NOFILE": 20}, Raise: map[string]uint64{"RLIMIT_NOFILE": 1 << 30}}, false, manyFiles},
		{"higher", Ceiling{Hard: map[string]uint64{"RLIMIT_NOFILE": 1 << 30}}, false, 1 << 30},
		{"rootless", Ceiling{Hard: map[string]uint64{"RLIMIT_NOFILE": 20}, Raise: map[string]uint64{"RLIMIT_NOFILE": 1 << 30}}, true, 20},
	}
	for _, tt := range tests {
		all, err := tt.ceiling.rlimits(nil, tt.rootless)
		if err != nil {
			t.Fatal(err)
		}
		if all[0].Type != "RLIMIT_NOFILE" || all[0].Hard != tt.want || all[0].Soft != tt.want {
			t.Errorf("%s: %+v, want %d", tt.name, all[0], tt.want)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	host := fstest.MapFS{"sys/devices/system/cpu/cpu3/thermal_throttle/x": {}, "sys/devices/system/cpu/cpufreq/x": {}}
	if diff := cmp.Diff([]string{"/sys/devices/system/cpu/cpu3/thermal_throttle"}, ThermalThrottle(host)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := (Paths{Unmasks: []string{"ALL"}, Masks: []string{"/x"}}).masked(); len(got) != 0 {
		t.Errorf("everything is unmasked, but not %v", got)
	}
}
