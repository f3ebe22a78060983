package oci

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/storage/pkg/reexec"
	"golang.org/x/sys/unix"
)

// Seccomp profiles list all ABIs of the machine, and a runtime compiles a filter for
// each of them at every start: a third of its time. Hardly a kernel has x32,
// so we leave that ABI out where programs of it cannot run anyway.

// abiProbeName is argv[0] of the process that tries an x32 system call.
const abiProbeName = "buildah-x32-probe"

// x32Bit marks the number of a system call of the x32 ABI.
const x32Bit = 0x40000000

// tryX32 is that process's main function. It is a process of its own since a
// filter on us, which is inherited, may kill for such a call.
func tryX32() {
	_, _, errno := unix.RawSyscall(x32Bit|unix.SYS_GETPID, 0, 0, 0)
	if errno != 0 {
		os.Exit(1) //nolint:forbidigo // the end of the process
	}
	os.Exit(0) //nolint:forbidigo // the end of the process
}

// lacksX32 tells whether programs of the x32 ABI cannot run. In doubt they can.
func lacksX32(ctx context.Context) bool {
	if runtime.GOARCH != "amd64" {
		return false
	}
	cmd := exec.CommandContext(ctx, reexec.Self())
	cmd.Args = []string{abiProbeName}
	cmd.Dir = "/"
	var exit *exec.ExitError
	return errors.As(cmd.Run(), &exit) && ctx.Err() == nil
}

// withoutX32 is a filter for all other ABIs.
func withoutX32(filter *specs.LinuxSeccomp) *specs.LinuxSeccomp {
	if filter == nil {
		return nil
	}
	trimmed := *filter
	trimmed.Architectures = slices.DeleteFunc(slices.Clone(filter.Architectures), func(a specs.Arch) bool { return a == specs.ArchX32 })
	return &trimmed
}
