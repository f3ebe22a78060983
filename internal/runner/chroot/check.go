package chroot

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// prepare checks a spec for what this isolation cannot do, and returns a copy
// that is complete: no nil parts, a /dev of its own, HOME set.
func prepare(given *specs.Spec, home string) (*specs.Spec, error) {
	switch {
	case given == nil, given.Process == nil, given.Root == nil:
		return nil, errors.New("the runtime spec has no process or no root")
	case len(given.Process.Args) == 0:
		return nil, errors.New("the runtime spec has no command")
	case !path.IsAbs(given.Process.Cwd):
		return nil, fmt.Errorf("the working directory %q is not absolute", given.Process.Cwd)
	}
	spec := *given
	if spec.Linux == nil {
		spec.Linux = &specs.Linux{}
	}
	if err := checkNamespaces(&spec); err != nil {
		return nil, err
	}
	if err := checkSysctls(&spec); err != nil {
		return nil, err
	}
	if s := spec.Linux.Seccomp; s != nil && s.ListenerPath != "" {
		return nil, errors.New("chroot isolation sends no seccomp notifications: use --isolation oci")
	}
	if !slices.ContainsFunc(spec.Mounts, func(m specs.Mount) bool { return path.Clean(m.Destination) == "/dev" }) {
		spec.Mounts = append([]specs.Mount{{
			Destination: "/dev", Type: "tmpfs", Source: "tmpfs",
			Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"},
		}}, spec.Mounts...)
	}
	process := *spec.Process
	if !slices.ContainsFunc(process.Env, func(v string) bool { return strings.HasPrefix(v, "HOME=") }) {
		if home == "" {
			home = "/"
		}
		process.Env = append(slices.Clone(process.Env), "HOME="+home)
	}
	spec.Process = &process
	return &spec, nil
}

// checkNamespaces refuses what a process with threads cannot join, or what
// would leave processes that we cannot find again.
func checkNamespaces(spec *specs.Spec) error {
	for _, ns := range spec.Linux.Namespaces {
		switch ns.Type {
		case specs.MountNamespace, specs.UserNamespace, specs.PIDNamespace:
			if ns.Path != "" {
				return fmt.Errorf("chroot isolation cannot join the %s namespace %q: use --isolation oci", ns.Type, ns.Path)
			}
		case specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace:
		default:
			return fmt.Errorf("chroot isolation has no namespace %q: use --isolation oci", ns.Type)
		}
	}
	if !isNew(spec, specs.UserNamespace) {
		return nil
	}
	if hostID(spec.Linux.UIDMappings, 0) < 0 || hostID(spec.Linux.GIDMappings, 0) < 0 {
		return errors.New("the user namespace of the container needs maps of user and group ids that map 0")
	}
	return nil
}

// sysctlHomes says which kernel parameters belong to which namespace; any other
// would be changed for the whole host.
var sysctlHomes = []struct {
	prefix    string
	namespace specs.LinuxNamespaceType
}{
	{"net.", specs.NetworkNamespace},
	{"fs.mqueue.", specs.IPCNamespace},
	{"kernel.msg", specs.IPCNamespace},
	{"kernel.sem", specs.IPCNamespace},
	{"kernel.shm", specs.IPCNamespace},
	{"kernel.hostname", specs.UTSNamespace},
	{"kernel.domainname", specs.UTSNamespace},
}

func checkSysctls(spec *specs.Spec) error {
	for key := range spec.Linux.Sysctl {
		ok := !strings.ContainsAny(key, "/") && !strings.Contains(key, "..") &&
			slices.ContainsFunc(sysctlHomes, func(h struct {
				prefix    string
				namespace specs.LinuxNamespaceType
			},
			) bool {
				return strings.HasPrefix(key, h.prefix) && isNew(spec, h.namespace)
			})
		if !ok {
			return fmt.Errorf("the kernel parameter %q belongs to no new namespace of the container", key)
		}
	}
	return nil
}

// hostID translates a container's id, or returns -1 if it is not mapped.
func hostID(maps []specs.LinuxIDMapping, id uint32) int {
	for _, m := range maps {
		if id >= m.ContainerID && id-m.ContainerID < m.Size {
			return int(m.HostID + (id - m.ContainerID))
		}
	}
	return -1
}

// Unsupported names what a spec asks for that this isolation leaves out, for a
// warning of the caller.
func Unsupported(spec *specs.Spec) []string {
	var result []string
	if spec.Hooks != nil {
		result = append(result, "hooks")
	}
	if spec.Linux == nil {
		return result
	}
	if r := spec.Linux.Resources; r != nil {
		if r.Memory != nil || r.CPU != nil || r.Pids != nil || r.BlockIO != nil || len(r.HugepageLimits) > 0 {
			result = append(result, "limits of memory, processors and processes")
		}
	}
	if p := spec.Linux.RootfsPropagation; p != "" && strings.HasSuffix(p, "shared") {
		result = append(result, "shared propagation of the root file system")
	}
	return result
}
