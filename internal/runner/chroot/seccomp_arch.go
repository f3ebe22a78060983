//go:build linux && cgo && !no_seccomp

package chroot

import (
	"runtime"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// x32Bit marks the system calls of x86-64's third interface; no other
// architecture has numbers that high.
const x32Bit = 0x40000000

// nativeAudit is how the kernel calls our architecture. Those that number their
// calls from an offset are left out.
func nativeAudit() (uint32, bool) {
	arch, ok := map[string]uint32{
		"amd64":   unix.AUDIT_ARCH_X86_64,
		"arm64":   unix.AUDIT_ARCH_AARCH64,
		"ppc64le": unix.AUDIT_ARCH_PPC64LE,
		"riscv64": unix.AUDIT_ARCH_RISCV64,
		"s390x":   unix.AUDIT_ARCH_S390X,
	}[runtime.GOARCH]
	return arch, ok
}

// trimArch turns the name in a profile into libseccomp's.
func trimArch(name specs.Arch) string {
	return strings.TrimPrefix(string(name), "SCMP_ARCH_")
}
