package main

import (
	"os"
	"path"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

func (p *program) configCommand() *cli.Command {
	change := &builder.Change{Lookup: os.LookupEnv}
	change.History.Record = p.historyByDefault()
	makeDir, layers := false, layersFlags{}
	return &cli.Command{
		Name:      "config",
		Usage:     "set what the image of a working container will say about itself",
		ArgsUsage: "CONTAINER",
		Description: "Changes settings such as the command, the variables and the labels. Nothing is changed when one of\n" +
			"them is wrong. In lists, a trailing dash removes an item (NAME-), and a lone dash (-) all of them.",
		Category:  containerGroup,
		UsageText: "buildah config --entrypoint '[\"/usr/sbin/nginx\", \"-g\", \"daemon off;\"]' --port 80 web\nbuildah config --env PATH='$PATH:/opt/bin' --label version=1 web\nbuildah config --env - --label old- web",
		Flags: asFlags(configFlags(change), []*option{
			boolOption("create-workingdir", &makeDir, "also make the working directory where it is missing, as WORKDIR does"),
			layers.option(p, "leave later steps in the cache; =false ends that until the next commit"),
		}),
		Before: takes(1, 1),
		Action: func(ctx *cli.Context) error {
			return p.withContainer(ctx, ctx.Args().First(), func(e *builder.Engine, b *builder.Builder) error {
				if layers.settle(e); given(ctx, "layers") && !layers.wanted {
					if err := b.LeaveCache("config --layers=false asked for it"); err != nil {
						return err
					}
				}
				change.Format = imageconfig.FormatOf(b.Record().Format)
				warnings, err := b.Configure(*change)
				if err != nil {
					return err
				}
				for _, w := range warnings {
					e.Warn("%s", w)
				}
				if c := b.Image().OCI.Config; makeDir {
					if _, err := b.EnsureDir(ctx.Context, path.Join("/", c.WorkingDir), c.User); err != nil {
						return err
					}
				}
				return b.Save()
			})
		},
	}
}

// settingOption fills a setting that may be left alone.
func settingOption(names, word string, t *imageconfig.Text, usage string) *option {
	return newOption(names, word, usage, func(s string) error { *t = imageconfig.Set(s); return nil })
}

func configFlags(c *builder.Change) []*option {
	pr, pl := &c.Process, &c.Platform
	list := []*option{
		boolOption("add-history", &c.History.Record, "add entries to the history of the image"),
		arrayOption("annotation,a", "KEY=VALUE", &c.Annotations.Set, "set an annotation of the manifest"),
		settingOption("arch", "ARCH", &pl.Arch, "architecture of the image"),
		settingOption("author", "TEXT", &c.Author, "who made the image"),
		settingOption("cmd", "COMMAND", &pr.Cmd, "default command, as words or as a JSON array"),
		settingOption("comment", "TEXT", &c.Comment, "comment, in the docker format"),
		settingOption("created-by", "TEXT", &c.History.CreatedBy, "what the history says the layer was made by"),
		settingOption("domainname", "NAME", &c.Domainname, "domain name, in the docker format"),
		settingOption("entrypoint", "COMMAND", &pr.Entrypoint, "entrypoint, as a JSON array, or as a line for the shell"),
		arrayOption("env,e", "NAME=VALUE", &pr.Env, "set a variable; $NAME stands for one of the image"),
		settingOption("history-comment", "TEXT", &c.History.Comment, "comment in the history of the layer"),
		settingOption("hostname", "NAME", &c.Hostname, "host name, in the docker format"),
		arrayOption("label,l", "KEY=VALUE", &c.Labels.Set, "set a label"),
		listOption("onbuild", "INSTRUCTION", &c.OnBuild, "instruction for images that stand on this one, in the docker format"),
		settingOption("os", "OS", &pl.OS, "operating system of the image"),
		arrayOption("os-feature", "FEATURE", &pl.OSFeatures, "feature that the operating system must have"),
		settingOption("os-version", "VERSION", &pl.OSVersion, "version of the operating system"),
		listOption("port,p", "PORT", &c.Ports, "port that containers listen on"),
		settingOption("shell", "COMMAND", &pr.Shell, "shell of commands, in the docker format"),
		settingOption("stop-signal", "SIGNAL", &pr.StopSignal, "signal that stops containers"),
		listOption("unsetannotation", "KEY", &c.Annotations.Unset, "remove an annotation"),
		listOption("unsetlabel", "KEY", &c.Labels.Unset, "remove a label"),
		settingOption("user,u", "USER[:GROUP]", &pr.User, "user that commands run as"),
		settingOption("variant", "VARIANT", &pl.Variant, "variant of the architecture"),
		listOption("volume,v", "PATH", &c.Volumes, "path whose content containers keep apart"),
		settingOption("workingdir", "DIR", &pr.WorkDir, "directory that commands start in"),
	}
	return append(list, healthFlags(&c.Health)...)
}

func healthFlags(h *imageconfig.HealthChange) []*option {
	return []*option{
		settingOption("healthcheck", "COMMAND", &h.Test, "how to see that a container is well: CMD ..., CMD-SHELL ... or NONE; docker format"),
		settingOption("healthcheck-interval", "DURATION", &h.Interval, "time between two checks"),
		settingOption("healthcheck-retries", "N", &h.Retries, "failures in a row that mean that a container is not well"),
		settingOption("healthcheck-start-interval", "DURATION", &h.StartInterval, "time between two checks while a container starts"),
		settingOption("healthcheck-start-period", "DURATION", &h.StartPeriod, "time that a container has to start"),
		settingOption("healthcheck-timeout", "DURATION", &h.Timeout, "time after which a check has failed"),
	}
}
