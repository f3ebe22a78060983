package builder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/spec"
)

// FromOptions adjusts [From] and [Engine.Start]. Each zero value is the default.
type FromOptions struct {
	Name    string // exactly this name; "" makes one up from the base's
	Suffix  string // "" means "working-container"
	Base    BaseOptions
	Format  Format // that a later commit uses by default; "" means OCI
	CapAdd  []string
	CapDrop []string
	// Execution is handed on whole into the record; its Capabilities are worked
	// out from the configured default, CapAdd and CapDrop.
	Execution Execution
	// Owned is a container that only the interpreter knows: it has no record, and
	// a commit may take its upper directory away.
	Owned bool
	// Cwd is what relative sources of the triggers COPY and ADD count from.
	Cwd string
	// DropOnBuild forgets the image's ONBUILD instructions instead of replaying them.
	DropOnBuild bool
	// Step is told of each ONBUILD trigger before it runs; nil drops it.
	Step func(n int, text string)
}

// From makes a working container on image and replays the image's ONBUILD
// triggers in it. A trigger that fails leaves the container behind, for a look.
func From(ctx context.Context, e *Engine, image string, o FromOptions) (*Builder, error) {
	st, err := e.Base(ctx, image, o.Base)
	if err != nil {
		return nil, err
	}
	b, err := e.Start(ctx, st, o)
	if err != nil {
		return nil, err
	}
	if o.DropOnBuild {
		b.image.ClearOnBuild()
		return b, b.Save()
	}
	if err := b.runTriggers(ctx, o); err != nil {
		return nil, err
	}
	return b, nil
}

// Start makes a working container on a state. ONBUILD triggers are not run.
func (e *Engine) Start(ctx context.Context, st State, o FromOptions) (*Builder, error) {
	st, err := e.Fetch(ctx, st)
	if err != nil {
		return nil, err
	}
	b := e.newBuilder(st, o)
	caps, err := spec.Capabilities(e.Config.DefaultCapabilities, o.CapAdd, o.CapDrop)
	if err != nil {
		return nil, fmt.Errorf("creating a container on %q: %w", st.display(), err)
	}
	b.record.Capabilities = caps
	if err := e.sweepAbandoned(); err != nil {
		e.warn("removing what a killed build left: %v", err)
	}
	wanted := st.newContainer(o)
	if o.Owned {
		if wanted.Metadata, err = e.claim(); err != nil {
			return nil, fmt.Errorf("creating a container on %q: %w", st.display(), err)
		}
	}
	c, err := e.Store.CreateContainer(wanted)
	if err != nil && wanted.Mapping.AutoUserNs {
		err = fmt.Errorf("%w (--userns=auto takes IDs that a line such as \"containers:2147483647:2147483648\" in /etc/subuid and in /etc/subgid sets aside)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("creating a container on %q: %w", st.display(), err)
	}
	b.record.Container, b.record.ContainerID = c.Names[0], c.ID
	b.record.ProcessLabel, b.record.MountLabel = c.ProcessLabel, c.MountLabel
	b.record.IDMappingOptions.keep(c)
	if e.Steps != nil && !o.Owned {
		b.startChain()
	}
	if err := b.Save(); err != nil {
		return nil, errors.Join(err, e.Store.DeleteContainer(c.ID))
	}
	if b.record.Steps != nil {
		b.seal = b.record.Steps.Sum
	}
	return b, nil
}

// newBuilder is a builder on a state, not yet in the store.
func (e *Engine) newBuilder(st State, o FromOptions) *Builder {
	b := &Builder{engine: e, image: st.Image, owned: o.Owned}
	b.base.noHistory = st.NoHistory
	r := &b.record
	*r = Record{
		Type: recordType, FromImage: st.ImageName, FromImageID: st.ImageID, FromImageDigest: st.ImageDigest.String(),
		Config: st.Config, Manifest: st.Manifest, TopLayer: st.TopLayer, Annotations: st.Annotations,
		Format: o.Format.OrDefault().MediaType(), DefaultMountsFilePath: e.Host.MountsFile, Execution: o.Execution,
	}
	if r.FromImage == "" && st.ImageID != "" && st.transport != "" {
		r.FromImage = st.transport
	}
	if r.Isolation == IsolationDefault {
		r.Isolation = e.defaultIsolation()
	}
	if r.CommonBuildOpts == nil {
		r.CommonBuildOpts = &CommonOptions{HTTPProxy: true}
	}
	r.IDMappingOptions.settle()
	r.NamespaceOptions = e.namespaces(o.Execution.NamespaceOptions)
	b.image.Normalize(time.Now().UTC(), o.Base.Platform)
	return b
}

// namespaces are the configured defaults, overridden by what was asked for.
func (e *Engine) namespaces(asked []Namespace) []Namespace {
	all := []Namespace{
		{Name: "cgroup", Host: e.Config.CgroupNS == "host"},
		{Name: "ipc", Host: e.Config.IPCNS == "host"},
		{Name: "mount"},
		{Name: "network", Host: e.Config.NetNS == "host"},
		{Name: "pid", Host: e.Config.PidNS == "host"},
		{Name: "user", Host: e.Config.UserNS == "" || e.Config.UserNS == "host"},
		{Name: "uts", Host: e.Config.UTSNS == "host"},
	}
	return overrideNamespaces(all, asked)
}

// overrideNamespaces gives base with the namespaces in asked taking the place of those of the same name.
func overrideNamespaces(base, asked []Namespace) []Namespace {
	all := slices.Clone(base)
	for _, n := range asked {
		at := slices.IndexFunc(all, func(have Namespace) bool { return have.Name == n.Name })
		if at < 0 {
			all = append(all, n)
			continue
		}
		all[at] = n
	}
	return all
}

// display is how messages name the base.
func (s *State) display() string {
	switch {
	case s.ImageName != "":
		return s.ImageName
	case s.ImageID != "":
		return s.ImageID
	}
	return Scratch
}

// labelOpts are the SELinux label options for the store.
func (x *Execution) labelOpts() []string {
	if x.CommonBuildOpts == nil {
		return nil
	}
	return x.CommonBuildOpts.LabelOpts
}

// runTriggers replays the ONBUILD instructions of the base and clears them.
func (b *Builder) runTriggers(ctx context.Context, o FromOptions) error {
	triggers := b.image.Docker.Config.OnBuild
	for n, text := range triggers {
		if o.Step != nil {
			o.Step(n+1, text)
		}
		if err := b.runTrigger(ctx, text, o.Cwd); err != nil {
			return fmt.Errorf("running the base's trigger %q in %q: %w", text, b.Name(), err)
		}
	}
	if len(triggers) == 0 {
		return nil
	}
	b.image.ClearOnBuild()
	return b.Save()
}

// runTrigger replays one ONBUILD instruction with the verbs.
func (b *Builder) runTrigger(ctx context.Context, text, cwd string) error {
	t, err := imageconfig.ParseTrigger(text)
	if err != nil {
		return err
	}
	if t, err = t.Expand(b.image.OCI.Config.Env); err != nil {
		return err
	}
	switch t.Verb {
	case "RUN":
		return b.Run(ctx, b.image.ShellCommand(t.Args, t.JSON), RunOptions{})
	case "ADD", "COPY":
		if len(t.Args) < 2 {
			return fmt.Errorf("%s requires at least two arguments", t.Verb)
		}
		last := len(t.Args) - 1
		o := AddOptions{Extract: t.Verb == "ADD", Source: Source{Cwd: cwd}}
		for _, flag := range t.Flags {
			if err := o.setTriggerFlag(flag); err != nil {
				return err
			}
		}
		_, err := b.Add(ctx, t.Args[last], t.Args[:last], o)
		return err
	}
	return b.image.Instructions([]string{text})
}

// setTriggerFlag takes a flag of an ADD or COPY trigger.
func (o *AddOptions) setTriggerFlag(flag string) error {
	name, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
	switch name {
	case "chown":
		o.Ownership.Chown = value
	case "chmod":
		o.Ownership.Chmod = value
	case "from":
		o.Source.From = value
	case "checksum":
		o.Checksum = value
	default:
		return fmt.Errorf("trigger flag %q is not known: --chown, --chmod, --from and --checksum are", flag)
	}
	return nil
}
