package chroot

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// plan is everything that happens between fork and exec.
type plan struct {
	Paths           []string // what may be executed, the first that can be is
	Args, Env       []string
	Cwd             string
	Stdio           [3]int
	Session         bool // a new session, with the terminal that is its standard input
	NoNewPrivileges bool
	Umask           uint32
	Rlimits         []rlimit
	Filter          filter
	identity
	capabilities
}

type identity struct {
	UID, GID   uint32
	Groups     []uint32
	KeepGroups bool // the namespace allows no change of groups
}

type capabilities struct {
	Bounding, Permitted, Effective uint64 // bit n is capability n
}

type rlimit struct {
	Resource   int
	Soft, Hard uint64
}

var resources = map[string]int{
	"RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_CPU": unix.RLIMIT_CPU,
	"RLIMIT_DATA": unix.RLIMIT_DATA, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_LOCKS": unix.RLIMIT_LOCKS,
	"RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK, "RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE, "RLIMIT_NICE": unix.RLIMIT_NICE,
	"RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_NPROC": unix.RLIMIT_NPROC, "RLIMIT_RSS": unix.RLIMIT_RSS,
	"RLIMIT_RTPRIO": unix.RLIMIT_RTPRIO, "RLIMIT_RTTIME": unix.RLIMIT_RTTIME, "RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING,
	"RLIMIT_STACK": unix.RLIMIT_STACK,
}

// defaultUmask is what the OCI runtimes give a process.
const defaultUmask = 0o022

// makePlan turns the process of a spec into a plan. It is pure; what depends on
// the helper itself is filled in by it.
func makePlan(p *specs.Process) (*plan, error) {
	result := &plan{
		Args: p.Args, Env: p.Env, Cwd: p.Cwd,
		Stdio:           [3]int{0, 1, 2},
		NoNewPrivileges: p.NoNewPrivileges,
		Umask:           defaultUmask,
		identity:        identity{UID: p.User.UID, GID: p.User.GID, Groups: p.User.AdditionalGids},
	}
	if p.User.Umask != nil {
		result.Umask = *p.User.Umask
	}
	for _, r := range p.Rlimits {
		resource, ok := resources[strings.ToUpper(r.Type)]
		if !ok {
			return nil, fmt.Errorf("unknown resource limit %q", r.Type)
		}
		result.Rlimits = append(result.Rlimits, rlimit{Resource: resource, Soft: min(r.Soft, r.Hard), Hard: r.Hard})
	}
	var err error
	result.capabilities, err = parseCapabilities(p.Capabilities)
	result.Paths = candidates(p)
	return result, err
}

// parseCapabilities turns lists of names into sets. Inheritable and ambient
// capabilities are always empty, so they are not looked at.
func parseCapabilities(c *specs.LinuxCapabilities) (capabilities, error) {
	var result capabilities
	if c == nil {
		return result, nil
	}
	for _, set := range []struct {
		names []string
		bits  *uint64
	}{{c.Bounding, &result.Bounding}, {c.Permitted, &result.Permitted}, {c.Effective, &result.Effective}} {
		for _, name := range set.names {
			bit := slices.IndexFunc(capability.ListKnown(), func(k capability.Cap) bool {
				return "CAP_"+strings.ToUpper(k.String()) == strings.ToUpper(name)
			})
			if bit < 0 {
				return result, fmt.Errorf("unknown capability %q", name)
			}
			*set.bits |= 1 << capability.ListKnown()[bit]
		}
	}
	result.Effective &= result.Permitted
	return result, nil
}

// limit takes away what this process does not have itself: in a nested
// container that is not ours to give.
func (c *capabilities) limit() error {
	own, err := capability.NewPid2(0)
	if err == nil {
		err = own.Load()
	}
	if err != nil {
		return fmt.Errorf("reading our capabilities: %w", err)
	}
	for _, known := range capability.ListKnown() {
		if own.Get(capability.PERMITTED, known) {
			continue
		}
		c.Permitted &^= 1 << known
		c.Effective &^= 1 << known
	}
	return nil
}

// candidates are the files that the first argument may mean: itself, or one in
// a directory of the container's PATH.
func candidates(p *specs.Process) []string {
	name := p.Args[0]
	if strings.Contains(name, "/") {
		return []string{name}
	}
	var result []string
	for _, dir := range strings.Split(envValue(p.Env, "PATH"), ":") {
		if name != "" && dir != "" {
			result = append(result, path.Join(dir, name))
		}
	}
	return result
}

// envValue is the value of a variable; the last one counts.
func envValue(env []string, name string) string {
	for _, v := range slices.Backward(env) {
		if key, value, _ := strings.Cut(v, "="); key == name {
			return value
		}
	}
	return ""
}

// setgroupsDenied tells whether the user namespace allows no change of groups.
func setgroupsDenied() bool {
	data, err := os.ReadFile("/proc/self/setgroups")
	return err == nil && strings.TrimSpace(string(data)) == "deny"
}

// errStart is in all errors that say that a command could not be started.
var errStart = errors.New("not started")

// startError is such an error, and nothing but its own words.
type startError struct{ error }

func (startError) Is(target error) bool { return target == errStart }

// explain makes the error of a start say what the usual mistakes are.
func explain(doing string, errno unix.Errno, p *plan) error {
	switch {
	case doing != "":
		return startError{fmt.Errorf("%s: %w", doing, errno)}
	case errno == unix.ENOENT && !strings.Contains(p.Args[0], "/"):
		return startError{errors.New("executable file not found in $PATH")}
	case errno == unix.ENOENT:
		return startError{fmt.Errorf("%w (it, or the interpreter that it names)", errno)}
	case errno == unix.ENOEXEC:
		return startError{fmt.Errorf("%w: it is for another machine, or a script without a first line such as \"#!/bin/sh\"", errno)}
	}
	return startError{errno}
}
