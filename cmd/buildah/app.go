package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
)

// program is this process: its streams, its environment and its global flags.
type program struct {
	stdin          *os.File
	stdout, stderr io.Writer
	env            func(name string) string
	global         globals
	quiet          bool // --quiet was given, whatever else it means to the command
}

func newProgram(stdin *os.File, stdout, stderr io.Writer) *program {
	return &program{stdin: stdin, stdout: stdout, stderr: stderr, env: os.Getenv}
}

// commands is the whole table, in the order of help: as one comes to need them.
func (p *program) commands() []*cli.Command {
	return []*cli.Command{
		p.buildCommand(),
		p.fromCommand(),
		p.runCommand(),
		p.copyCommand(),
		p.addCommand(),
		p.configCommand(),
		p.commitCommand(),
		p.mountCommand(),
		p.umountCommand(),
		p.unshareCommand(),
		p.containersCommand(),
		p.renameCommand(),
		p.rmCommand(),
		p.imagesCommand(),
		p.inspectCommand(),
		p.tagCommand(),
		p.manifestCommand(),
		p.sourceCommand(),
		p.rmiCommand(),
		p.pruneCommand(),
		p.loginCommand(),
		p.pullCommand(),
		p.pushCommand(),
		p.logoutCommand(),
		p.infoCommand(),
		p.versionCommand(),
		p.completionCommand(),
		p.dumpBoltCommand(),
		p.rpcCommand(),
		p.helpCommand(),
	}
}

// The groups of the root help, by what people do.
const (
	buildGroup     = "Dockerfile Commands"
	containerGroup = "Script Commands"
	imageGroup     = "Image Commands"
	registryGroup  = "Registry Commands"
	systemGroup    = "System Commands"
)

// commandGroups is their order.
func commandGroups() []string {
	return []string{buildGroup, containerGroup, imageGroup, registryGroup, systemGroup}
}

// app is what the flag library sees. Help, usage errors and exit statuses are
// ours, so everything that the library would do about them is turned off.
func (p *program) app() *cli.App {
	app := &cli.App{
		Name:                      "buildah",
		Usage:                     "make container images",
		Flags:                     p.globalFlags(),
		Commands:                  p.commands(),
		HideHelp:                  true,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		Writer:                    p.stdout,
		ErrWriter:                 p.stderr,
		ExitErrHandler:            func(*cli.Context, error) {},
		Before:                    p.begin,
		After:                     p.end,
	}
	app.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usageOf(app.Flags, err) }
	quietUsage(app.Commands)
	return app
}

func quietUsage(commands []*cli.Command) {
	for _, c := range commands {
		c.HideHelp = true
		c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usageOf(c.Flags, err) }
		quietUsage(c.Subcommands)
	}
}

// run does what the words after the name of the program ask for, and gives the
// exit status.
func (p *program) run(ctx context.Context, words []string) int {
	logrus.SetOutput(p.stderr)
	logrus.SetFormatter(&logrus.TextFormatter{DisableColors: true})
	app := p.app()
	inv, err := readArgv(app, words)
	p.quiet = slices.Contains(inv.flags, "--quiet=true")
	if err == nil {
		err = p.dispatch(ctx, app, inv)
	}
	status, hints := advice(err)
	for _, h := range []string{p.placeHint(err), looseHint(inv.loose, err)} {
		if h != "" {
			hints = append(hints, h)
		}
	}
	if err != nil && !silent(err) {
		fmt.Fprintf(p.stderr, "Error: %s\n", oneLine(err))
		for _, h := range hints {
			fmt.Fprintln(p.stderr, h)
		}
	}
	return status
}

func (p *program) dispatch(ctx context.Context, app *cli.App, inv invocation) error {
	switch {
	case inv.version:
		_, err := fmt.Fprintln(p.stdout, versionLine())
		return err
	case inv.help, inv.command() == nil, inv.command().Subcommands != nil:
		if inv.unknown != "" {
			fmt.Fprintln(p.stderr, cmp.Or(nearCommand(inv.command().Subcommands, commandPath(inv.commands), inv.unknown),
				fmt.Sprintf("%s has no command %q", commandPath(inv.commands), inv.unknown)))
		}
		return p.writeHelp(app, inv.commands)
	}
	return app.RunContext(ctx, append([]string{"buildah"}, inv.argv()...))
}

// errSilent is a failure that has been reported, or needs no words.
var errSilent = errors.New("already reported")

func silent(err error) bool { return errors.Is(err, errSilent) }

// usageError is a command line that makes no sense. The hint goes to a line of its own.
type usageError struct {
	text  string
	hint  string
	cause error
}

func (u usageError) Error() string {
	if u.cause != nil {
		return u.cause.Error()
	}
	return u.text
}

func (u usageError) Unwrap() error { return u.cause }

// takes makes a Before that checks the number of positional words.
func takes(least, most int) cli.BeforeFunc {
	return func(c *cli.Context) error {
		n := c.NArg()
		name := typed(c)
		hint := "usage: " + usageLine(c.Command, name)
		name = strings.TrimPrefix(name, "buildah ")
		switch {
		case n < least && n == 0:
			return usageError{text: fmt.Sprintf("%s needs %s", name, c.Command.ArgsUsage), hint: hint}
		case n < least:
			return usageError{text: fmt.Sprintf("%s needs %s, received only %q", name, c.Command.ArgsUsage, c.Args().Slice()), hint: hint}
		case most == 0 && n > 0:
			return usageError{text: fmt.Sprintf("%s takes no arguments, received %q", name, c.Args().Slice()), hint: hint}
		case most >= 0 && n > most:
			return usageError{text: fmt.Sprintf("%s accepts at most %d arg(s), received %d", name, most, n), hint: hint}
		}
		return nil
	}
}

// typed is the command as it is typed, with the group that it is in.
func typed(c *cli.Context) string {
	words := ""
	for _, one := range c.Lineage() {
		if one.Command != nil && one.Command.Name != "" {
			words = strings.TrimSuffix(one.Command.Name+" "+words, " ")
		}
	}
	return words
}

// any number of positional words.
const anyNumber = -1

// helpCommand shows the help of a command.
func (p *program) helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "show what a command does",
		ArgsUsage: "[COMMAND]",
		Category:  systemGroup,
		Action: func(c *cli.Context) error {
			app := p.app()
			inv, err := readArgv(app, c.Args().Slice())
			if err != nil {
				return err
			}
			return p.writeHelp(app, inv.commands)
		},
	}
}
