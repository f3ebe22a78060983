//go:build linux && cgo

package chroot

/*
#include <stdlib.h>
#include "spawn.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// doing says what the child did when it failed, by enum spawn_step. It is empty
// if all was done but the last step.
func doing(step C.int32_t, p *plan) string {
	switch step {
	case C.STEP_FORK:
		return "starting a process"
	case C.STEP_STDIO:
		return "connecting the standard streams"
	case C.STEP_SESSION:
		return "taking the terminal"
	case C.STEP_RLIMIT:
		return "setting a resource limit"
	case C.STEP_CHDIR:
		return fmt.Sprintf("changing to the directory %q", p.Cwd)
	case C.STEP_CWD_OUTSIDE:
		return fmt.Sprintf("changing to the directory %q, which is outside of the container", p.Cwd)
	case C.STEP_SECCOMP:
		return "loading the seccomp filter"
	case C.STEP_BOUNDING:
		return "dropping a capability from the bounding set"
	case C.STEP_GROUPS:
		return fmt.Sprintf("setting the groups %v", p.Groups)
	case C.STEP_USER:
		return fmt.Sprintf("becoming user %d and group %d", p.UID, p.GID)
	case C.STEP_CAPS:
		return "setting capabilities"
	case C.STEP_PRIVS:
		return "giving up privileges"
	}
	return "" // executing it, which is what all of this is about
}

// spawn starts the process that p describes, with the credentials, labels and
// namespaces of the calling thread as the starting point. What it allocates
// lives as long as the helper.
func spawn(p *plan) (int, error) {
	c := C.struct_spawn_plan{
		paths: cStrings(p.Paths), argv: cStrings(p.Args), envp: cStrings(p.Env),
		cwd:          C.CString(p.Cwd),
		session:      cBool(p.Session),
		umask:        C.uint(p.Umask),
		uid:          C.uint32_t(p.UID),
		gid:          C.uint32_t(p.GID),
		set_groups:   cBool(!p.KeepGroups),
		bounding:     C.uint64_t(p.Bounding),
		permitted:    C.uint64_t(p.Permitted),
		effective:    C.uint64_t(p.Effective),
		no_new_privs: cBool(p.NoNewPrivileges),
		filter_len:   C.ushort(len(p.Filter.Program) / bpfInstructionSize),
		filter:       C.CBytes(p.Filter.Program),
		filter_flags: C.uint(p.Filter.Flags),
	}
	for i, fd := range p.Stdio {
		c.stdio[i] = C.int(fd)
	}
	c.ngroups, c.groups = cArray(p.Groups, func(g uint32) C.uint32_t { return C.uint32_t(g) })
	c.nrlimits, c.rlimits = cArray(p.Rlimits, func(r rlimit) C.struct_spawn_rlimit {
		return C.struct_spawn_rlimit{resource: C.int(r.Resource), soft: C.uint64_t(r.Soft), hard: C.uint64_t(r.Hard)}
	})
	var failure C.struct_spawn_failure
	pid := C.spawn(&c, &failure)
	if pid >= 0 {
		return int(pid), nil
	}
	return 0, explain(doing(failure.step, p), unix.Errno(failure.err), p)
}

func cBool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// cArray makes a copy of s in C's memory.
func cArray[G, T any](s []G, convert func(G) T) (C.size_t, *T) {
	var zero T
	p := (*T)(C.malloc(C.size_t(len(s)+1) * C.size_t(unsafe.Sizeof(zero))))
	out := unsafe.Slice(p, len(s))
	for i := range s {
		out[i] = convert(s[i])
	}
	return C.size_t(len(s)), p
}

// cStrings makes a list that ends with NULL.
func cStrings(s []string) **C.char {
	n, p := cArray(append(s[:len(s):len(s)], ""), func(v string) *C.char { return C.CString(v) })
	unsafe.Slice(p, n)[n-1] = nil
	return p
}
