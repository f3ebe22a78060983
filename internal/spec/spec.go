// Package spec makes an OCI runtime spec of what is to be run: the process, its
// rights, its namespaces and its mounts (spec run.md, sections 3, 4 and 6). It is
// pure: whoever calls it has asked the host and the root file system already.
package spec

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Input is all that a spec is made of.
type Input struct {
	Process    Process
	Root       string      // absolute, the mounted root file system
	Hostname   string      // used when the UTS namespace is a new one
	Namespaces []Namespace // those not named are new ones, except user, which is the host's
	IDs        IDMaps
	Mounts     Mounts
	Paths      Paths
	Security   Security
	Rlimits    []specs.POSIXRlimit // a later one of the same type replaces an earlier one
	Ceiling    Ceiling
	Resources  *specs.LinuxResources // limits of CPU and memory; nil sets none
	Devices    []Device
	System     System
	Rootless   bool
}

// Process is what is run.
type Process struct {
	Args     []string
	Env      []string // complete, see [Environment]
	Cwd      string   // absolute; "" means "/"
	User     User
	Terminal bool
}

// User is resolved in the root file system.
type User struct {
	UID, GID   uint32
	Groups     []uint32 // supplementary
	KeepGroups bool     // keep the caller's supplementary groups instead; only crun can
}

// IDMaps are those of a user namespace; empty means none was asked for.
type IDMaps struct {
	UIDs, GIDs []specs.LinuxIDMapping
}

// Security is what the process may do.
type Security struct {
	Capabilities    []string // see [Capabilities]
	Held            []string // what this process can hand on; nil means everything
	Seccomp         Seccomp
	NoNewPrivileges bool
	AppArmor        string
	ProcessLabel    string
	MountLabel      string
	Insecure        bool // nothing but the namespaces confines the process
}

// Device is a device node of the container.
type Device struct {
	specs.LinuxDevice
	Access string // of "rwm"
}

// System is what is set beside the process.
type System struct {
	Sysctl        map[string]string // those of namespaces that are not new are left out
	NetConfigured bool              // the network namespace is ours to set up
	CgroupParent  string
	Hooks         *specs.Hooks
	Annotations   map[string]string
}

// Build makes the spec.
func Build(in Input) (*specs.Spec, error) {
	if len(in.Process.Args) == 0 {
		return nil, errors.New("no command is given")
	}
	if !path.IsAbs(in.Root) {
		return nil, fmt.Errorf("root %q is not an absolute path", in.Root)
	}
	namespaces, err := resolveNamespaces(in.Namespaces, in.IDs)
	if err != nil {
		return nil, err
	}
	rlimits, err := in.Ceiling.rlimits(in.Rlimits, in.Rootless)
	if err != nil {
		return nil, err
	}
	s := &specs.Spec{
		Version:     specVersion,
		Root:        &specs.Root{Path: in.Root},
		Process:     process(in, rlimits),
		Mounts:      in.Mounts.assemble(mountContext{set: namespaces, ids: in.IDs, rootless: in.Rootless}),
		Hooks:       in.System.Hooks,
		Annotations: annotations(in),
		Linux: &specs.Linux{
			Namespaces:    namespaces.list(),
			UIDMappings:   in.IDs.UIDs,
			GIDMappings:   in.IDs.GIDs,
			MaskedPaths:   in.Paths.masked(),
			ReadonlyPaths: readonlyPaths(),
			MountLabel:    in.Security.MountLabel,
			Sysctl:        in.System.sysctl(namespaces),
			CgroupsPath:   in.System.CgroupParent,
			Resources:     resources(in.Resources, in.Devices),
		},
	}
	for _, d := range in.Devices {
		s.Linux.Devices = append(s.Linux.Devices, d.LinuxDevice)
	}
	if namespaces.isNew(specs.UTSNamespace) {
		s.Hostname = in.Hostname
	}
	if in.Security.Insecure {
		lift(s)
		return s, nil
	}
	s.Linux.Seccomp, err = in.Security.Seccomp.evaluate(s)
	return s, err
}

// specVersion is the oldest version that says all we use, so that old runtimes take it.
const specVersion = "1.0.2"

func process(in Input, rlimits []specs.POSIXRlimit) *specs.Process {
	cwd := in.Process.Cwd
	if cwd == "" {
		cwd = "/"
	}
	return &specs.Process{
		Args:     in.Process.Args,
		Env:      in.Process.Env,
		Cwd:      cwd,
		Terminal: in.Process.Terminal,
		User: specs.User{
			UID: in.Process.User.UID, GID: in.Process.User.GID, AdditionalGids: in.Process.User.Groups,
		},
		Capabilities:    in.Security.sets(in.Process.User.UID),
		Rlimits:         rlimits,
		NoNewPrivileges: in.Security.NoNewPrivileges,
		ApparmorProfile: in.Security.AppArmor,
		SelinuxLabel:    in.Security.ProcessLabel,
	}
}

func annotations(in Input) map[string]string {
	if !in.Process.User.KeepGroups {
		return in.System.Annotations
	}
	all := map[string]string{"run.oci.keep_original_groups": "1"}
	for k, v := range in.System.Annotations {
		all[k] = v
	}
	return all
}

// resources denies all devices but those that are named; the runtime adds the
// usual ones itself.
func resources(limits *specs.LinuxResources, devices []Device) *specs.LinuxResources {
	r := &specs.LinuxResources{}
	if limits != nil {
		*r = *limits
	}
	rules := []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	rules = append(rules, r.Devices...)
	for _, d := range devices {
		major, minor := d.Major, d.Minor
		rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: d.Type, Major: &major, Minor: &minor, Access: d.Access})
	}
	r.Devices = rules
	return r
}

// sysctl keeps the settings that belong to a namespace of the container's own.
func (s System) sysctl(set namespaceSet) map[string]string {
	kept := map[string]string{}
	for key, value := range s.Sysctl {
		var ours bool
		switch {
		case strings.HasPrefix(key, "net."):
			ours = s.NetConfigured && set.isNew(specs.NetworkNamespace)
		case strings.HasPrefix(key, "fs.mqueue"):
			ours = set.isNew(specs.IPCNamespace)
		case key == "kernel.hostname", key == "kernel.domainname":
			ours = set.isNew(specs.UTSNamespace)
		}
		if ours {
			kept[key] = value
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}
