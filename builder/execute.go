package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/rootfs"
	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/runner/chroot"
	"github.com/projectatomic/buildah/internal/spec"
)

// execution is one run of one command under way. What it makes on the way is
// undone by the functions in undo, the last first.
type execution struct {
	*Builder
	argv         []string
	o            RunOptions
	isolation    Isolation
	root         *copier.Root
	bundle       string // private directory of this run
	shown        string // where the root is for its own user namespace, "" where it needs no such place
	user         rootfs.User
	workdir      string
	hostname     string
	network      networkChoice
	connecting   *connecting // nil when the network is none of ours to connect
	undo         []func() error
	marked       bool     // see markBundle
	private      string   // directory in memory, "" until it is needed
	keyEnv       []string // KEY=VALUE of secrets and agents
	confidential bool     // there are secrets in keyEnv
}

// execute mounts the container, runs the command and takes everything away again.
func (b *Builder) execute(ctx context.Context, x execution) (err error) {
	b.engine.prepareMachine(b.image.Platform())
	run, err := b.engine.runner(ctx, &x)
	if err != nil {
		return err
	}
	prepareAhead(run)
	b.engine.sweepOnce(ctx)
	if err := x.beginNetwork(ctx); err != nil {
		return fmt.Errorf("running in %q: %w", b.Name(), err)
	}
	defer func() { err = errors.Join(err, x.endNetwork()) }()
	return b.withRoot(func(root *copier.Root) (err error) {
		x.root = root
		defer func() {
			for i := len(x.undo) - 1; i >= 0; i-- {
				err = errors.Join(err, x.undo[i]())
			}
		}()
		return x.run(ctx, run)
	})
}

func (x *execution) run(ctx context.Context, run runner.Runner) error {
	if err := x.prepare(); err != nil {
		return fmt.Errorf("running in %q: %w", x.Name(), err)
	}
	in, err := x.input(ctx)
	if err != nil {
		return fmt.Errorf("running in %q: %w", x.Name(), err)
	}
	s, err := spec.Build(in)
	if err != nil {
		return fmt.Errorf("running in %q: %w", x.Name(), err)
	}
	if err := x.injectDevices(s); err != nil {
		return fmt.Errorf("running in %q: %w", x.Name(), err)
	}
	if s, err = x.hooked(ctx, s, len(in.Mounts.Volumes) > 0); err != nil {
		return fmt.Errorf("running in %q: %w", x.Name(), err)
	}
	if left := chroot.Unsupported(s); x.isolation == IsolationChroot && len(left) > 0 {
		x.engine.warn("chroot isolation leaves out %s: use --isolation oci for them", strings.Join(left, ", "))
	}
	if err := x.makeTargets(s); err != nil {
		return fmt.Errorf("running in %q: %w", x.Name(), err)
	}
	job := runner.Job{
		ID: filepath.Base(x.bundle), Spec: s, Bundle: x.bundle, Home: x.user.Home, NoPivot: x.o.Runtime.NoPivot || x.engine.Host.NoPivot,
		Stdio: runner.Stdio{In: x.o.Stdio.In, Out: x.o.Stdio.Out, Err: x.o.Stdio.Err, Terminal: x.o.Stdio.Terminal, Fed: x.o.Stdio.Fed},
	}
	if x.confidential {
		job.Private = x.private
	}
	if pid := x.namespace("pid"); pid.Host || pid.Path != "" {
		x.shared = true
	}
	err = run.Run(ctx, job)
	if r, ok := run.(interface{ SharedPIDs() bool }); ok && r.SharedPIDs() {
		x.shared = true
	}
	x.noteChanges(s, err)
	return err
}

// prepare makes the bundle and resolves in the root what the spec needs to know.
func (x *execution) prepare() (err error) {
	if err := x.makeBundle(); err != nil {
		return err
	}
	if err := x.showRoot(); err != nil {
		return err
	}
	x.user, err = rootfs.ResolveUser(x.root, firstNonEmpty(x.o.Process.User, x.image.OCI.Config.User))
	if err != nil {
		return err
	}
	x.workdir = firstNonEmpty(x.o.Process.Workdir, x.image.OCI.Config.WorkingDir, "/")
	if !path.IsAbs(x.workdir) {
		x.workdir = path.Join("/", x.image.OCI.Config.WorkingDir, x.workdir)
	}
	if err := x.ensureWorkdir(); err != nil {
		return err
	}
	if err := x.makeImageVolumes(); err != nil {
		return err
	}
	if err := x.awaitNetwork(); err != nil {
		return err
	}
	x.hostname = x.chooseHostname()
	return nil
}

// ensureWorkdir makes the working directory where it is missing; it stays in
// the image. One that a volume will cover is none of ours.
func (x *execution) ensureWorkdir() error {
	owner, err := x.onDisk(int(x.user.UID), int(x.user.GID))
	if err == nil {
		_, err = x.root.MkdirAll(x.workdir, copier.MkdirOptions{Mode: 0o755, Owner: &owner})
	}
	if err != nil {
		return fmt.Errorf("making the working directory %q: %w", x.workdir, err)
	}
	return nil
}

// chooseHostname gives the name that a new UTS namespace gets (spec run.md, 4.2).
func (x *execution) chooseHostname() string {
	if x.namespace("uts").Host {
		return ""
	}
	name := firstNonEmpty(x.o.Process.Hostname, x.image.Docker.Config.Hostname)
	if name != "" {
		return name
	}
	if x.engine.Config.ContainerNameAsHostname {
		return hostnameOf(x.Name())
	}
	return x.ID()[:min(12, len(x.ID()))]
}

// hostnameOf keeps of a container's name what a host name may have.
func hostnameOf(name string) string {
	keep := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return -1
	}
	name = strings.Map(keep, name)
	return name[:min(64, len(name))]
}

// namespace is the choice for one kind: of this run, else of the record.
func (x *execution) namespace(kind string) Namespace {
	for _, n := range overrideNamespaces(x.record.NamespaceOptions, x.o.Namespaces) {
		if n.Name == kind {
			return n
		}
	}
	return Namespace{Name: kind}
}

// input gathers everything that the runtime spec is made of.
func (x *execution) input(ctx context.Context) (spec.Input, error) {
	mounts, err := x.mounts(ctx)
	if err != nil {
		return spec.Input{}, err
	}
	security, err := x.security()
	if err != nil {
		return spec.Input{}, err
	}
	rlimits, err := x.rlimits()
	if err != nil {
		return spec.Input{}, err
	}
	devices, err := x.devices()
	if err != nil {
		return spec.Input{}, err
	}
	groups, keep, err := x.groups()
	if err != nil {
		return spec.Input{}, err
	}
	ids, err := x.idMaps()
	if err != nil {
		return spec.Input{}, err
	}
	common := x.record.CommonBuildOpts
	return spec.Input{
		Process: spec.Process{
			Args: x.argv, Env: x.environment(), Cwd: x.workdir,
			User:     spec.User{UID: x.user.UID, GID: x.user.GID, Groups: groups, KeepGroups: keep},
			Terminal: x.o.Stdio.Terminal != nil || x.o.Stdio.ForceTTY,
		},
		Root: firstNonEmpty(x.shown, x.root.Path()), Hostname: x.hostname, Namespaces: x.namespaces(), IDs: ids, Mounts: mounts,
		Paths:    spec.Paths{Throttle: spec.ThermalThrottle(os.DirFS("/")), Masks: common.Masks, Unmasks: common.Unmasks},
		Security: security, Rlimits: rlimits, Ceiling: ceiling(), Resources: x.resources(), Devices: devices,
		System: spec.System{
			Sysctl: sysctls(x.engine.Config.DefaultSysctls), NetConfigured: x.network.configured, CgroupParent: common.CgroupParent,
		},
		Rootless: x.engine.Host.Rootless,
	}, nil
}

// environment is that of the process (spec run.md, 3.1).
func (x *execution) environment() []string {
	return spec.Environment(spec.Variables{
		Caller: x.engine.Host.Env, Proxies: x.record.CommonBuildOpts.HTTPProxy, Image: x.image.OCI.Config.Env,
		Run: x.o.Process.Env, Hostname: x.hostname, Secrets: x.keyEnv,
	})
}

// namespaces are the record's, this run's, and what the network turned out to be.
func (x *execution) namespaces() []spec.Namespace {
	all := []spec.Namespace{{Name: "mount"}}
	for _, chosen := range overrideNamespaces(x.record.NamespaceOptions, x.o.Namespaces) {
		n := spec.Namespace{Name: chosen.Name, Host: chosen.Host, Path: chosen.Path}
		if n.Name == "network" {
			n.Host, n.Path = x.network.host, x.network.path
			n.Ours = x.network.configured
		}
		if n.Name == "user" && (x.mapped() || x.network.userPath != "") {
			n.Host, n.Path = false, firstNonEmpty(n.Path, x.network.userPath)
		}
		if n.Name != "mount" {
			all = append(all, n)
		}
	}
	return all
}

// makeTargets makes what the mounts are mounted on; it goes after the run, and
// a commit in between leaves it out.
func (x *execution) makeTargets(s *specsSpec) error {
	dir, err := x.engine.Store.ContainerDir(x.ID())
	if err != nil {
		return err
	}
	stubs, err := rootfs.MakeTargets(x.root, s.Mounts, dir, x.containerRoot())
	if stubs != nil {
		x.undo = append(x.undo, stubs.Clean)
	}
	if err != nil {
		return err
	}
	return x.subscriptionTargets(s.Mounts, dir)
}

// sysctls are the configured ones, by name.
func sysctls(list []string) map[string]string {
	all := map[string]string{}
	for _, text := range list {
		if key, value, ok := strings.Cut(text, "="); ok {
			all[key] = value
		}
	}
	return all
}

// ceiling is what this process may set its limits to.
func ceiling() spec.Ceiling {
	c := spec.Ceiling{Hard: map[string]uint64{}}
	raise := mayRaiseLimits()
	if raise {
		c.Raise = map[string]uint64{}
	}
	for name, resource := range rlimitResources() {
		var limit unix.Rlimit
		if unix.Getrlimit(resource, &limit) != nil {
			continue
		}
		c.Hard[name] = limit.Max
		if raise {
			c.Raise[name] = highest(name)
		}
	}
	return c
}
