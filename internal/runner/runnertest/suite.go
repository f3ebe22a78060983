package runnertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/spec"
)

// Suite runs all tests on the runner that newRunner makes.
func Suite(t *testing.T, newRunner func(t *testing.T) runner.Runner) {
	tests := []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"environment is exactly as given", environment},
		{"working directory", workingDirectory},
		{"user and groups", user},
		{"capabilities of root", capabilitiesOfRoot},
		{"capabilities of another user", capabilitiesOfUser},
		{"masked and read-only paths", maskedPaths},
		{"devices", devices},
		{"host name", hostname},
		{"bind mounts", bindMounts},
		{"tmpfs", tmpfs},
		{"limits", limits},
		{"system calls are filtered", seccomp},
		{"exit status", exitStatus},
		{"death by a signal", deathBySignal},
		{"command that is missing", missingCommand},
		{"command that is no program", notExecutable},
		{"output and errors are apart", outputs},
		{"output and errors into one", oneOutput},
		{"input through a large pipe", largeInput},
		{"input that nobody reads", unreadInput},
		{"input without an end", endlessInput},
		{"no input", noInput},
		{"output that nobody takes", lostOutput},
		{"no descriptors leak", descriptors},
		{"processes seen are the container's", processes},
		{"environment of the parents is not seen", parentsEnvironment},
		{"processes left behind are killed", leftBehind},
		{"processes left behind on the host are killed", leftBehindOnHost},
		{"cancelling kills", cancelling},
		{"nothing is left mounted", nothingMounted},
		{"several at once", severalAtOnce},
		{"terminal without one of the caller's", terminalAlone},
		{"terminal of the caller's", terminalOfCaller},
		{"cancelling with a terminal", cancelTerminal},
		{"command that is missing, with a terminal", missingWithTerminal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, newFixture(t, newRunner(t))) })
	}
}

func environment(t *testing.T, f *fixture) {
	o := f.run(t, []string{"/bin/env"}, func(in *spec.Input, _ *runner.Job) {
		in.Process.Env = []string{"PATH=/bin", "HOME=/somewhere", "EMPTY=", "TWO=a b\nc"}
	})
	if o.failure != nil {
		t.Fatal(o.failure, o.err)
	}
	want := "EMPTY=|HOME=/somewhere|PATH=/bin|TWO=a b|c"
	lines := strings.Split(strings.TrimSuffix(o.out, "\n"), "\n")
	// "c" is the second line of TWO.
	slices.Sort(lines)
	if got := strings.Join(lines, "|"); got != want {
		t.Fatalf("environment is %q, want %q", got, want)
	}
}

func workingDirectory(t *testing.T, f *fixture) {
	f.run(t, []string{"pwd"}, func(in *spec.Input, _ *runner.Job) { in.Process.Cwd = "/work" }).says(t, "/work\n")
}

func user(t *testing.T, f *fixture) {
	f.shell(t, "id -u; id -g; id -G", func(in *spec.Input, _ *runner.Job) {
		in.Process.User = spec.User{UID: 12, GID: 34, Groups: []uint32{34, 56, 78}}
	}).says(t, "12\n34\n34 56 78\n")
	f.shell(t, "id -u; id -g; id -G").says(t, "0\n0\n0\n")
}

// bits gives the mask of capabilities as /proc/self/status shows it.
func bits(names []string) string {
	var mask uint64
	for _, c := range capability.ListKnown() {
		if slices.Contains(names, "CAP_"+strings.ToUpper(c.String())) {
			mask |= 1 << uint(c)
		}
	}
	return fmt.Sprintf("%016x", mask)
}

const showCapabilities = "grep '^Cap' /proc/self/status"

func capabilitiesOfRoot(t *testing.T, f *fixture) {
	all, none := bits(spec.DefaultCapabilities()), bits(nil)
	f.shell(t, showCapabilities).says(t, fmt.Sprintf("CapInh:\t%s\nCapPrm:\t%s\nCapEff:\t%s\nCapBnd:\t%s\nCapAmb:\t%s\n", none, all, all, all, none))
}

func capabilitiesOfUser(t *testing.T, f *fixture) {
	all, none := bits(spec.DefaultCapabilities()), bits(nil)
	f.shell(t, showCapabilities, func(in *spec.Input, _ *runner.Job) { in.Process.User = spec.User{UID: 7, GID: 7} }).
		says(t, fmt.Sprintf("CapInh:\t%s\nCapPrm:\t%s\nCapEff:\t%s\nCapBnd:\t%s\nCapAmb:\t%s\n", none, none, none, all, none))
}

func maskedPaths(t *testing.T, f *fixture) {
	f.shell(t, `
		for p in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do
			test ! -e $p || test -z "$(head -c 10 $p)" || echo "$p is not masked"
		done
		test ! -e /sys/firmware || test -z "$(ls /sys/firmware)" || echo "/sys/firmware is not masked"
		(: > /proc/sys/kernel/hostname) 2>/dev/null && echo "/proc/sys can be written"
		(: > /proc/sysrq-trigger) 2>/dev/null && echo "/proc/sysrq-trigger can be written"
		mkdir /sys/kernel/nothing 2>/dev/null && echo "/sys can be written"
		true`).says(t, "")
}

func devices(t *testing.T, f *fixture) {
	f.shell(t, `
		for d in null zero full random urandom tty; do test -c /dev/$d || echo "/dev/$d is missing"; done
		echo gone > /dev/null
		head -c 3 /dev/zero | wc -c
		head -c 5 /dev/urandom | wc -c
		(echo x > /dev/full) 2>/dev/null && echo "/dev/full takes output"
		test -e /dev/fd/0 || echo "no /dev/fd"
		echo x > /dev/shm/x && cat /dev/shm/x
		test -e /dev/ptmx || echo "no /dev/ptmx"
		for d in sda vda mem kmsg; do (head -c 1 /dev/$d) >/dev/null 2>&1 && echo "/dev/$d can be read"; done
		true`).says(t, "3\n5\nx\n")
}

func hostname(t *testing.T, f *fixture) {
	f.shell(t, "hostname").says(t, "suite\n")
	if name, err := os.Hostname(); err != nil || name == "suite" {
		t.Fatalf("the host's name is %q now: %v", name, err)
	}
}

func bindMounts(t *testing.T, f *fixture) {
	host := t.TempDir()
	must(t, os.WriteFile(filepath.Join(host, "file"), []byte("content\n"), 0o644))
	f.shell(t, `cat /ro/file /vol/file
		echo new > /vol/new
		(echo new > /ro/other) 2>/dev/null && echo "a read-only mount can be written"
		cat /etc/bound`, func(in *spec.Input, _ *runner.Job) {
		must(t, os.WriteFile(filepath.Join(f.root, "etc/bound"), nil, 0o644))
		in.Mounts.Volumes = []specs.Mount{bind(host, "/vol"), bind(host, "/ro", "ro"), bind(filepath.Join(host, "file"), "/etc/bound", "ro")}
	}).says(t, strings.Repeat("content\n", 3))
	data, err := os.ReadFile(filepath.Join(host, "new"))
	if err != nil || string(data) != "new\n" {
		t.Fatalf("the volume has %q: %v", data, err)
	}
}

func tmpfs(t *testing.T, f *fixture) {
	f.shell(t, "echo x > /vol/x; stat -f -c %T /vol", func(in *spec.Input, _ *runner.Job) {
		in.Mounts.Volumes = []specs.Mount{{Destination: "/vol", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=1m"}}}
	}).says(t, "tmpfs\n")
	if _, err := os.Stat(filepath.Join(f.root, "vol/x")); err == nil {
		t.Fatal("a file in a tmpfs is in the root")
	}
}

func limits(t *testing.T, f *fixture) {
	f.shell(t, "ulimit -S -n; ulimit -H -n; ulimit -c", func(in *spec.Input, _ *runner.Job) {
		in.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 300, Hard: 400}, {Type: "RLIMIT_CORE"}}
	}).says(t, "300\n400\n0\n")
	if o := f.shell(t, "ulimit -n"); o.failure != nil {
		t.Fatalf("with default limits: %v", o.failure)
	}
}

func seccomp(t *testing.T, f *fixture) {
	f.shell(t, "grep '^Seccomp:' /proc/self/status").says(t, "Seccomp:\t2\n")
	f.shell(t, "grep '^Seccomp:' /proc/self/status", func(in *spec.Input, _ *runner.Job) {
		in.Security.Seccomp.Unconfined = true
	}).says(t, "Seccomp:\t0\n")
}

func exitStatus(t *testing.T, f *fixture) {
	for _, code := range []int{0, 1, 2, 42, 125, 127, 137, 255} {
		o := f.shell(t, fmt.Sprintf("exit %d", code))
		var exit *runner.ExitError
		switch {
		case code == 0 && o.failure != nil:
			t.Errorf("exit 0 gives %v", o.failure)
		case code == 0:
		case !errors.As(o.failure, &exit):
			t.Errorf("exit %d gives %v", code, o.failure)
		case exit.Code != code || exit.Signal != "":
			t.Errorf("exit %d gives %+v", code, *exit)
		}
	}
}

// deathBySignal uses the host's process ids: signals that process 1 of a
// namespace sends to itself are dropped.
func deathBySignal(t *testing.T, f *fixture) {
	for _, name := range []string{"KILL", "TERM", "SEGV"} {
		o := f.shell(t, "kill -"+name+" $$; sleep 5", hostPIDs)
		var exit *runner.ExitError
		if !errors.As(o.failure, &exit) {
			t.Fatalf("death by %s gives %v", name, o.failure)
		}
		if diff := cmp.Diff(runner.ExitError{Code: 1, Signal: "SIG" + name}, *exit); diff != "" {
			t.Fatalf("death by %s (-want +got):\n%s", name, diff)
		}
	}
}

func hostPIDs(in *spec.Input, _ *runner.Job) {
	in.Namespaces = append(in.Namespaces, spec.Namespace{Name: "pid", Host: true})
}

func missingCommand(t *testing.T, f *fixture) {
	for _, name := range []string{"no-such-command", "/bin/no-such-command"} {
		o := f.run(t, []string{name})
		f.notStarted(t, o, name)
	}
}

func notExecutable(t *testing.T, f *fixture) {
	f.notStarted(t, f.run(t, []string{"/bin/plain"}), "/bin/plain")
}

func (f *fixture) notStarted(t *testing.T, o outcome, name string) {
	t.Helper()
	var start *runner.StartError
	if !errors.As(o.failure, &start) {
		t.Fatalf("running %q gives %v", name, o.failure)
	}
	text := start.Error()
	if !strings.Contains(text, name) || strings.Contains(text, "\n") || o.out != "" || o.err != "" {
		t.Fatalf("running %q says %q, stdout %q, stderr %q", name, text, o.out, o.err)
	}
}

func leftBehind(t *testing.T, f *fixture) {
	mark := "7" + strings.Repeat("1", 3) + fmt.Sprint(time.Now().UnixNano()%1e6)
	f.shell(t, "sleep "+mark+" & exit 0").says(t, "")
	f.gone(t, mark)
}

func leftBehindOnHost(t *testing.T, f *fixture) {
	mark := "7" + strings.Repeat("2", 3) + fmt.Sprint(time.Now().UnixNano()%1e6)
	f.shell(t, "setsid sleep "+mark+" & exit 0", hostPIDs).says(t, "")
	f.gone(t, mark)
}

// gone fails the test if a process with this argument runs.
func (f *fixture) gone(t *testing.T, mark string) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err == nil && slices.Contains(strings.Split(string(data), "\x00"), mark) {
			t.Fatalf("%s is still running: %q", filepath.Dir(name), data)
		}
	}
}

func cancelling(t *testing.T, f *fixture) {
	mark := "7" + strings.Repeat("3", 3) + fmt.Sprint(time.Now().UnixNano()%1e6)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := &notice{ch: make(chan struct{})}
	go func() {
		<-started.ch
		cancel()
	}()
	begin := time.Now()
	o := f.runUntil(ctx, t, []string{"/bin/sh", "-c", "trap '' TERM INT HUP; echo up; sleep " + mark}, func(_ *spec.Input, j *runner.Job) {
		j.Stdio.Out = started
	})
	if !errors.Is(o.failure, context.Canceled) {
		t.Fatalf("cancelling gives %v", o.failure)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Fatalf("cancelling took %v", took)
	}
	f.gone(t, mark)
}

func nothingMounted(t *testing.T, f *fixture) {
	f.shell(t, "true").says(t, "")
	data, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	if strings.Contains(string(data), f.root) {
		t.Fatalf("something is mounted below %q:\n%s", f.root, data)
	}
	if err := unix.Access(filepath.Join(f.root, "dev/null"), unix.F_OK); err == nil {
		t.Fatal("a device was made in the root")
	}
}

func severalAtOnce(t *testing.T, f *fixture) {
	const n = 4
	results := make(chan outcome, n)
	for i := range n {
		go func() { results <- f.shell(t, fmt.Sprintf("cat; echo %d", i)) }()
	}
	var got []string
	for range n {
		o := <-results
		if o.failure != nil {
			t.Error(o.failure)
		}
		got = append(got, o.out)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"0\n", "1\n", "2\n", "3\n"}, got); diff != "" {
		t.Fatalf("outputs (-want +got):\n%s", diff)
	}
}
