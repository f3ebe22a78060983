package builder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/projectatomic/buildah/internal/network"
	"github.com/projectatomic/buildah/internal/runner"
)

// networkChoice is what the network of a run turned out to be.
type networkChoice struct {
	host       bool
	path       string // a namespace to join
	configured bool   // we set it up
	managed    bool   // hosts and resolv.conf are ours to write
	userPath   string // the user namespace that path belongs to, if that is not ours
	connection network.Connection
}

// chooseNetwork decides between the host's network, none, one to join and one that
// is ours to connect, whose word it gives then. A word for the host's is one that
// cannot be had.
func (x *execution) chooseNetwork() (choice networkChoice, word string) {
	n := x.namespace("network")
	policy := x.o.Network
	if policy == NetworkDefault {
		policy = x.record.ConfigureNetwork
	}
	switch {
	case filepath.IsAbs(n.Path):
		return networkChoice{path: n.Path, managed: true}, ""
	case n.Host:
		return networkChoice{host: true, managed: true}, ""
	case policy == NetworkDisabled:
		return networkChoice{}, ""
	case x.isolation == IsolationChroot:
		return networkChoice{host: true, managed: true}, n.Path
	}
	return networkChoice{configured: true, managed: true}, n.Path
}

// connecting is a namespace that is being connected while the run is prepared.
type connecting struct {
	done      chan struct{}
	namespace *network.Namespace // nil if there is none
	err       error
	asItWas   bool // no command could have changed it
}

// beginNetwork begins to connect a namespace, if the run needs one.
func (x *execution) beginNetwork(ctx context.Context) error {
	var word string
	x.network, word = x.chooseNetwork()
	if x.network.host && word != "" {
		return fmt.Errorf("network %q: chroot isolation has none but the host's: use --isolation oci, or --network host", word)
	}
	if !x.network.configured {
		return nil
	}
	choice, err := network.Parse(word)
	if err != nil {
		return err
	}
	ids, err := x.networkIDs()
	if err != nil {
		return err
	}
	r := network.Request{Choice: choice, Container: x.Name(), IDs: ids, Settings: netSettings(x.engine.Config.DefaultSysctls)}
	c := &connecting{done: make(chan struct{}), asItWas: true}
	x.connecting = c
	go func() {
		defer close(c.done)
		c.namespace, c.err = x.engine.networks.get(x.engine).Get(ctx, r)
	}()
	return nil
}

// netSettings are those of the kernel's settings that belong to a network namespace,
// which the runtime makes.
func netSettings(list []string) map[string]string {
	all := sysctls(list)
	maps.DeleteFunc(all, func(name, _ string) bool { return !strings.HasPrefix(name, "net.") })
	return all
}

// networkIDs are the id maps of a container with a user namespace of its own, which
// its network namespace then belongs to.
func (x *execution) networkIDs() (network.IDMaps, error) {
	if x.namespace("user").Path != "" {
		return network.IDMaps{}, nil
	}
	ids, err := x.idMaps()
	convert := func(maps []specs.LinuxIDMapping) []syscall.SysProcIDMap {
		var all []syscall.SysProcIDMap
		for _, m := range maps {
			all = append(all, syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
		}
		return all
	}
	return network.IDMaps{UIDs: convert(ids.UIDs), GIDs: convert(ids.GIDs)}, err
}

// awaitNetwork waits until the namespace is connected. Where nothing can connect one,
// the command gets the host's network, which is said once.
func (x *execution) awaitNetwork() error {
	c := x.connecting
	if c == nil {
		return nil
	}
	<-c.done
	switch {
	case errors.Is(c.err, network.ErrNone):
		x.network = networkChoice{host: true, managed: true}
		x.engine.networkWarning.Do(func() {
			x.engine.notice("using the host's network (--network host says so without this warning): %v", c.err)
		})
		return nil
	case c.err != nil:
		return c.err
	}
	if notice := c.namespace.Notice; notice != "" {
		x.engine.networkWarning.Do(func() { x.engine.notice("connecting the network with %s: %s", c.namespace.Kind, notice) })
	}
	x.network.path, x.network.userPath, x.network.connection = c.namespace.Path, c.namespace.UserPath, c.namespace.Connection
	return nil
}

// endNetwork gives the namespace back. Nobody waits until it is disconnected.
func (x *execution) endNetwork() error {
	c := x.connecting
	if c == nil {
		return nil
	}
	<-c.done
	if c.namespace == nil {
		return nil
	}
	return c.namespace.Release(c.asItWas)
}

// noteChanges notes how a command has left the namespace: only one that is as it was
// may be had by another.
func (x *execution) noteChanges(s *specsSpec, err error) {
	if c := x.connecting; c != nil {
		var exit *runner.ExitError
		c.asItWas = !x.shared && leavesNetwork(s) && (err == nil || errors.As(err, &exit))
	}
}

// harmless are the capabilities by which nobody changes a network namespace, nor
// leaves a process or a mount behind that holds it.
var harmless = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// leavesNetwork tells whether the command of a spec cannot change its network namespace:
// it has no rights for that, no writable view of the kernel's settings, and all of
// its processes end with it.
func leavesNetwork(s *specsSpec) bool {
	if s.Process.Capabilities == nil || len(s.Linux.ReadonlyPaths) == 0 || s.Hooks != nil {
		return false
	}
	for _, name := range s.Process.Capabilities.Bounding {
		if !slices.Contains(harmless, name) {
			return false
		}
	}
	for _, m := range s.Mounts {
		if source := filepath.Clean(m.Source); slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind") {
			if source == "/" || source == "/proc" || strings.HasPrefix(source, "/proc/") {
				return false
			}
		}
	}
	return slices.ContainsFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool {
		return n.Type == specs.PIDNamespace && n.Path == ""
	})
}
