//go:build linux && cgo && !no_seccomp

package chroot

import (
	"encoding/binary"
	"strings"
	"testing"

	mobyseccomp "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestSeccompDefault runs with the profile that every container has by default.
func TestSeccompDefault(t *testing.T) {
	t.Parallel()
	for _, noNew := range []bool{false, true} {
		out := shell(t, "grep -E '^Seccomp:|NoNewPrivs' /proc/self/status | cut -f2; mkdir /tmp/x; id -u; mount -t tmpfs x /tmp/x 2>/dev/null || echo refused", func(s *specs.Spec) {
			s.Process.NoNewPrivileges = noNew
			s.Linux.Seccomp = defaultProfile(t, s)
		})
		want := "0\n2\n0\nrefused\n"
		if noNew {
			want = "1\n2\n0\nrefused\n"
		}
		if out != want {
			t.Errorf("no new privileges %v: %q, want %q", noNew, out, want)
		}
	}
}

func defaultProfile(t testing.TB, s *specs.Spec) *specs.LinuxSeccomp {
	t.Helper()
	profile, err := mobyseccomp.GetDefaultProfile(s)
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

func TestSeccompRules(t *testing.T) {
	t.Parallel()
	one := uint(1)
	profile := &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Flags:         []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog},
		Syscalls: []specs.LinuxSyscall{
			{Names: []string{"mkdir", "mkdirat", "no_such_call"}, Action: specs.ActErrno, ErrnoRet: &one},
			{Names: []string{"kill"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{
				{Index: 1, Value: 10, Op: specs.OpEqualTo}, {Index: 1, Value: 12, Op: specs.OpEqualTo},
			}},
		},
	}
	out := shell(t, "mkdir /tmp/x 2>&1; trap : USR2 TERM; kill -10 $$ || echo no 10; kill -12 $$ || echo no 12; kill -15 $$ && echo 15", func(s *specs.Spec) { s.Linux.Seccomp = profile })
	for _, want := range []string{"not permitted", "no 10", "no 12", "15\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	for name, bad := range map[string]specs.LinuxSeccomp{
		"action":       {DefaultAction: "SCMP_ACT_X"},
		"architecture": {DefaultAction: specs.ActAllow, Architectures: []specs.Arch{"SCMP_ARCH_X"}},
		"flag":         {DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{"X"}},
		"operator": {DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
			{Names: []string{"kill"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Op: "X"}}},
		}},
	} {
		if _, err := compileSeccomp(&bad); err == nil {
			t.Errorf("a bad %s is accepted", name)
		}
		spec := newSpec(newRoot(t), "true")
		spec.Linux.Seccomp = &bad
		if got := run1(t, New(), spec, ""); got.failure == nil || !strings.Contains(got.failure.Error(), "seccomp") {
			t.Errorf("a bad %s: %v", name, got.failure)
		}
	}
}

func BenchmarkTrueWithSeccomp(b *testing.B) {
	root := newRoot(b)
	r := New()
	for b.Loop() {
		spec := newSpec(root, "true")
		spec.Linux.Seccomp = defaultProfile(b, spec)
		if got := run1(b, r, spec, ""); got.failure != nil {
			b.Fatal(got)
		}
	}
}

func BenchmarkCompileSeccomp(b *testing.B) {
	profile := defaultProfile(b, newSpec("/", "true"))
	for b.Loop() {
		if _, err := compileSeccomp(profile); err != nil {
			b.Fatal(err)
		}
	}
}

// A program that is compiled piece by piece says the same as libseccomp's own,
// for every call of every architecture.
func TestSplitFilterMeansTheSame(t *testing.T) {
	t.Parallel()
	profile := defaultProfile(t, newSpec("/", "true"))
	fallback, err := seccompAction(profile.DefaultAction, profile.DefaultErrnoRet)
	if err != nil {
		t.Fatal(err)
	}
	archs, err := profileArchs(profile)
	if err != nil {
		t.Fatal(err)
	}
	whole, _, err := compileFor(profile, fallback, archs)
	if err != nil {
		t.Fatal(err)
	}
	split, _, err := compileAll(profile, fallback)
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []uint32{unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_AARCH64, unix.AUDIT_ARCH_ARM, 7} {
		for number := range uint32(2000) {
			for _, offset := range []uint32{0, x32Bit} {
				for _, arg := range []uint64{0, 8, 0x20000, 0x7e020000, 16, 40, ^uint64(0)} {
					data := seccompData(arch, number+offset, arg)
					if a, b := interpret(t, whole, data), interpret(t, split, data); a != b {
						t.Fatalf("arch %#x call %#x argument %#x: %#x, and %#x when split", arch, number+offset, arg, a, b)
					}
				}
			}
		}
	}
}

func seccompData(arch, number uint32, arg uint64) []byte {
	data := binary.NativeEndian.AppendUint32(nil, number)
	data = binary.NativeEndian.AppendUint32(data, arch)
	data = binary.NativeEndian.AppendUint64(data, 0)
	for range 6 {
		data = binary.NativeEndian.AppendUint64(data, arg)
	}
	return data
}

// interpret runs what libseccomp uses of BPF.
func interpret(t *testing.T, program, data []byte) uint32 {
	t.Helper()
	var a uint32
	for at := 0; ; at++ {
		i := program[at*bpfInstructionSize:]
		code, jt, jf, k := binary.NativeEndian.Uint16(i), int(i[2]), int(i[3]), binary.NativeEndian.Uint32(i[4:])
		branch := func(yes bool) {
			if yes {
				at += jt
			} else {
				at += jf
			}
		}
		switch code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = binary.NativeEndian.Uint32(data[k:])
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= k
		case unix.BPF_JMP | unix.BPF_JA:
			at += int(k)
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			branch(a == k)
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			branch(a > k)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			branch(a >= k)
		case unix.BPF_RET | unix.BPF_K:
			return k
		default:
			t.Fatalf("instruction %#x", code)
		}
	}
}
