package spec

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Namespace says which namespace of one kind the process gets.
type Namespace struct {
	Name string // "cgroup", "ipc", "mount", "network", "pid", "user", "uts"
	Host bool   // the caller's
	Path string // joined as it is; "" and not Host means a new one
	Ours bool   // Path was made for this container, in its user namespace: it is as good as new
}

// namespaceSet says of every kind what it is to be.
type namespaceSet map[specs.LinuxNamespaceType]Namespace

// namespaceOrder is the order in a spec, so that the same input gives the same bytes.
var namespaceOrder = []specs.LinuxNamespaceType{
	specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace,
	specs.MountNamespace, specs.CgroupNamespace, specs.UserNamespace,
}

func resolveNamespaces(options []Namespace, ids IDMaps) (namespaceSet, error) {
	set := namespaceSet{}
	for _, t := range namespaceOrder {
		set[t] = Namespace{Name: string(t), Host: t == specs.UserNamespace}
	}
	explicitUser := false
	for _, o := range options {
		t := specs.LinuxNamespaceType(o.Name)
		if _, ok := set[t]; !ok {
			return nil, fmt.Errorf("unknown kind of namespace %q", o.Name)
		}
		if t == specs.UserNamespace && !o.Host {
			explicitUser = true
		}
		set[t] = o
	}
	if len(ids.UIDs) > 0 && set[specs.UserNamespace].Path == "" {
		set[specs.UserNamespace] = Namespace{Name: string(specs.UserNamespace)}
	}
	if set.isNew(specs.UserNamespace) && len(ids.UIDs) == 0 {
		return nil, fmt.Errorf("a user namespace of its own needs id maps")
	}
	if explicitUser && set[specs.PIDNamespace].Host {
		return nil, fmt.Errorf("a user namespace of its own cannot be used with the host's pid namespace: /proc could not be mounted")
	}
	set[specs.MountNamespace] = Namespace{Name: string(specs.MountNamespace)}
	return set, nil
}

func (s namespaceSet) isNew(t specs.LinuxNamespaceType) bool {
	n := s[t]
	return !n.Host && (n.Path == "" || n.Ours)
}

func (s namespaceSet) list() []specs.LinuxNamespace {
	var all []specs.LinuxNamespace
	for _, t := range namespaceOrder {
		if n := s[t]; !n.Host {
			all = append(all, specs.LinuxNamespace{Type: t, Path: n.Path})
		}
	}
	return all
}
