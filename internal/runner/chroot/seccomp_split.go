//go:build linux && cgo && !no_seccomp

package chroot

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// auditNames is how the kernel calls those architectures that come in company.
// x32 is not among them: the kernel tells it from x86-64 by the numbers only.
var auditNames = map[libseccomp.ScmpArch]uint32{
	libseccomp.ArchAMD64: unix.AUDIT_ARCH_X86_64,
	libseccomp.ArchX86:   unix.AUDIT_ARCH_I386,
	libseccomp.ArchARM64: unix.AUDIT_ARCH_AARCH64,
	libseccomp.ArchARM:   unix.AUDIT_ARCH_ARM,
}

// compileAll makes the instructions for all architectures of a profile.
// libseccomp takes 14 ms for the three of x86 together and 1.5 ms for each of
// them, so they are made apart, at the same time, behind a switch of ours.
func compileAll(profile *specs.LinuxSeccomp, fallback libseccomp.ScmpAction) ([]byte, libseccomp.ScmpSyscall, error) {
	archs, err := profileArchs(profile)
	if err != nil {
		return nil, 0, err
	}
	if len(archs) == 1 || slices.ContainsFunc(archs, func(a libseccomp.ScmpArch) bool {
		return auditNames[a] == 0 && a != libseccomp.ArchX32
	}) || !slices.Contains(archs, libseccomp.ArchAMD64) && slices.Contains(archs, libseccomp.ArchX32) {
		return compileFor(profile, fallback, archs)
	}
	programs := make([][]byte, len(archs))
	highest := make([]libseccomp.ScmpSyscall, len(archs))
	var group errgroup.Group
	for i, arch := range archs {
		group.Go(func() (err error) {
			programs[i], highest[i], err = compileFor(profile, fallback, []libseccomp.ScmpArch{arch})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	return slices.Concat(append([][]byte{archSwitch(archs, programs)}, programs...)...), slices.Max(highest), nil
}

// profileArchs are the architectures of a profile, and the native one.
func profileArchs(profile *specs.LinuxSeccomp) ([]libseccomp.ScmpArch, error) {
	native, err := libseccomp.GetNativeArch()
	if err != nil {
		return nil, fmt.Errorf("making a seccomp filter: %w", err)
	}
	archs := []libseccomp.ScmpArch{native}
	for _, name := range profile.Architectures {
		arch, err := libseccomp.GetArchFromString(trimArch(name))
		if err != nil {
			return nil, fmt.Errorf("reading the seccomp profile: architecture %q: %w", name, err)
		}
		if !slices.Contains(archs, arch) {
			archs = append(archs, arch)
		}
	}
	return archs, nil
}

// archSwitch are the instructions that go to the program of the caller's
// architecture. The programs follow it in their order. A caller of any other
// architecture is killed, as libseccomp does.
func archSwitch(archs []libseccomp.ScmpArch, programs [][]byte) []byte {
	const number, architecture = 0, 4 // offsets in struct seccomp_data
	start := map[libseccomp.ScmpArch]int{}
	at := 0
	for i, arch := range archs {
		start[arch] = at
		at += len(programs[i]) / bpfInstructionSize
	}
	_, x32 := start[libseccomp.ArchX32]
	code := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: architecture}}
	var jumps []int // instructions whose K counts from the first program so far
	jump := func(arch libseccomp.ScmpArch) {
		jumps = append(jumps, len(code))
		code = append(code, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(start[arch])})
	}
	for _, arch := range archs {
		if arch == libseccomp.ArchX32 {
			continue // with AMD64
		}
		split := arch == libseccomp.ArchAMD64 && x32
		over := uint8(1)
		if split {
			over = 4
		}
		code = append(code, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: auditNames[arch], Jf: over})
		if split {
			code = append(code,
				unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
				unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: x32Bit, Jf: 1})
			jump(libseccomp.ArchX32)
		}
		jump(arch)
	}
	code = append(code, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_THREAD})
	for _, i := range jumps { // a jump counts from the instruction after it
		code[i].K += uint32(len(code) - i - 1)
	}
	return assembleBPF(code)
}

// assembleBPF is the form that the kernel reads.
func assembleBPF(instructions []unix.SockFilter) []byte {
	var program []byte
	for _, i := range instructions {
		program = binary.NativeEndian.AppendUint16(program, i.Code)
		program = append(program, i.Jt, i.Jf)
		program = binary.NativeEndian.AppendUint32(program, i.K)
	}
	return program
}
