package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
)

// run replays a RUN.
func (r *stageRun) run(ctx context.Context, in *instruction, c *instructions.RunCommand) (err error) {
	mounts, network, err := in.runFlags(r.variables())
	if err != nil {
		return err
	}
	o := r.o.Run
	o.Mounts.Volumes, o.Mounts.Mounts = slices.Clone(o.Mounts.Volumes), slices.Clone(o.Mounts.Mounts)
	o.Process.Env = append(slices.Clone(o.Process.Env), r.runEnv()...)
	if r.o.Commit.Times.Fixed() != nil {
		o.Process.Hostname = "sandbox" // whatever is written into files shall be the same every time
	}
	if network == "" || network == "default" {
		network = r.o.Network
	}
	setNetwork(&o, network)
	if err := r.setSecurity(&o, in); err != nil {
		return err
	}
	if err := r.mount(ctx, &o, mounts); err != nil {
		return err
	}
	argv, script, err := r.argv(in, c)
	if err != nil {
		return err
	}
	if script != "" {
		defer func() { err = errors.Join(err, os.RemoveAll(filepath.Dir(script))) }()
		o.Mounts.Volumes = append(o.Mounts.Volumes, script+":"+scriptTarget(script)+":ro")
	}
	if err := r.makeVolumes(ctx); err != nil {
		return err
	}
	r.watch(&o.Stdio)
	err = r.ws.Run(ctx, argv, o)
	var exit *builder.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("while running runtime: %w", err)
	}
	return err
}

// setNetwork is RUN --network.
func setNetwork(o *builder.RunOptions, mode string) {
	n := builder.Namespace{Name: "network"}
	switch mode {
	case "host":
		n.Host = true
	case "none":
		o.Network = builder.NetworkDisabled
	default:
		return
	}
	o.Namespaces = append(slices.DeleteFunc(slices.Clone(o.Namespaces), func(n builder.Namespace) bool { return n.Name == "network" }), n)
}

// runEnv gives the ARGs that the command sees as variables. Those of the image win.
func (r *stageRun) runEnv() []string {
	var env []string
	img := r.ws.Image()
	for _, name := range r.scope.names() {
		if _, set := img.Env(name); !set {
			env = append(env, name+"="+r.scope.values[name])
		}
	}
	for _, name := range proxyArgs {
		value, ok := r.scope.given.values[name]
		if _, set := img.Env(name); ok && !set && !r.scope.proxies[name] {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// argv is the command line. A here-document that is a script is written to a
// file, whose path is also given; the caller removes its directory.
func (r *stageRun) argv(in *instruction, c *instructions.RunCommand) (argv []string, script string, err error) {
	img := r.ws.Image()
	if !c.PrependShell {
		return c.CmdLine, "", nil
	}
	if len(c.CmdLine) == 0 {
		// The shell says itself what it thinks of no command.
		words := img.ShellCommand([]string{""}, false)
		return words[:len(words)-1], "", nil
	}
	text := c.CmdLine[0]
	docs := in.node.Heredocs
	switch {
	case len(docs) == 0:
	case parser.MustParseHeredoc(text) == nil:
		for _, doc := range docs {
			text += "\n" + doc.Content + doc.Name
		}
	case strings.HasPrefix(docBody(docs[0]), "#!"):
		script, err = writeScript(r.o.Source.Fetch.TempDir, docs[0].Name, docBody(docs[0]))
		text = scriptTarget(script)
	default:
		text = docBody(docs[0])
	}
	return img.ShellCommand([]string{text}, false), script, err
}

// scriptTarget is where a script is seen in the container.
func scriptTarget(script string) string { return scriptDir + filepath.Base(script) }

const scriptDir = "/dev/pipes/"

// writeScript puts a script into a directory of its own.
func writeScript(temp, name, body string) (string, error) {
	dir, err := os.MkdirTemp(temp, "buildah-script-")
	if err != nil {
		return "", fmt.Errorf("writing the script of a here-document: %w", err)
	}
	name = path.Base(path.Clean("/" + strings.ReplaceAll(name, ":", "_")))
	if name == "/" {
		name = "script"
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(body), 0o755); err != nil { //nolint:gosec // it is run by whoever the USER is
		return "", errors.Join(fmt.Errorf("writing the script of a here-document: %w", err), os.RemoveAll(dir))
	}
	// The container's user has to get at it, whatever our umask.
	if err := errors.Join(os.Chmod(file, 0o755), os.Chmod(dir, 0o755)); err != nil { //nolint:gosec // as above
		return "", errors.Join(fmt.Errorf("writing the script of a here-document: %w", err), os.RemoveAll(dir))
	}
	return file, nil
}

// mount adds the mounts of a RUN to those that every RUN has.
func (r *stageRun) mount(ctx context.Context, o *builder.RunOptions, mounts []mount) error {
	var all []mount
	for _, text := range o.Mounts.Mounts {
		m, err := parseMount(text)
		if err != nil {
			return fmt.Errorf("option --mount: %w", err)
		}
		all = append(all, m)
	}
	if all = append(all, mounts...); len(all) == 0 {
		return nil
	}
	o.Mounts.Mounts = nil
	o.Mounts.Roots = map[string]*copier.Root{}
	if o.Mounts.Workdir = r.ws.Image().OCI.Config.WorkingDir; o.Mounts.Workdir == "" {
		o.Mounts.Workdir = "/"
	}
	if name := r.scope.given.values[cacheNamespaceArg]; name != "" {
		o.Mounts.CacheNamespace = name + "/"
	}
	for _, m := range all {
		if m.writesContext() {
			if err := r.openScratch(); err != nil {
				return err
			}
			o.Mounts.KeepWrites = true
		}
	}
	o.Mounts.Context = r.contextRoot()
	for _, m := range all {
		o.Mounts.Mounts = append(o.Mounts.Mounts, m.text)
		if m.From == "" || o.Mounts.Roots[m.From] != nil {
			continue
		}
		root, err := r.lend(ctx, m.From, r.stage.index)
		if err != nil {
			return fmt.Errorf("mount from=%s: %w", m.From, err)
		}
		o.Mounts.Roots[m.From] = root
	}
	return nil
}

// cacheNamespaceArg is a build argument that keeps the caches of one project apart
// from those of others.
const cacheNamespaceArg = "BUILDKIT_CACHE_MOUNT_NS"

// makeVolumes makes the directories of volumes, which commands expect to be there.
func (r *stageRun) makeVolumes(ctx context.Context) error {
	volumes := r.ws.Image().OCI.Config.Volumes
	names := make([]string, 0, len(volumes))
	for name := range volumes {
		if !strings.HasPrefix(path.Clean("/"+name), "/etc/") { // such as /etc/hosts, which are files
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		err := r.ws.MakeDir(ctx, name, "")
		if errors.Is(err, syscall.ELOOP) {
			return fmt.Errorf("making the volume %q: open %s: %w", name, name, syscall.ELOOP)
		}
		if err != nil {
			return fmt.Errorf("making the volume %q: %w", name, err)
		}
	}
	return nil
}
