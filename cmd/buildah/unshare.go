package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/userns"
)

func (p *program) unshareCommand() *cli.Command {
	var mounts []string
	env := os.Environ() // before this program sets TMPDIR, which other places are found by
	return &cli.Command{
		Name:      "unshare",
		Usage:     "run a command in a user namespace of its own",
		ArgsUsage: "[--] [COMMAND [ARG ...]]",
		Description: "Inside, the files that containers own belong to the users they belong to in the containers.\n" +
			"Without a command, the shell in $SHELL is started. The exit status is that of the command.",
		Category:  containerGroup,
		UsageText: "buildah unshare\nbuildah unshare --mount ROOT=web sh -c 'ls $ROOT'",
		Flags: asFlags([]*option{
			listOption("mount,m", "[VAR=]CONTAINER", &mounts, "mount a container, and put its path into the variable"),
		}),
		Action: func(c *cli.Context) error {
			argv := c.Args().Slice()
			if len(argv) == 0 {
				argv = []string{p.env("SHELL")}
			}
			if argv[0] == "" {
				return statusError{status: 1, cause: errors.New("no command is given and SHELL is not set")}
			}
			process, err := userns.Current(p.env)
			if err != nil {
				return err
			}
			if !process.InSession() {
				return p.enterSession(c, process)
			}
			if len(mounts) == 0 {
				return p.start(c.Context, argv, env)
			}
			return p.withEngine(c, func(e *builder.Engine) error {
				return p.unshareMounted(c.Context, e, mounts, func(mounted []string) error {
					return p.start(c.Context, argv, append(env, mounted...))
				})
			})
		},
	}
}

// enterSession runs this command line again in a user namespace, and passes its
// exit status on.
func (p *program) enterSession(c *cli.Context, process userns.Process) error {
	if err := p.exportRuntimeDir(process); err != nil {
		return err
	}
	session, notice, err := userns.NewSession(process, os.Environ())
	if err != nil {
		return err
	}
	// Only what unpacks files, or runs commands, has to do with their owners.
	if notice != "" && slices.Contains([]string{"add", "build", "copy", "from", "pull", "run", "unshare"}, c.Command.Name) {
		p.notice("%s", notice)
	}
	if c.Err() != nil {
		return context.Cause(c.Context)
	}
	// A signal goes on to it, and it is waited for until it has cleaned up.
	status, err := userns.Enter(context.WithoutCancel(c.Context), session, os.Args)
	if err == nil && status != 0 {
		return statusError{status: status, cause: errSilent}
	}
	return err
}

// start runs a program of the host.
func (p *program) start(ctx context.Context, argv, env []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.stdin, p.stdout, p.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		return statusError{status: exit.ExitCode(), cause: errSilent}
	case err != nil:
		return statusError{status: 1, cause: fmt.Errorf("running %q: %w", argv[0], err)}
	}
	return nil
}

// unshareMounted mounts containers for the time of work, which gets VAR=PATH for each.
func (p *program) unshareMounted(ctx context.Context, e *builder.Engine, mounts []string, work func([]string) error) error {
	var variables []string
	for _, m := range mounts {
		variable, name, named := strings.Cut(m, "=")
		if !named {
			name = variable
		}
		b, err := builder.Open(e, name)
		if err != nil {
			return err
		}
		path, err := b.Mount(ctx)
		if err != nil {
			return err
		}
		defer func() {
			if _, undo := b.Unmount(context.WithoutCancel(ctx)); undo != nil {
				e.Warn("%v", undo)
			}
		}()
		variables = append(variables, variable+"="+path)
	}
	return work(variables)
}
