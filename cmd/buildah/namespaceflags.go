package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/network"
	"github.com/projectatomic/buildah/internal/suggest"
)

// namespaceFlags choose the namespaces of commands that are run.
type namespaceFlags struct {
	chosen  []builder.Namespace
	network builder.NetworkPolicy
}

func (f *namespaceFlags) options() []*option {
	space := func(flag, name, usage string) *option {
		return newOption(flag, "MODE", usage+": private, host or a path", func(s string) error { return f.set(name, s) })
	}
	return []*option{
		space("cgroupns", "cgroup", "cgroup namespace"),
		space("ipc", "ipc", "IPC namespace"),
		newOption("network", "MODE", "network: private, host, none, names of networks, pasta, slirp4netns, or ns:PATH", f.setNetwork),
		space("pid", "pid", "PID namespace"),
		space("uts", "uts", "UTS namespace, which has the host name"),
	}
}

// set takes the mode of one namespace.
func (f *namespaceFlags) set(name, mode string) error {
	n := builder.Namespace{Name: name}
	switch mode {
	case "", "container", "private":
	case "host":
		n.Host = true
	default:
		var err error
		if n.Path, err = filepath.Abs(strings.TrimPrefix(mode, "ns:")); err == nil { // commands are started elsewhere
			_, err = os.Stat(n.Path)
		}
		if err != nil {
			return fmt.Errorf("looking for the %s namespace%s: %w", name, suggest.Instead(mode, "private", "host", "container"), err)
		}
	}
	f.chosen = append(f.chosen, n)
	return nil
}

// setNetwork takes the mode of the network namespace. Only this flag decides
// whether a network is set up.
func (f *namespaceFlags) setNetwork(mode string) error {
	switch {
	case mode == "none":
		f.network = builder.NetworkDisabled
		mode = "private"
	case mode == "bridge": // what docker calls it
		f.network = builder.NetworkEnabled
		mode = "private"
	case mode == "", mode == "container", mode == "private", mode == "host", strings.HasPrefix(mode, "ns:"), strings.HasPrefix(mode, "/"):
		f.network = builder.NetworkEnabled
	default:
		if _, err := network.Parse(mode); err != nil {
			return err
		}
		f.network = builder.NetworkEnabled
		f.chosen = append(f.chosen, builder.Namespace{Name: "network", Path: mode})
		return nil
	}
	return f.set("network", mode)
}

// otherThanHost tells whether a network namespace of one's own was asked for.
func (f *namespaceFlags) otherThanHost() bool {
	for _, n := range f.chosen {
		if n.Name == "network" && !n.Host {
			return true
		}
	}
	return false
}
