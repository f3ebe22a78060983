package imagebuildah

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/projectatomic/buildah/internal/imageconfig"
)

// variables are what the words of the next instruction are expanded with.
func (r *stageRun) variables() variables {
	return variables{env: r.ws.Image().OCI.Config.Env, args: r.scope.values}
}

// step replays one instruction and gives the text of its history entry.
func (r *stageRun) step(ctx context.Context, in *instruction, last bool) (string, error) {
	if in.pairs != nil {
		r.configurePairs(in)
		return r.nop(in.text()) + r.meta(last), nil
	}
	cmd, err := in.expanded(r.variables())
	if err != nil {
		return "", err
	}
	switch c := cmd.(type) {
	case *instructions.RunCommand:
		if err := r.run(ctx, in, c); err != nil {
			return "", err
		}
		return r.runText(in) + r.meta(last), nil
	case *instructions.CopyCommand:
		return r.copy(ctx, copyOf(in, c), last)
	case *instructions.AddCommand:
		return r.copy(ctx, addOf(in, c), last)
	case *instructions.ArgCommand:
		r.arg(c)
		return r.nop("ARG "+strings.Join(r.scope.names(), " ")) + r.meta(last), nil
	case *instructions.WorkdirCommand:
		err = r.workdir(ctx, c)
	default:
		err = r.configure(cmd)
	}
	if err != nil {
		return "", err
	}
	return r.nop(in.text()) + r.meta(last), nil
}

// configurePairs replays what an option adds.
func (r *stageRun) configurePairs(in *instruction) {
	for _, p := range in.pairs {
		if in.verb() == "ENV" {
			setEnv(r.ws.Image(), p.key, p.value)
		} else {
			r.ws.Image().SetLabel(p.key, p.value)
		}
	}
}

// arg declares names.
func (r *stageRun) arg(c *instructions.ArgCommand) {
	for _, a := range c.Args {
		if r.scope.declare(a.Key, a.Value) || slices.Contains(proxyArgs, a.Key) || a.Key == epochArg {
			continue
		}
		r.warn("missing %q build argument. Try adding %q to the command line", a.Key, "--build-arg "+a.Key+"=<VALUE>")
	}
}

// workdir sets the working directory and makes it, which is a change of files.
func (r *stageRun) workdir(ctx context.Context, c *instructions.WorkdirCommand) error {
	dir := r.setWorkdir(c)
	if dir == "/" {
		return nil
	}
	return r.ws.MakeDir(ctx, dir, r.ws.Image().OCI.Config.User)
}

// setWorkdir sets the working directory and gives it, absolute.
func (r *stageRun) setWorkdir(c *instructions.WorkdirCommand) string {
	img := r.ws.Image()
	dir := c.Path
	if !path.IsAbs(dir) {
		dir = path.Join("/", img.OCI.Config.WorkingDir, dir)
	}
	dir = path.Clean(dir)
	img.SetWorkDir(dir)
	return dir
}

// configure replays what only changes the configuration.
func (r *stageRun) configure(cmd instructions.Command) error {
	img := r.ws.Image()
	switch c := cmd.(type) {
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			setEnv(img, kv.Key, kv.Value)
		}
	case *instructions.LabelCommand:
		for _, kv := range c.Labels {
			img.SetLabel(kv.Key, kv.Value)
		}
	case *instructions.MaintainerCommand:
		img.SetAuthor(c.Maintainer)
	case *instructions.ExposeCommand:
		return expose(img, c.Ports)
	case *instructions.VolumeCommand:
		for _, v := range c.Volumes {
			img.SetVolume(v)
		}
	case *instructions.UserCommand:
		img.SetUser(c.User)
	default:
		return r.configureStart(cmd)
	}
	return nil
}

// configureStart replays what says how a container starts.
func (r *stageRun) configureStart(cmd instructions.Command) error {
	img := r.ws.Image()
	switch c := cmd.(type) {
	case *instructions.CmdCommand:
		img.SetCmd(r.command(c.ShellDependantCmdLine))
		r.cmdSet = len(c.CmdLine) > 0
	case *instructions.EntrypointCommand:
		img.SetEntrypoint(r.command(c.ShellDependantCmdLine))
		if !r.cmdSet {
			img.SetCmd(nil)
		}
	case *instructions.StopSignalCommand:
		if err := checkSignal(c.Signal); err != nil {
			return err
		}
		img.SetStopSignal(c.Signal)
	default:
		return r.configureDocker(cmd)
	}
	return nil
}

// configureDocker replays what only the Docker format keeps.
func (r *stageRun) configureDocker(cmd instructions.Command) error {
	img := r.ws.Image()
	oci := r.o.Commit.Format.OrDefault() == imageconfig.FormatOCI
	switch c := cmd.(type) {
	case *instructions.ShellCommand:
		if oci {
			r.warn("SHELL is not persisted in the OCI image format, %v will only be used by the steps of this build: use --format docker to keep it", c.Shell)
		}
		img.SetShell(c.Shell)
	case *instructions.HealthCheckCommand:
		if oci {
			r.warn("HEALTHCHECK is not supported for OCI image format and will be ignored: use --format docker to keep it")
		}
		img.SetHealthcheck(&imageconfig.HealthConfig{
			Test: c.Health.Test, Interval: c.Health.Interval, Timeout: c.Health.Timeout,
			StartPeriod: c.Health.StartPeriod, StartInterval: c.Health.StartInterval, Retries: c.Health.Retries,
		})
	case *instructions.OnbuildCommand:
		if oci {
			r.warn("ONBUILD is not supported for OCI image format, %q will be ignored: use --format docker to keep it", c.Expression)
		}
		img.AddOnBuild(c.Expression)
	default:
		return fmt.Errorf("instruction %s is not known", strings.ToUpper(cmd.Name()))
	}
	return nil
}

// command is the value of CMD and ENTRYPOINT.
func (r *stageRun) command(c instructions.ShellDependantCmdLine) []string {
	if len(c.CmdLine) == 0 {
		return nil
	}
	return r.ws.Image().ShellCommand(c.CmdLine, !c.PrependShell)
}

// expose adds ports; tcp is the protocol of those that say none.
func expose(img *imageconfig.Image, ports []string) error {
	for _, port := range ports {
		if err := checkPort(port); err != nil {
			return err
		}
		if !strings.Contains(port, "/") {
			port += "/tcp"
		}
		img.SetPort(port)
	}
	return nil
}

// setEnv sets a variable where it stands, or at the end.
func setEnv(img *imageconfig.Image, key, value string) {
	env := slices.Clone(img.OCI.Config.Env)
	at := slices.IndexFunc(env, func(kv string) bool { return strings.HasPrefix(kv, key+"=") })
	img.SetEnv(key, value)
	if at < 0 {
		return
	}
	// The setter moves it to the end; readers of Dockerfiles expect it where it was.
	env[at] = key + "=" + value
	img.OCI.Config.Env, img.Docker.Config.Env = env, slices.Clone(env)
}
