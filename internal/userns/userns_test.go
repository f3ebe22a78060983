package userns

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/storage/pkg/reexec"
	"golang.org/x/sys/unix"
)

// The test binary stands in for buildah: as "…-in-a-user-namespace" it reports
// what it sees, as "enter" it enters a session and passes on what Enter says.
func TestMain(m *testing.M) {
	reexec.Register("enter", func() {
		s := Session{UIDMap: Map(0, []Range{{100000, 1000}}), GIDMap: Map(0, []Range{{200000, 1000}})}
		s.Env = sessionEnv(Process{}, []string{"KEPT=1", ConfiguredEnv + "=old"})
		code, err := Enter(context.Background(), s, append([]string{"probe"}, os.Args[1:]...))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 99
		}
		os.Exit(code)
	})
	reexec.Register("probe-in-a-user-namespace", probe)
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

func probe() {
	switch os.Args[1] {
	case "look":
		ids, _ := os.ReadFile("/proc/self/uid_map")
		groups, _ := os.ReadFile("/proc/self/gid_map")
		err := unix.Mount("tmpfs", "/mnt", "tmpfs", 0, "")
		fmt.Println(os.Getuid(), os.Getgid(), strings.Fields(string(ids)), strings.Fields(string(groups)), err, strings.Join(os.Environ(), " "))
	case "exit7":
		os.Exit(7)
	case "killed":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	case "signal":
		got := make(chan os.Signal, 1)
		signal.Notify(got, unix.SIGTERM)
		fmt.Println("ready")
		<-got
		os.Exit(5)
	}
}

func enter(t *testing.T, what string) (string, int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd := reexec.Command("enter", what)
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestEnter(t *testing.T) {
	t.Parallel()
	out, code := enter(t, "look")
	want := "0 0 [0 0 1 1 100000 1000] [0 0 1 1 200000 1000] <nil> KEPT=1 " +
		ConfiguredEnv + "=done " + UIDEnv + "=0 " + GIDEnv + "=0 " + IsolationEnv + "=rootless\n"
	if diff := cmp.Diff(want, out); diff != "" || code != 0 {
		t.Errorf("status %d, -want +got:\n%s", code, diff)
	}
	if _, code := enter(t, "exit7"); code != 7 {
		t.Errorf("status %d of a process that exits with 7", code)
	}
	if _, code := enter(t, "killed"); code != 1 {
		t.Errorf("status %d of a process that is killed", code)
	}
}

func TestEnterForwardsSignals(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd := reexec.Command("enter", "signal")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if _, err := out.Read(buf); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Signal(unix.SIGTERM)
	timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 5 {
		t.Errorf("status %d, want 5", code)
	}
}

// Without ranges there is one id, for which no program is needed.
func TestNewSessionAlone(t *testing.T) {
	s, notice, got := NewSession(Process{UID: 54321, GID: 54321}, nil)
	if got != nil || !s.Alone || s.Helpers || len(s.UIDMap) != 1 || s.UIDMap[0].Size != 1 {
		t.Errorf("session: %+v, %v", s, got)
	}
	if !strings.Contains(notice, "/etc/subuid and /etc/subgid") || !strings.Contains(notice, "usermod") || strings.Contains(notice, "\n") {
		t.Errorf("notice %q of a user without ranges", notice)
	}
}

func TestDefinitions(t *testing.T) {
	t.Parallel()
	full := Process{SysAdmin: true, FullMap: true}
	for name, c := range map[string]struct {
		p                          Process
		env                        map[string]string
		rootless, inside, needsOne bool
	}{
		"root":                  {p: full},
		"user":                  {p: Process{UID: 1000, FullMap: true}, rootless: true, needsOne: true},
		"user inside":           {p: Process{SysAdmin: true}, env: map[string]string{UIDEnv: "1000", ConfiguredEnv: "done"}, rootless: true, inside: true},
		"root inside":           {p: Process{SysAdmin: true}, env: map[string]string{UIDEnv: "0", ConfiguredEnv: "done"}, rootless: true, inside: true},
		"root of a container":   {p: Process{SysAdmin: true}, rootless: true},
		"root without rights":   {p: Process{FullMap: true}, rootless: true, needsOne: true},
		"configured by another": {p: full, env: map[string]string{ConfiguredEnv: "1"}, rootless: true, inside: true},
		"nonsense in the id":    {p: full, env: map[string]string{UIDEnv: "x"}},
	} {
		c.p.Getenv = func(name string) string { return c.env[name] }
		got := []bool{c.p.Rootless(), c.p.InSession(), c.p.NeedsSession()}
		if diff := cmp.Diff([]bool{c.rootless, c.inside, c.needsOne}, got); diff != "" {
			t.Errorf("%s: rootless, in session, needs session: %s", name, diff)
		}
	}
}

func TestMap(t *testing.T) {
	t.Parallel()
	got := Map(1000, []Range{{100000, 65536}, {900, 200}, {100005, 1}, {300000, 10}})
	want := []specs.LinuxIDMapping{
		{ContainerID: 0, HostID: 1000, Size: 1},
		{ContainerID: 1, HostID: 100000, Size: 65536},
		{ContainerID: 65537, HostID: 300000, Size: 10},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseRanges(t *testing.T) {
	t.Parallel()
	const file = "ann:100000:65536\nbob:1:2\n1000:7:8\nann:x:1\nann:5\nann:4294967295:1\nann:3:0\n\n joann:1:1\n"
	got := ParseRanges([]byte(file), "ann", 1000)
	if diff := cmp.Diff([]Range{{100000, 65536}, {7, 8}}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseRanges(f *testing.F) {
	f.Add([]byte("ann:100000:65536\n0:1:4294967295"))
	f.Fuzz(func(t *testing.T, data []byte) {
		maps := Map(0, ParseRanges(data, "ann", 0))
		for i, m := range maps[1:] {
			if m.Size == 0 || m.ContainerID != maps[i].ContainerID+maps[i].Size {
				t.Fatalf("%v", maps)
			}
		}
	})
}
