package chroot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/projectatomic/buildah/internal/runner"
	"golang.org/x/sys/unix"
)

func TestWhatIsInside(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, want string }{
		"user":              {"id", "uid=0 gid=0 groups=0\n"},
		"host name":         {"hostname", "inside\n"},
		"environment":       {"env | grep -v -e SHLVL -e PWD | sort", "HOME=/\nPATH=/sbin:/bin\n"},
		"descriptors":       {"ls /proc/self/fd", "0\n1\n2\n3\n"}, // 3 is the directory itself
		"limits of rights":  {"grep -E 'CapInh|CapPrm|CapBnd|CapAmb' /proc/self/status | cut -f2", "0000000000000000\n00000000800405fb\n00000000800405fb\n0000000000000000\n"},
		"signals":           {"grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f2", "0000000000000000\n0000000000000000\n"},
		"one root":          {"cut -d' ' -f5 /proc/self/mountinfo | grep -c '^/$'", "1\n"},
		"devices":           {"cd /dev; ls; echo x > null; head -c 3 zero | wc -c", "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n3\n"},
		"masked file":       {"cat /proc/keys /proc/timer_list | wc -c", "0\n"},
		"masked directory":  {"ls /sys/firmware", ""},
		"read-only":         {"for f in /proc/sys/kernel/hostname /sys/kernel/mm/x /sys/fs/cgroup/x; do (echo x > $f) 2>/dev/null && echo $f; done; true", ""},
		"cgroups protected": {"grep /sys/fs/cgroup /proc/self/mountinfo | grep -vc ' ro,'; true", "0\n"},
		"own processes":     {"test $(ls -d /proc/[1-9]* | wc -l) -lt 9 && echo few", "few\n"},
		"no host mounts":    {"grep -c -e /old -e unreachable /proc/self/mountinfo; true", "0\n"},
		"error device":      {"echo x > /dev/full 2>/dev/null || echo full", "full\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, shell(t, c.script, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change       func(*specs.Spec)
		script, want string
	}{
		"user": {func(s *specs.Spec) {
			s.Process.User = specs.User{UID: 1000, GID: 100, AdditionalGids: []uint32{100, 7}}
		}, "id; echo to the stream > /dev/stdout; grep -E 'CapPrm|CapEff|CapBnd' /proc/self/status | cut -f2", "uid=1000 gid=100 groups=7,100\nto the stream\n0000000000000000\n0000000000000000\n00000000800405fb\n"},
		"directory":         {func(s *specs.Spec) { s.Process.Cwd = "/tmp" }, "pwd", "/tmp\n"},
		"home":              {func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "HOME=/x") }, "echo $HOME", "/x\n"},
		"umask":             {func(s *specs.Spec) { u := uint32(0o77); s.Process.User.Umask = &u }, "umask", "0077\n"},
		"no new privileges": {func(s *specs.Spec) { s.Process.NoNewPrivileges = true }, "grep NoNewPrivs /proc/self/status | cut -f2", "1\n"},
		"read-only root":    {func(s *specs.Spec) { s.Root.Readonly = true }, "touch /x 2>/dev/null || echo no; touch /dev/shm/x", "no\n"},
		"limits": {func(s *specs.Spec) {
			s.Process.Rlimits = []specs.POSIXRlimit{
				{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200},
				{Type: "RLIMIT_FSIZE", Soft: 1 << 20, Hard: 1 << 20},
			}
		}, "ulimit -Sn; ulimit -Hn; ulimit -f", "100\n200\n2048\n"},
		"limit too high is clamped": {func(s *specs.Spec) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1 << 29, Hard: 1 << 29}}
		}, "test $(ulimit -n) -gt 1 && echo some", "some\n"},
		"no network": {func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
			s.Linux.Sysctl = map[string]string{"net.ipv4.ip_default_ttl": "77"}
		}, "ip -o addr | cut -d' ' -f2 | sort | head -1; ip link show lo | grep -c 'UP'; cat /proc/sys/net/ipv4/ip_default_ttl; ip link | grep -c eth; true", "lo\n1\n77\n0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, shell(t, c.script, c.change)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExit(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	for name, c := range map[string]struct {
		args []string
		want error
	}{
		"success":         {[]string{"true"}, nil},
		"failure":         {[]string{"sh", "-c", "exit 42"}, &runner.ExitError{Code: 42}},
		"signal":          {[]string{"sh", "-c", "kill -9 $$"}, &runner.ExitError{Code: 1, Signal: "SIGKILL"}},
		"segmentation":    {[]string{"sh", "-c", "kill -SEGV $$"}, &runner.ExitError{Code: 1, Signal: "SIGSEGV"}},
		"absolute":        {[]string{"/bin/false"}, &runner.ExitError{Code: 1}},
		"unknown":         {[]string{"nosuch"}, &runner.StartError{Command: "nosuch", Reason: "executable file not found in $PATH"}},
		"unknown path":    {[]string{"/no/such"}, &runner.StartError{Command: "/no/such", Reason: "no such file or directory (it, or the interpreter that it names)"}},
		"not executable":  {[]string{"/etc"}, &runner.StartError{Command: "/etc", Reason: "permission denied"}},
		"a name of empty": {[]string{""}, &runner.StartError{Reason: "executable file not found in $PATH"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run1(t, New(), newSpec(root, c.args...), "")
			if diff := cmp.Diff(c.want, got.failure); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestStreams(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	big := strings.Repeat("0123456789abcdef", 1<<17)
	got := run1(t, New(), newSpec(root, "sh", "-c", "cat; echo problem >&2"), big)
	if got.failure != nil || got.out != big || got.err != "problem\n" {
		t.Errorf("%v, %d bytes, %q", got.failure, len(got.out), got.err)
	}
	// A file that never ends must not keep us, nor lose what follows.
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	defer read.Close()
	var out bytes.Buffer
	job := runner.Job{Spec: newSpec(root, "sh", "-c", "read line; echo $line; echo $line >&2; sleep 0.1"), Stdio: runner.Stdio{In: read, Out: &out, Err: &out}}
	_, _ = io.WriteString(write, "one\n")
	if err := New().Run(t.Context(), job); err != nil || out.String() != strings.Repeat("one\n", 2) {
		t.Errorf("%v, %q", err, &out)
	}
	time.Sleep(50 * time.Millisecond)
	_, _ = io.WriteString(write, "two\n")
	buf := make([]byte, 10)
	if n, _ := read.Read(buf); string(buf[:n]) != "two\n" {
		t.Errorf("%q was left", buf[:n])
	}
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	spec := newSpec(root, "sh", "-c", "tty; stty size; ls -l /dev/console | cut -c1; read x; echo got $x; test -t 2 && echo yes; cat; echo end")
	spec.Process.Terminal = true
	spec.Process.ConsoleSize = &specs.Box{Width: 77, Height: 33}
	got := run1(t, New(), spec, "hello\n")
	if got.failure != nil {
		t.Fatal(got)
	}
	for _, want := range []string{"/dev/pts/0\r\n", "33 77\r\n", "c\r\n", "got hello\r\nyes\r\n", "end\r\n"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in %q", want, got.out)
		}
	}
}

// The caller's terminal is raw during the run, its size is followed, and it is
// as before afterwards.
func TestCallersTerminal(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs a terminal: %v", err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	fd, err := openPeer(int(master.Fd()), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	peer := os.NewFile(uintptr(fd), "terminal")
	defer peer.Close()
	size := func(rows uint16) {
		if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: 60}); err != nil {
			t.Fatal(err)
		}
	}
	size(20)
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	spec := newSpec(root, "sh", "-c", "stty size; read x; stty size; read x; exit 3")
	spec.Process.Terminal = true
	done := make(chan error, 1)
	go func() {
		done <- New().Run(t.Context(), runner.Job{Spec: spec, Stdio: runner.Stdio{In: peer, Out: peer, Terminal: peer}})
	}()
	read := func(want string) {
		buf, seen := make([]byte, 100), ""
		for !strings.Contains(seen, want) {
			n, err := master.Read(buf)
			if err != nil {
				t.Fatalf("%v: %q without %q", err, seen, want)
			}
			seen += string(buf[:n])
		}
	}
	read("20 60")
	size(30)
	_ = unix.Kill(os.Getpid(), unix.SIGWINCH)
	time.Sleep(100 * time.Millisecond)
	_, _ = master.WriteString("go\r")
	read("30 60")
	_, _ = master.WriteString("go\r")
	if err := <-done; text(err) != "exit status 3" {
		t.Error(err)
	}
	after, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// withHostPIDs takes the container's PID namespace away.
func withHostPIDs(s *specs.Spec) {
	s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace}}
}

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*specs.Spec){"own": func(*specs.Spec) {}, "host": withHostPIDs} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := newRoot(t)
			mark := "98" + strings.ReplaceAll(time.Now().Format("150405.000000000"), ".", "")
			spec := newSpec(root, "sh", "-c", "(setsid sleep "+mark+" &) ; sleep "+mark+" & (sleep 0.05; echo late) & wait $!")
			change(spec)
			if got := run1(t, New(), spec, ""); got.failure != nil || got.out != "late\n" {
				t.Fatal(got)
			}
			if left := processes(t, mark); left != "" {
				t.Errorf("still there: %s", left)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			reason := errors.New("enough")
			time.AfterFunc(100*time.Millisecond, func() { cancel(reason) })
			spec = newSpec(root, "sh", "-c", "trap '' TERM INT HUP; setsid sleep "+mark+" & sleep "+mark)
			change(spec)
			err := New().Run(ctx, runner.Job{Spec: spec})
			if !errors.Is(err, reason) {
				t.Errorf("%v after cancelling", err)
			}
			if left := processes(t, mark); left != "" {
				t.Errorf("still there: %s", left)
			}
		})
	}
}

// processes lists the command lines with a mark.
func processes(t *testing.T, mark string) string {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range names {
		data, _ := os.ReadFile(name)
		if line := strings.ReplaceAll(string(data), "\x00", " "); strings.Contains(line, mark) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "; ")
}

func TestHostPIDs(t *testing.T) {
	t.Parallel()
	if out := shell(t, "test $$ -gt 100 && test -d /proc/$$ && echo yes; exit 0", withHostPIDs); out != "yes\n" {
		t.Errorf("%q", out)
	}
	// The way that is taken where no fresh /proc can be mounted.
	r := New()
	r.noProc.Store(true)
	if got := run1(t, r, newSpec(newRoot(t), "sh", "-c", "test -d /proc/$$ && echo yes"), ""); got.failure != nil || got.out != "yes\n" {
		t.Error(got)
	}
}

func TestUserNamespace(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	own(t, root, 100000)
	out, err := userNamespace(t, root, "id -u; cat /proc/self/uid_map; touch /made; ls -ln /made | cut -c1-60; echo x > /dev/null; ls /dev/pts; hostname; echo hi > /dev/stderr; cat /vol/f")
	if err != nil {
		t.Fatal(err, out)
	}
	if !strings.HasPrefix(out, "0\n         0     100000      65536\n") || !strings.HasSuffix(out, "inside\nhi\nsecret\n") {
		t.Errorf("%s", out)
	}
	info, err := os.Stat(filepath.Join(root, "made"))
	if err != nil || ownerOf(info) != 100000 {
		t.Errorf("%v, %v", info, err)
	}
}

// userNamespace runs a script as root of a namespace, with a volume that this
// root could not reach by its path.
func userNamespace(t *testing.T, root, script string) (string, error) {
	t.Helper()
	hidden := t.TempDir()
	if err := os.Chmod(hidden, 0o700); err != nil {
		t.Fatal(err)
	}
	volume := filepath.Join(hidden, "volume")
	if err := os.Mkdir(volume, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(volume, "f"), []byte("secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	spec := newSpec(root, "sh", "-c", script)
	spec.Process.User.UID, spec.Process.User.GID = 0, 0
	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/vol", Type: "bind", Source: volume, Options: []string{"rbind", "ro"}})
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	spec.Linux.GIDMappings = spec.Linux.UIDMappings
	var out bytes.Buffer
	err := New().Run(t.Context(), runner.Job{Spec: spec, Stdio: runner.Stdio{Out: &out, Err: &out}})
	return out.String(), err
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*specs.Spec)
		want   string
	}{
		"user namespace to join": {func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace, Path: "/proc/1/ns/user"})
		}, "use --isolation oci"},
		"kernel parameter of the host": {func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"} }, "belongs to no new namespace"},
		"way out by a parameter":       {func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"kernel.msg/../x": "1"} }, "belongs to no new namespace"},
		"bind option":                  {func(s *specs.Spec) { bind(s, "/tmp", "/x", "idmap") }, `no option "idmap"`},
		"missing source":               {func(s *specs.Spec) { bind(s, "/no/such", "/x") }, `opening "/no/such": no such file`},
		"file system":                  {func(s *specs.Spec) { s.Mounts[0].Type = "nosuchfs" }, `file system "nosuchfs"`},
		"option of a file system":      {func(s *specs.Spec) { s.Mounts[1].Options = []string{"nosuch=1"} }, "nosuch"},
		"limit":                        {func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_X"}} }, "RLIMIT_X"},
		"capability":                   {func(s *specs.Spec) { s.Process.Capabilities.Bounding = []string{"CAP_X"} }, "CAP_X"},
		"directory":                    {func(s *specs.Spec) { s.Process.Cwd = "/no/such" }, `directory "/no/such": no such file`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(newRoot(t), "true")
			c.change(spec)
			got := run1(t, New(), spec, "")
			if got.failure == nil || errors.As(got.failure, new(*runner.ExitError)) || !strings.Contains(got.failure.Error(), c.want) {
				t.Errorf("%v, want %q", got.failure, c.want)
			}
		})
	}
}

func bind(s *specs.Spec, source, target string, options ...string) {
	s.Mounts = append(s.Mounts, specs.Mount{Destination: target, Type: "bind", Source: source, Options: append([]string{"rbind"}, options...)})
}

func BenchmarkTrue(b *testing.B) {
	root := newRoot(b)
	r := New()
	for b.Loop() {
		if got := run1(b, r, newSpec(root, "true"), ""); got.failure != nil {
			b.Fatal(got)
		}
	}
}
