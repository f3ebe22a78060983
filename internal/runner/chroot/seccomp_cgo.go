//go:build linux && cgo && !no_seccomp

package chroot

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// compileSeccomp turns a profile into BPF instructions.
func compileSeccomp(profile *specs.LinuxSeccomp) (filter, error) {
	if profile == nil {
		return filter{}, nil
	}
	flags, err := seccompFlags(profile.Flags)
	if err != nil {
		return filter{}, err
	}
	fallback, err := seccompAction(profile.DefaultAction, profile.DefaultErrnoRet)
	if err != nil {
		return filter{}, err
	}
	program, highest, err := compileAll(profile, fallback)
	if err != nil {
		return filter{}, err
	}
	if refuses(profile.DefaultAction) {
		program = append(unknownCalls(highest), program...)
	}
	if len(program)/bpfInstructionSize > math.MaxUint16 {
		return filter{}, errors.New("the seccomp profile is too large")
	}
	return filter{Program: program, Flags: flags}, nil
}

// compileFor makes the instructions for some architectures. It also returns the
// highest number of a system call that the profile knows.
func compileFor(profile *specs.LinuxSeccomp, fallback libseccomp.ScmpAction, archs []libseccomp.ScmpArch) ([]byte, libseccomp.ScmpSyscall, error) {
	f, err := libseccomp.NewFilter(fallback)
	if err != nil {
		return nil, 0, fmt.Errorf("making a seccomp filter: %w", err)
	}
	defer f.Release()
	if err := setArchs(f, archs); err != nil {
		return nil, 0, err
	}
	var highest libseccomp.ScmpSyscall
	for _, rule := range profile.Syscalls {
		known, err := addRules(f, rule, fallback)
		if err != nil {
			return nil, 0, err
		}
		highest = max(highest, known)
	}
	program, err := export(f)
	return program, highest, err
}

// export reads the instructions of a filter. It goes through a file in memory:
// libseccomp before 2.6 knows no other way.
func export(f *libseccomp.ScmpFilter) ([]byte, error) {
	fd, err := unix.MemfdCreate("seccomp", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("exporting a seccomp filter: %w", err)
	}
	memory := os.NewFile(uintptr(fd), "seccomp")
	defer memory.Close()
	if err := f.ExportBPF(memory); err != nil {
		return nil, fmt.Errorf("exporting a seccomp filter: %w", err)
	}
	if _, err := memory.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("exporting a seccomp filter: %w", err)
	}
	program, err := io.ReadAll(memory)
	if err != nil {
		return nil, fmt.Errorf("exporting a seccomp filter: %w", err)
	}
	return program, nil
}

// setArchs makes a filter be for exactly these architectures; a new one is for
// the native one.
func setArchs(f *libseccomp.ScmpFilter, archs []libseccomp.ScmpArch) error {
	native, err := libseccomp.GetNativeArch()
	if err != nil {
		return fmt.Errorf("making a seccomp filter: %w", err)
	}
	for _, arch := range archs {
		if err := f.AddArch(arch); err != nil {
			return fmt.Errorf("adding the architecture %q to the seccomp filter: %w", arch, err)
		}
	}
	if slices.Contains(archs, native) {
		return nil
	}
	if err := f.RemoveArch(native); err != nil {
		return fmt.Errorf("removing the architecture %q from the seccomp filter: %w", native, err)
	}
	return nil
}

// addRules adds the rule for each of its system calls and returns the highest
// number among them. Calls that libseccomp does not know are left out: they get
// the default.
func addRules(f *libseccomp.ScmpFilter, rule specs.LinuxSyscall, fallback libseccomp.ScmpAction) (libseccomp.ScmpSyscall, error) {
	var highest libseccomp.ScmpSyscall
	action, err := seccompAction(rule.Action, rule.ErrnoRet)
	if err != nil {
		return 0, err
	}
	conditions, err := seccompConditions(rule.Args)
	if err != nil {
		return 0, err
	}
	for _, name := range rule.Names {
		call, err := libseccomp.GetSyscallFromName(name)
		if err != nil {
			continue
		}
		highest = max(highest, call)
		if action == fallback {
			continue // libseccomp takes no rule that changes nothing
		}
		for _, c := range conditions {
			if len(c) == 0 {
				err = f.AddRule(call, action)
			} else {
				err = f.AddRuleConditional(call, action, c)
			}
			if err != nil {
				return 0, fmt.Errorf("adding the system call %q to the seccomp filter: %w", name, err)
			}
		}
	}
	return highest, nil
}

// seccompConditions returns lists of conditions, one of which has to hold. All
// of a list have to; but two on one argument cannot be in one list.
func seccompConditions(args []specs.LinuxSeccompArg) ([][]libseccomp.ScmpCondition, error) {
	seen, twice := map[uint]bool{}, false
	var all []libseccomp.ScmpCondition
	for _, a := range args {
		op, ok := seccompOperators[a.Op]
		if !ok {
			return nil, fmt.Errorf("reading the seccomp profile: unknown operator %q", a.Op)
		}
		c, err := libseccomp.MakeCondition(a.Index, op, a.Value, a.ValueTwo)
		if err != nil {
			return nil, fmt.Errorf("reading the seccomp profile: %w", err)
		}
		twice = twice || seen[a.Index]
		seen[a.Index] = true
		all = append(all, c)
	}
	if !twice {
		return [][]libseccomp.ScmpCondition{all}, nil
	}
	var result [][]libseccomp.ScmpCondition
	for _, c := range all {
		result = append(result, []libseccomp.ScmpCondition{c})
	}
	return result, nil
}

var seccompOperators = map[specs.LinuxSeccompOperator]libseccomp.ScmpCompareOp{
	specs.OpNotEqual:     libseccomp.CompareNotEqual,
	specs.OpLessThan:     libseccomp.CompareLess,
	specs.OpLessEqual:    libseccomp.CompareLessOrEqual,
	specs.OpEqualTo:      libseccomp.CompareEqual,
	specs.OpGreaterEqual: libseccomp.CompareGreaterEqual,
	specs.OpGreaterThan:  libseccomp.CompareGreater,
	specs.OpMaskedEqual:  libseccomp.CompareMaskedEqual,
}

func seccompAction(a specs.LinuxSeccompAction, errno *uint) (libseccomp.ScmpAction, error) {
	code := int16(unix.EPERM)
	if errno != nil {
		code = int16(*errno)
	}
	switch a {
	case specs.ActKill, specs.ActKillThread:
		return libseccomp.ActKillThread, nil
	case specs.ActKillProcess:
		return libseccomp.ActKillProcess, nil
	case specs.ActTrap:
		return libseccomp.ActTrap, nil
	case specs.ActErrno:
		return libseccomp.ActErrno.SetReturnCode(code), nil
	case specs.ActTrace:
		return libseccomp.ActTrace.SetReturnCode(code), nil
	case specs.ActAllow:
		return libseccomp.ActAllow, nil
	case specs.ActLog:
		return libseccomp.ActLog, nil
	}
	return libseccomp.ActInvalid, fmt.Errorf("chroot isolation knows no seccomp action %q", a)
}

func seccompFlags(names []specs.LinuxSeccompFlag) (uint, error) {
	var flags uint
	for _, name := range names {
		switch name {
		case specs.LinuxSeccompFlagLog:
			flags |= unix.SECCOMP_FILTER_FLAG_LOG
		case specs.LinuxSeccompFlagSpecAllow:
			flags |= unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
		case "SECCOMP_FILTER_FLAG_TSYNC": // the process has one thread
		default:
			return 0, fmt.Errorf("chroot isolation knows no seccomp flag %q", name)
		}
	}
	return flags, nil
}

// refuses tells whether an action keeps the call from being made.
func refuses(a specs.LinuxSeccompAction) bool {
	return a != specs.ActAllow && a != specs.ActLog && a != specs.ActTrace
}

// unknownCalls are instructions that answer ENOSYS to system calls newer than
// all that the profile knows, instead of its refusal: programs then do without
// them. Other architectures than our own go on to the profile.
func unknownCalls(highest libseccomp.ScmpSyscall) []byte {
	arch, ok := nativeAudit()
	if !ok || highest <= 0 {
		return nil
	}
	const number, architecture = 0, 4 // offsets in struct seccomp_data
	instructions := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: architecture},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: arch, Jf: 4},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: x32Bit, Jt: 2},
		{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, K: uint32(highest), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	}
	return assembleBPF(instructions)
}
