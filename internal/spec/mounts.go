package spec

import (
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Mounts are the mounts of a run besides those that every container has. Of two
// with the same destination the one from the earlier field wins.
type Mounts struct {
	Volumes       []specs.Mount // --volume and --mount of `run`, then those of the record
	Image         []specs.Mount // of the image's VOLUMEs
	Instruction   []specs.Mount // RUN --mount
	Subscriptions []specs.Mount
	Files         []specs.Mount // /etc/hosts, /etc/resolv.conf and the like
	ShmSize       string        // of /dev/shm, such as "64m"; "" means 65536k
	HasShm        bool          // the host has a /dev/shm, for when its IPC namespace is used
	NoTTYGroup    bool          // our own namespace lacks the group of terminals
}

// mountContext is what the mounts depend on.
type mountContext struct {
	set      namespaceSet
	ids      IDMaps
	rootless bool
}

// assemble lists the mounts in the order in which they are to be made: a parent
// comes before what is below it.
func (m Mounts) assemble(c mountContext) []specs.Mount {
	all := slices.Concat(m.Volumes, m.Image, m.Instruction, m.Subscriptions, m.Files, m.template(c))
	for i := range all {
		all[i].Destination = path.Clean("/" + all[i].Destination)
	}
	slices.SortStableFunc(all, func(a, b specs.Mount) int { return depth(a.Destination) - depth(b.Destination) })
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(m specs.Mount) bool {
		if seen[m.Destination] {
			return true
		}
		seen[m.Destination] = true
		return false
	})
}

func depth(p string) int {
	if p == "/" {
		return 0
	}
	return strings.Count(p, "/")
}

// template lists the mounts that every container has.
func (m Mounts) template(c mountContext) []specs.Mount {
	confined := c.rootless || !c.set[specs.UserNamespace].Host
	all := []specs.Mount{procMount(c, confined), {
		Destination: "/dev", Type: "tmpfs", Source: "tmpfs",
		Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"},
	}, m.ptsMount(c)}
	all = append(all, m.ipcMounts(c, confined)...)
	return append(all, sysMounts(c, confined)...)
}

func procMount(c mountContext, confined bool) specs.Mount {
	if confined && c.set[specs.PIDNamespace].Host {
		return bind("/proc", "rbind", "nosuid", "noexec", "nodev")
	}
	return specs.Mount{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}}
}

// ptsMount leaves the group of terminals out where it has no name in the container.
func (m Mounts) ptsMount(c mountContext) specs.Mount {
	pts := specs.Mount{Destination: "/dev/pts", Type: "devpts", Source: "devpts"}
	if m.NoTTYGroup || len(c.ids.GIDs) > 0 && !mapped(c.ids.GIDs, TTYGroup) {
		pts.Options = []string{"rprivate", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
		return pts
	}
	pts.Options = []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}
	return pts
}

// TTYGroup is the group that terminals belong to.
const TTYGroup = 5

func mapped(maps []specs.LinuxIDMapping, id uint32) bool {
	return slices.ContainsFunc(maps, func(m specs.LinuxIDMapping) bool {
		return id >= m.ContainerID && id-m.ContainerID < m.Size
	})
}

func (m Mounts) ipcMounts(c mountContext, confined bool) []specs.Mount {
	if confined && c.set[specs.IPCNamespace].Host {
		all := []specs.Mount{bind("/dev/mqueue", "bind", "nosuid", "noexec", "nodev")}
		if m.HasShm {
			all = append(all, bind("/dev/shm", "rbind", "nosuid", "noexec", "nodev"))
		}
		return all
	}
	shm := []string{"private", "nodev", "noexec", "nosuid", "mode=1777", "size=" + m.ShmSize}
	if m.ShmSize == "" {
		shm = []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}
	}
	return []specs.Mount{
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: shm},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
	}
}

// sysMounts: the kernel mounts a sysfs only for whoever owns the network namespace.
func sysMounts(c mountContext, confined bool) []specs.Mount {
	if confined && !c.set.isNew(specs.NetworkNamespace) {
		m := bind("/sys", "rprivate", "nosuid", "noexec", "nodev", "ro", "rbind")
		return []specs.Mount{m}
	}
	return []specs.Mount{
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{
			Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup",
			Options: []string{"rprivate", "nosuid", "noexec", "nodev", "relatime", "rw"},
		},
	}
}

// bind is the host's directory of the same name.
func bind(name string, options ...string) specs.Mount {
	return specs.Mount{Destination: name, Type: "bind", Source: name, Options: options}
}
