package network

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Config says what there is on a machine, and what its administrator wants.
type Config struct {
	// Rootless means that bridges on the machine are not ours to make.
	Rootless bool
	Dir      string // absolute; of our namespaces. See [Sweep]
	// ConfigDir has the definitions of networks, RunDir the addresses in use, LockFiles
	// are held by other programs while they change networks.
	ConfigDir, RunDir string
	LockFiles         []string
	Default           string // name of the network of whoever names none
	DefaultSubnet     string
	HelperDirs        []string // where netavark, aardvark-dns, pasta and slirp4netns may be
	PluginDirs        []string // of netavark
	Backend           string   // "", "netavark", or one that we do not have
	RootlessCmd       string   // "pasta", "slirp4netns", or "" for the first that is there
	FirewallDriver    string   // of netavark; "" means its own choice
	DNSPort           uint16   // of the name server; 0 means 53
	PastaOptions      []string
	Env               []string // of the programs, with their search path
}

// Manager gives namespaces. It is safe for use by several goroutines.
type Manager struct {
	conf Config
	mu   sync.Mutex
	idle []*Namespace
	none error // why there is no private network at all
}

// NewManager gives one. The caller closes it.
func NewManager(c Config) *Manager { return &Manager{conf: c} }

// Request is who needs a namespace, and of which kind.
type Request struct {
	Choice    Choice
	Container string // its name; not its host name, which an image may choose
	IDs       IDMaps
	// Settings of the kernel are made by the runtime, if at all; no namespace with
	// others is given.
	Settings map[string]string
}

// ErrNone says that nothing on this machine connects a private network.
var ErrNone = errors.New("no private network")

// Get gives a connected namespace. With the choice of a private network the ways are
// tried one after the other, and the error is [ErrNone] with the reasons when
// none works; what was asked for by name has to be there.
func (m *Manager) Get(ctx context.Context, r Request) (*Namespace, error) {
	if r.Choice.Kind != Private {
		p, err := m.plan(r.Choice.Kind, r)
		if err != nil {
			return nil, err
		}
		return m.get(ctx, p)
	}
	m.mu.Lock()
	none := m.none
	m.mu.Unlock()
	if none != nil {
		return nil, none
	}
	var reasons, notices []string
	for _, kind := range m.conf.privateKinds() {
		p, err := m.plan(kind, r)
		if err == nil {
			var n *Namespace
			if n, err = m.get(ctx, p); err == nil {
				n.Notice = strings.Join(notices, "; ")
				return n, nil
			}
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		// Nobody has asked for these programs, so where they were looked for is left out.
		if missing := new(MissingError); errors.As(err, &missing) {
			reasons = append(reasons, missing.Program+" is not installed")
			continue
		}
		reasons, notices = append(reasons, err.Error()), append(notices, err.Error())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.none = fmt.Errorf("%w: %s", ErrNone, strings.Join(reasons, "; "))
	return nil, m.none
}

// privateKinds are the ways to a private network, the best one first.
func (c Config) privateKinds() []Kind {
	switch {
	case !c.Rootless:
		return []Kind{Netavark, Pasta}
	case c.RootlessCmd != "":
		return []Kind{Kind(c.RootlessCmd)}
	}
	return []Kind{Pasta, Slirp}
}

// plan says what a keeper has to do.
func (m *Manager) plan(kind Kind, r Request) (plan, error) {
	p := plan{Dir: m.conf.Dir, IDs: r.IDs, Settings: r.Settings}
	var err error
	switch kind {
	case Netavark:
		p.Netavark, err = m.conf.netavark(r)
		p.Shared = err == nil && p.anonymous() && len(r.IDs.UIDs) == 0
	case Pasta:
		p.Pasta, err = m.conf.pasta(r.Choice)
	case Slirp:
		p.Slirp, err = m.conf.slirp(r.Choice)
	default:
		err = fmt.Errorf("default_rootless_network_cmd of containers.conf: %q is neither \"pasta\" nor \"slirp4netns\"", kind)
	}
	if err != nil {
		return p, err
	}
	if p.HostNet, err = identity("/proc/self/ns/net"); err != nil {
		return p, err
	}
	p.HostUser, err = identity("/proc/self/ns/user")
	return p, err
}

func (c Config) netavark(r Request) (*netavarkPlan, error) {
	names := r.Choice.Names
	if len(names) == 0 {
		names = []string{c.Default}
	}
	if c.Rootless {
		return nil, fmt.Errorf("network %q: networks by name are for the machine's root only: use --network pasta, host or none", strings.Join(names, ","))
	}
	if c.Backend != "" && c.Backend != string(Netavark) {
		return nil, fmt.Errorf("network_backend of containers.conf: %q is not supported, netavark is", c.Backend)
	}
	program, err := findHelper("netavark", c.HelperDirs)
	if err != nil {
		return nil, err
	}
	p := &netavarkPlan{
		Program: program, RunDir: c.RunDir, Locks: c.LockFiles, Plugins: c.PluginDirs, Env: c.netavarkEnv(), Container: r.Container,
	}
	if p.Aardvark, err = findHelper("aardvark-dns", c.HelperDirs); err != nil {
		p.Aardvark = filepath.Join(filepath.Dir(program), "aardvark-dns")
	}
	known := definitions{dir: c.ConfigDir, name: c.Default, subnet: c.DefaultSubnet, present: hostNets}
	for _, name := range names {
		n, err := known.find(name)
		if err != nil {
			return nil, err
		}
		p.Networks = append(p.Networks, n)
	}
	return p, nil
}

// netavarkEnv is the environment with what netavark is configured by. It calls
// programs that are in directories which ordinary search paths leave out.
func (c Config) netavarkEnv() []string {
	env := slices.DeleteFunc(c.env(), func(s string) bool { return strings.HasPrefix(s, "PATH=") })
	path := searchPath(c.Env)
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"} {
		if !slices.Contains(strings.Split(path, ":"), dir) {
			path = strings.TrimPrefix(path+":"+dir, ":")
		}
	}
	env = append(env, "PATH="+path)
	if c.FirewallDriver != "" {
		env = append(env, "NETAVARK_FW="+c.FirewallDriver)
	}
	if c.DNSPort != 0 {
		env = append(env, fmt.Sprintf("NETAVARK_DNS_PORT=%d", c.DNSPort))
	}
	return env
}

// env is what the programs may know of our environment: not what is in it besides,
// which is confidential and no two commands need have in common.
func (c Config) env() []string {
	return slices.DeleteFunc(slices.Clone(c.Env), func(s string) bool {
		name, _, _ := strings.Cut(s, "=")
		return !slices.Contains([]string{"PATH", "RUST_LOG", "DBUS_SYSTEM_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"}, name)
	})
}

func searchPath(env []string) string {
	for _, entry := range slices.Backward(env) {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			return path
		}
	}
	return ""
}

// programDirs are where pasta and slirp4netns may be, which people also call themselves.
func (c Config) programDirs() []string {
	dirs := slices.Clone(c.HelperDirs)
	for dir := range strings.SplitSeq(searchPath(c.Env), ":") {
		if filepath.IsAbs(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// tunnel finds a program that needs the device of tunnels, which is looked at first:
// it takes as long as most commands until the program says what it lacks.
func (c Config) tunnel(name string) (string, error) {
	program, err := findHelper(name, c.programDirs())
	if err != nil {
		return "", err
	}
	const device = "/dev/net/tun"
	if err := unix.Access(device, unix.R_OK|unix.W_OK); err != nil {
		return "", fmt.Errorf("%s needs %s, readable and writable for the user: %w", name, device, err)
	}
	return program, nil
}

func (c Config) pasta(choice Choice) (*pastaPlan, error) {
	program, err := c.tunnel("pasta")
	if err != nil {
		return nil, err
	}
	options := slices.Clone(c.PastaOptions)
	if choice.Kind == Pasta {
		options = append(options, choice.Options...)
	}
	return &pastaPlan{Program: program, Options: options, RunAs: initialUserNamespace(), Env: c.env()}, nil
}

// initialUserNamespace tells whether all user ids are ours.
func initialUserNamespace() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(data)), " ") == "0 0 4294967295" && os.Geteuid() == 0
}

func (c Config) slirp(choice Choice) (*slirpPlan, error) {
	program, err := c.tunnel("slirp4netns")
	if err != nil {
		return nil, err
	}
	var options []string
	if choice.Kind == Slirp {
		options = choice.Options
	}
	args, err := slirpOptions(options)
	if err != nil {
		return nil, err
	}
	return &slirpPlan{Program: program, Args: args, Env: c.env()}, nil
}

// newID names a namespace.
func newID() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails
	return hex.EncodeToString(raw)
}
