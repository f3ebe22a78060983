package builder

import (
	"context"
	"encoding/json"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/mountflag"
	"github.com/projectatomic/buildah/internal/spec"
)

// stepVersion is a part of every key of steps of scripts. It is raised when a verb
// comes to mean something else.
const stepVersion = "1"

// stepKey begins the key of a verb: what it sees of the container. Clock, paths, names
// and IDs have no part in it.
func (b *Builder) stepKey(verb string) buildcache.Key {
	r := &b.record
	var k buildcache.Key
	k.Add("version", "script "+stepVersion)
	k.Add("base", textOf(r.FromImage, b.base.noHistory, r.Steps.Layers > 0))
	config := &b.image.Docker.Config
	AddState(&k, &b.image, r.PrependedEmptyLayers, []string{b.image.OCI.Author, chosenHostname(config.Hostname), config.Domainname})
	k.Add("verb", verb)
	return k
}

// textOf writes values so that no two lists share their text; one value is written as
// it is.
func textOf(values ...any) string {
	var all any = values
	if len(values) == 1 {
		all = values[0]
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "" // what is written here has no value that cannot be
	}
	return string(text)
}

// chosenHostname leaves made-up names out: twelve hexadecimal digits.
func chosenHostname(name string) string {
	if len(name) != 12 {
		return name
	}
	for _, c := range name {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return name
		}
	}
	return ""
}

// runKey gathers all that the result of a command follows from.
func (b *Builder) runKey(ctx context.Context, argv []string, isolation Isolation, o *RunOptions) (buildcache.Key, error) {
	r := &b.record
	common := *r.CommonBuildOpts
	if len(o.Runtime.Hooks)+len(common.OCIHooksDir) > 0 {
		return nil, nil // nobody knows what they do
	}
	if isolation == IsolationOCIRootless || isolation == IsolationDefault {
		isolation = IsolationOCI
	}
	policy := o.Network
	if policy == NetworkDefault {
		policy = r.ConfigureNetwork
	}
	common.CgroupParent, common.HTTPProxy, common.IdentityLabel = "", false, 0
	k := b.stepKey("run")
	k.Add("command", textOf(argv))
	k.Add("process", textOf(o.Process.User, o.Process.Workdir, o.Process.Hostname, o.ValidCodes))
	k.Add("environment", textOf(spec.ExpandVariables(o.Process.Env, b.engine.Host.Env)))
	k.Add("isolation", isolation.String())
	k.Add("network", textOf(policy, overrideNamespaces(r.NamespaceOptions, o.Namespaces), o.NoHosts, o.NoHostname))
	k.Add("rights", textOf(r.Capabilities, o.Security.CapAdd, o.Security.CapDrop, o.Security.Insecure, r.GroupAdd))
	k.Add("devices", textOf(r.Devices, r.DeviceSpecs, r.CDIConfigDir, o.Security.Devices, o.Security.CDIConfigDir))
	k.Add("settings", textOf(common, b.engine.Config.DefaultSysctls, o.Mounts.DropVolumes))
	for _, text := range o.Mounts.Mounts {
		value, ok, err := b.mountKey(ctx, text, o)
		if err != nil || !ok {
			return nil, err
		}
		k.Add("mount", value)
	}
	input, ok, err := takeInput(&o.Stdio)
	if err != nil || !ok {
		return nil, err
	}
	k.Add("input", input)
	k.Add("terminal", textOf(o.Stdio.Terminal != nil, o.Stdio.ForceTTY))
	return k, nil
}

// mayWrite tells whether a mount lets a command write to what is no part of the
// container. What cannot be read is refused when it is carried out.
func mayWrite(text string, o *RunOptions) bool {
	mf, err := mountflag.ParseMount(text, mountContext(o))
	return err == nil && mf.Kind == mountflag.Bind && (!mf.ReadOnly || mf.Chown)
}

func mountContext(o *RunOptions) mountflag.Context {
	return mountflag.Context{
		Workdir: firstNonEmpty(o.Process.Workdir, o.Mounts.Workdir), Rooted: o.Mounts.ContextDir != "" || o.Mounts.Context != nil,
	}
}

// mountKey is what a mount brings into a run; false means that it cannot be told. Of
// secrets and agents only their names count.
func (b *Builder) mountKey(ctx context.Context, text string, o *RunOptions) (value string, ok bool, err error) {
	mf, err := mountflag.ParseMount(text, mountContext(o))
	if err != nil {
		return "", false, nil // mounting says what is wrong
	}
	switch mf.Kind {
	case mountflag.Bind:
	case mountflag.Secret:
		_, given := o.Mounts.Keys.Secrets[mf.Key.ID]
		return textOf(mf, given), true, nil
	case mountflag.SSH:
		_, given := o.Mounts.Keys.Agents[mf.Key.ID]
		return textOf(mf, given), true, nil
	default:
		return textOf(mf), true, nil
	}
	if mf.From != "" {
		value, err = b.engine.filesOf(ctx, mf.From, BaseOptions{})
		return textOf(mf, value), err == nil && value != "", nil // else mounting says what is wrong
	}
	dir := firstNonEmpty(o.Mounts.ContextDir, "/")
	root, err := copier.OpenRoot(dir)
	if err != nil {
		return "", false, nil // as above
	}
	defer root.Close()
	sums := b.engine.Steps.Index(root)
	files := AddOptions{Source: Source{Root: root, KeepOwner: true}, Selection: Selection{Literal: true, Whole: true, NoFollowSymlink: mf.NoDereference}}
	value, err = files.SourceDigest(ctx, []string{firstNonEmpty(mf.Source, ".")}, sums)
	if err != nil {
		return "", false, nil // as above
	}
	mf.Source = "" // a path
	return textOf(mf, value), true, sums.Save()
}

// filesOf tells the files of a container or image from all others, "" when that needs
// a look at each of them.
func (e *Engine) filesOf(ctx context.Context, name string, o BaseOptions) (string, error) {
	other, err := Open(e, name)
	if err == nil {
		if !other.record.Steps.alive() {
			return "", nil
		}
		if reason, err := other.whyNot(); err != nil || reason != "" {
			return "", err
		}
		return textOf(other.image.OCI.RootFS.DiffIDs), nil
	}
	st, err := e.Base(ctx, name, o)
	if err != nil {
		return "", err
	}
	return textOf(st.Image.OCI.RootFS.DiffIDs), nil
}
