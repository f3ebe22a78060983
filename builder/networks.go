package builder

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/projectatomic/buildah/internal/network"
)

// Where the tools of one machine meet.
const (
	networkDir     = "/run/buildah/network" // of our namespaces, for the machine's root
	networkRunDir  = "/run/containers/networks"
	networkConfDir = "/etc/containers/networks"
	networkLock    = "/run/lock/netavark.lock"
)

// networks has the manager of network namespaces, once one is needed.
type networks struct {
	once    sync.Once
	manager *network.Manager
}

func (n *networks) get(e *Engine) *network.Manager {
	n.once.Do(func() { n.manager = network.NewManager(e.networkConfig()) })
	return n.manager
}

func (n *networks) close() error {
	if n.manager == nil {
		return nil
	}
	return n.manager.Close()
}

// networkDir is where our namespaces are noted: of the machine's root in one place for
// all stores, since there is one set of addresses and bridges.
func (e *Engine) networkDir() string {
	if e.Host.Rootless {
		return e.Host.RuntimeDir + "-network" // not within: that is swept for dead runs
	}
	return networkDir
}

func (e *Engine) networkConfig() network.Config {
	conf := e.Config.Network
	c := network.Config{
		Rootless: e.Host.Rootless, Dir: e.networkDir(), ConfigDir: firstNonEmpty(conf.ConfigDir, networkConfDir), RunDir: networkRunDir,
		LockFiles: []string{networkLock}, Default: firstNonEmpty(conf.Default, "podman"), DefaultSubnet: firstNonEmpty(conf.DefaultSubnet, "10.88.0.0/16"), PluginDirs: conf.PluginDirs,
		Backend: conf.Backend, RootlessCmd: conf.RootlessCmd, FirewallDriver: conf.FirewallDriver, DNSPort: conf.DNSBindPort,
		PastaOptions: conf.PastaOptions, Env: e.Host.Env,
	}
	for _, dir := range e.Config.HelperBinariesDir {
		if rest, ok := strings.CutPrefix(dir, "$BINDIR"); ok {
			self, err := os.Executable()
			if err != nil {
				continue
			}
			dir = filepath.Join(filepath.Dir(self), rest)
		}
		c.HelperDirs = append(c.HelperDirs, dir)
	}
	// Older tools lock another file, which is there where they were ever used.
	if old := filepath.Join(c.ConfigDir, "netavark.lock"); old != networkLock {
		if _, err := os.Stat(old); err == nil {
			c.LockFiles = append(c.LockFiles, old)
		}
	}
	return c
}

// sweepNetworks takes down what killed commands have left. It keeps nobody from running.
func (e *Engine) sweepNetworks(ctx context.Context) {
	if err := network.Sweep(ctx, e.networkDir()); err != nil {
		e.warn("cleaning up the networks of killed commands: %v", err)
	}
}
