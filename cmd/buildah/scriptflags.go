package main

import (
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/imagebuildah"
	"github.com/projectatomic/buildah/internal/events"
)

// scriptFlags are about a build as a script.
type scriptFlags struct {
	print bool
}

func (f *scriptFlags) options() []*option {
	return []*option{boolOption("print-script", &f.print, "write the build as a bash script of single commands, and do nothing")}
}

// saidByScript are the flags of `build` that a script expresses by what it does, or
// that say nothing about the image.
var saidByScript = []string{
	"allow", "annotation", "arch", "build-arg", "build-arg-file", "compress", "cpp-flag", "created-annotation", "disable-content-trust", "env",
	"file", "force-rm", "format", "from", "identity-label", "ignorefile", "inherit-annotations", "inherit-labels", "jobs", "label",
	"layer-label", "layers", "loglevel", "mount", "no-cache", "no-hostname", "no-hosts", "omit-history", "omit-timestamp", "os",
	"os-feature", "os-version", "platform", "print-script", "progress", "quiet", "reference-time", "rewrite-timestamp", "rm", "runtime", "runtime-flag",
	"save-stages", "skip-unused-stages", "source-date-epoch", "source-policy-file", "squash", "stage-labels", "stdin", "tag", "target",
	"timestamp", "unsetannotation", "unsetenv", "unsetlabel", "variant",
}

// printScript writes the script of a build.
func (p *program) printScript(c *cli.Context, e *builder.Engine, f *buildFlags) error {
	o, err := f.settle(c, p, e)
	if err != nil {
		return err
	}
	flags, err := p.flagsOfScript(c.Command.Flags)
	if err != nil {
		return err
	}
	o.Source.Context = c.Args().First()
	o.Output.Events = events.New(&events.Plain{Warn: func(text string) { e.Warn("%s", text) }}, time.Now)
	if f.running.stdin {
		o.Run.Stdio.In = p.stdin
	}
	p.report(e, f.result.quiet)
	return imagebuildah.Script(c.Context, e, p.stdout, o, flags)
}

// flagsOfScript finds the flags that are handed on to verbs as they were given.
func (p *program) flagsOfScript(flags []cli.Flag) (s imagebuildah.ScriptFlags, err error) {
	var registry registryFlags
	var push pushFlags
	var keys secretFlags
	access := slices.Concat(registry.options(), registry.reading())
	away := slices.Concat(access, push.layerOptions(), registry.signing())
	for _, h := range []struct {
		to    *[]string
		flags []cli.Flag
	}{
		{&s.From, p.fromCommand().Flags},
		{&s.Keys, asFlags(keys.options())},
		{&s.Fetch, shared(access, p.addCommand().Flags)},
		{&s.Push, shared(away, p.commitCommand().Flags)},
	} {
		*h.to = handedOn(flags, h.flags)
	}
	all := slices.Concat(p.fromCommand().Flags, asFlags(away, keys.options()))
	for _, f := range flags {
		o, ok := f.(*option)
		if ok && o.changed && !slices.Contains(saidByScript, o.name) && !hasOption(all, o.name) {
			return s, usageError{text: "--" + o.name + " cannot be used with --print-script: the script has no place for it"}
		}
	}
	return s, nil
}

// handedOn gives the flags that were given and that a verb has too.
func handedOn(given, verb []cli.Flag) (words []string) {
	for _, f := range given {
		o, ok := f.(*option)
		if !ok || !hasOption(verb, o.name) || slices.Contains(saidByScript, o.name) {
			continue
		}
		for _, v := range o.values {
			words = append(words, "--"+o.name+"="+v)
		}
	}
	return words
}

// shared are the options of a group that a verb has.
func shared(group []*option, verb []cli.Flag) []cli.Flag {
	return asFlags(slices.DeleteFunc(slices.Clone(group), func(o *option) bool { return !hasOption(verb, o.name) }))
}

func hasOption(flags []cli.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}
