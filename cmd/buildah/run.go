package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

// runFlags are the flags of `run`.
type runFlags struct {
	options    builder.RunOptions
	namespaces namespaceFlags
	secrets    secretFlags
	layers     layersFlags
	terminal   bool
	asked      struct{ terminal bool }
}

func (p *program) runCommand() *cli.Command {
	f := &runFlags{}
	f.options.AddHistory = p.historyByDefault()
	f.options.Runtime.NoPivot = p.env("BUILDAH_NOPIVOT") != ""
	return &cli.Command{
		Name:      "run",
		Usage:     "run a command in a working container",
		ArgsUsage: "CONTAINER [--] COMMAND [ARG ...]",
		Description: "Runs exactly this command: no shell is put in front, and the image's entrypoint is not used.\n" +
			"The exit status is that of the command, or 125 when it could not be tried.",
		Category:  containerGroup,
		UsageText: "buildah run web -- apt-get install -y nginx\nbuildah run --isolation chroot --user www-data web id\nbuildah run --mount type=bind,src=/srv/src,dst=/src web make -C /src",
		Flags:     asFlags(f.own(p), f.namespaces.options(), f.secrets.options()),
		Before:    takes(1, anyNumber),
		Action: func(c *cli.Context) error {
			argv := c.Args().Tail()
			if len(argv) > 0 && argv[0] == "--" {
				argv = argv[1:]
			}
			if len(argv) == 0 {
				return usageError{text: "command must be specified", hint: "usage: " + usageLine(c.Command, "buildah run")}
			}
			o, err := f.settle(p)
			if err != nil {
				return err
			}
			return p.withContainer(c, c.Args().First(), func(e *builder.Engine, b *builder.Builder) error {
				f.layers.settle(e)
				err := b.Run(c.Context, argv, o)
				if exit := (*builder.ExitError)(nil); errors.As(err, &exit) {
					err = fmt.Errorf("while running runtime: %w", err)
				}
				if err != nil && c.Err() != nil { // the command was killed for a signal that we got
					err = statusError{status: statusStart, cause: err}
				}
				return err
			})
		},
	}
}

func (f *runFlags) own(p *program) []*option {
	o := &f.options
	return []*option{
		boolOption("add-history", &o.AddHistory, "add an entry to the history of the image"),
		boolOption("compat-volumes", &o.Mounts.DropVolumes, "drop what the command changes below a volume of the image"),
		listOption("cap-add", "CAP", &o.Security.CapAdd, "add a capability for this run"),
		listOption("cap-drop", "CAP", &o.Security.CapDrop, "drop a capability for this run"),
		textOption("cdi-config-dir", "DIR", &o.Security.CDIConfigDir, "look devices by name up in DIR first"),
		textOption("contextdir", "DIR", &o.Mounts.ContextDir, "root of the sources of --mount"),
		arrayOption("device", "DEVICE", &o.Security.Devices, "make a device of the host available: HOST[:CTR][:rwm] or VENDOR/CLASS=NAME"),
		arrayOption("env,e", "NAME[=VALUE]", &o.Process.Env, "set a variable; without a value take the caller's; PREFIX* and * take several"),
		arrayOption("hooks-dir", "DIR", &o.Runtime.Hooks, "directory of OCI hooks for this run"),
		textOption("hostname", "NAME", &o.Process.Hostname, "host name that the command sees"),
		newOption("isolation", "TYPE", "what runs the command: oci, chroot or rootless", func(s string) (err error) {
			o.Isolation, err = builder.ParseIsolation(s)
			return err
		}).shows("as the container was made"),
		f.layers.option(p, "take the result from the cache where it is known"),
		arrayOption("mount", "type=TYPE,...", &o.Mounts.Mounts, "mount for this run: bind, cache, tmpfs, secret or ssh"),
		boolOption("no-hostname", &o.NoHostname, "leave the container's /etc/hostname alone"),
		boolOption("no-hosts", &o.NoHosts, "leave the container's /etc/hosts alone"),
		boolOption("no-pivot", &o.Runtime.NoPivot, "do not use pivot_root"),
		textOption("runtime", "PROGRAM", &o.Runtime.Name, "OCI runtime, by name or path"),
		listOption("runtime-flag", "FLAG", &o.Runtime.Flags, "flag for the runtime, without the leading --"),
		noting(boolOption("terminal,t", &f.terminal, "give the command a terminal"), &f.asked.terminal).shows("if there is one"),
		newOption("security", "MODE", "insecure takes away what confines the command; sandbox leaves it", func(s string) error {
			if s != "insecure" && s != "sandbox" {
				return errors.New("it is insecure or sandbox")
			}
			o.Security.Insecure = s == "insecure"
			return nil
		}).shows("sandbox"),
		textOption("user", "USER[:GROUP]", &o.Process.User, "run as this user"),
		numbersOption("valid-exit-codes", &o.ValidCodes, "exit statuses that count as success"),
		arrayOption("volume,v", "HOST:CTR[:OPTIONS]", &o.Mounts.Volumes, "mount a directory of the host for this run"),
		textOption("workingdir", "DIR", &o.Process.Workdir, "directory to run in"),
	}
}

// settle fills in what does not come from flags alone.
func (f *runFlags) settle(p *program) (o builder.RunOptions, err error) {
	o = f.options
	o.Namespaces, o.Network = f.namespaces.chosen, f.namespaces.network
	if f.namespaces.otherThanHost() && o.Isolation == builder.IsolationChroot {
		return o, usageError{cause: errors.New("cannot set --network other than host with --isolation chroot")}
	}
	o.Stdio = builder.Stdio{In: p.stdin, Out: p.stdout, Err: p.stderr, NoTTY: f.asked.terminal && !f.terminal}
	isTTY := isTerminal(p.stdin) && isTerminal(p.stdout) && isTerminal(p.stderr)
	switch {
	case isTTY && !o.Stdio.NoTTY, f.terminal && isTerminal(p.stdin):
		o.Stdio.Terminal = p.stdin
	case f.terminal:
		o.Stdio.ForceTTY = true
	}
	o.Mounts.Keys, err = f.secrets.settle()
	return o, err
}
