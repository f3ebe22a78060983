package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/imagebuildah"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

func (p *program) buildCommand() *cli.Command {
	f := &buildFlags{}
	f.result.format = p.env("BUILDAH_FORMAT")
	f.push.options.Compression.Disable = true
	return &cli.Command{
		Name:      "build",
		Aliases:   []string{"bud", "build-using-dockerfile"},
		Usage:     "make an image from a Dockerfile",
		ArgsUsage: "[CONTEXT]",
		Description: "Carries out a Dockerfile and writes the ID of the image. CONTEXT is the directory that COPY and ADD\n" +
			"take files from, an archive, a git repository or a URL; without it, the current directory. The\n" +
			"Dockerfile is the file Containerfile or Dockerfile in it.",
		Category:  buildGroup,
		UsageText: "buildah build -t web .\nbuildah build -f Dockerfile.test --build-arg VERSION=2 --target test .\nbuildah build --timestamp 0 -t oci-archive:web.tar:web https://example.com/web.git",
		Flags: asFlags(f.source.options(), f.lint.options(), dockerFlags(&f.lint), f.result.options(), f.deliver.options(), f.result.accepted(), f.args.options(), f.overrides.options(), metadataFlags(&f.metadata),
			f.contexts.options(), f.stages.options(), f.policy.options(), f.sbom.options(), f.usage.options(), f.progress.options(),
			f.script.options(),
			f.caching.options(p), f.reuse.options(), f.sharing.options(), f.failure.options(), f.allow.options(), f.running.options(), f.times.options(), f.pull.options(), f.platform.options(), f.lists.options(), f.push.layerOptions(),
			f.secrets.options(), f.jobs.options(),
			f.registry.options(), f.registry.reading()[:1], f.registry.signing(), f.creation.options(), unsupported()),
		Before: takes(0, 1),
		Action: func(c *cli.Context) error {
			if err := f.check(c, p); err != nil {
				return err
			}
			if f.lint.format != "" {
				return p.examine(c, f)
			}
			return p.withEngine(c, func(e *builder.Engine) error {
				if f.script.print {
					return p.printScript(c, e, f)
				}
				return p.build(c, e, f)
			})
		},
	}
}

// check finds flags that contradict each other.
func (f *buildFlags) check(c *cli.Context, p *program) error {
	a := f.caching.asked
	switch {
	case (a.rm || a.forceRm) && !a.layers && !a.noCache:
		return usageError{text: "'rm' and 'force-rm' can only be set with either 'layers' or 'no-cache'"}
	case f.creation.isolation == builder.IsolationChroot && f.creation.namespaces.otherThanHost():
		return usageError{text: "cannot set --network other than host with --isolation chroot"}
	case len(f.platform.platforms) > 1 && f.sbom.writesFiles():
		return usageError{text: "building multiple images, but --sbom-output and --sbom-purl-output can only be used to store the list of one", hint: "put it into the images with --sbom-image-output"}
	case f.running.noHosts && given(c, "add-host"):
		return usageError{text: "--no-hosts and --add-host conflict, can not be used together"}
	}
	if err := errors.Join(f.reuse.check(f), f.progress.check(p, f)); err != nil {
		return err
	}
	return f.lists.check(&f.result, f.deliver.pushes(f.result.outputs), f.platform.platforms)
}

func (p *program) build(c *cli.Context, e *builder.Engine, f *buildFlags) (err error) {
	show, err := p.display(e, f)
	if err != nil {
		return err
	}
	defer func() { err = show.end(err) }()
	o, err := f.settle(c, p, e)
	if err != nil {
		return err
	}
	o.Source.Context = c.Args().First()
	if f.running.stdin {
		o.Run.Stdio.In = p.stdin
	}
	quiet := f.result.quiet || f.result.toStdout()
	o.Output.Events, o.Output.ErrUnseen = show.stream, f.result.logFile != ""
	o.Output.OutUnseen = quiet || o.Output.ErrUnseen
	if f.lists.logSplit {
		o.Output.Split = show.logs.split
	}
	var closeUsage func() error
	if o.Output.Measure, closeUsage, err = f.usage.settle(quiet); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeUsage()) }()
	result, err := imagebuildah.Build(c.Context, e, o)
	if err = errors.Join(err, show.settle(), f.reuse.tell(show.errs)); err != nil {
		return err
	}
	return show.tell(&f.result, result)
}

// buildStreams are where a build writes: the caller's streams, or a log file for both
// and for warnings.
func (p *program) buildStreams(logFile string) (out, errs io.Writer, done func(), err error) {
	if logFile == "" {
		return p.stdout, p.stderr, func() {}, nil
	}
	f, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("opening the log file: %w", err)
	}
	logrus.SetOutput(f)
	return f, f, func() { logrus.SetOutput(p.stderr); f.Close() }, nil
}

// tellMetadata writes the digests of the result to where they are wanted.
func (f *resultFlags) tellMetadata(r imagebuildah.Result) error {
	if f.metadataFile == "" {
		return nil
	}
	done := builder.Committed{ID: r.ID, Manifest: r.Manifest, Names: r.Names}
	if len(r.Images) > 0 {
		done.ID = "" // a list has no configuration
	}
	return writeMetadata(f.metadataFile, done)
}

// tell writes the ID of the result to where it is wanted.
func (f *resultFlags) tell(out io.Writer, r imagebuildah.Result) error {
	if err := f.tellMetadata(r); err != nil {
		return err
	}
	if f.iidFileRaw != "" {
		if err := writeID(f.iidFileRaw, r.ID); err != nil {
			return err
		}
	}
	if f.iidFile != "" {
		return writeID(f.iidFile, "sha256:"+r.ID)
	}
	if f.iidFileRaw != "" {
		return nil
	}
	_, err := fmt.Fprintln(out, r.ID)
	return err
}

// settle puts the options of the interpreter together.
func (f *buildFlags) settle(c *cli.Context, p *program, e *builder.Engine) (o imagebuildah.Options, err error) {
	if o.Source, err = f.settleSource(p, e.Host.TempDir, e.Warn); err != nil {
		return o, err
	}
	o.Tags = f.result.tags
	if o.Stages, err = f.stages.settle(); err != nil {
		return o, err
	}
	if o.Policy, err = f.policy.settle(); err != nil {
		return o, err
	}
	if o.Scan.Scanner, err = f.sbom.settle(); err != nil {
		return o, err
	}
	o.Overrides = f.settleOverrides()
	if o.Exports, err = f.result.exports(p.stdout); err != nil {
		return o, err
	}
	o.NoCache = f.caching.noCache
	f.reuse.settle(&o)
	o.Layers, o.Keep, o.KeepFailed = f.caching.layers, !f.caching.rm && !f.caching.forceRm, f.keeps()
	o.AllowInsecure = f.allow.insecure
	if o.Args, err = f.args.settle(); err != nil {
		return o, err
	}
	if o.Base.Pull, err = f.pull.settle(given(c, "pull")); err != nil {
		return o, err
	}
	if err := f.lists.settle(&f.platform, &o); err != nil {
		return o, err
	}
	if o.Base.Registry, err = f.registry.settle(p, e.Config); err != nil {
		return o, err
	}
	o.Fetch = fetchOptions(o.Base.Registry)
	if o.Source.Fetch.HTTP, err = o.Fetch.HTTP(e.Warn); err != nil {
		return o, err
	}
	if err := f.settleContainer(p, e, &o); err != nil {
		return o, err
	}
	return o, f.settleCommit(p, e, &o)
}

// settleSource says what is read.
func (f *buildFlags) settleSource(p *program, temp string, warn func(string, ...any)) (s imagebuildah.Source, err error) {
	cwd, err := os.Getwd()
	if err != nil { // an absolute context will do where the user may not look at the current directory
		cwd, err = unix.Getwd()
	}
	if err != nil {
		return s, fmt.Errorf("finding the current directory: %w", err)
	}
	s = imagebuildah.Source{
		Files: f.source.files, IgnoreFile: f.source.ignoreFile,
		Fetch: contexts.Options{Stdin: p.stdin, Cwd: cwd, TempDir: temp, Warn: warn},
	}
	if s.Fetch.CPPFlags, err = imageconfig.ShellSplit(p.env("BUILDAH_CPPFLAGS")); err != nil {
		return s, fmt.Errorf("reading BUILDAH_CPPFLAGS: %w", err)
	}
	s.Fetch.CPPFlags = append(s.Fetch.CPPFlags, f.source.cppFlags...)
	s.Named = f.contexts.named
	return s, nil
}

// settleOverrides fills what is different from the Dockerfile and its bases.
func (f *buildFlags) settleOverrides() imagebuildah.Overrides {
	o := f.overrides
	return imagebuildah.Overrides{
		From: f.source.from, Env: callersVariables(o.env, os.Environ()), Labels: f.result.labels,
		DropLabels: !o.inheritLabels, DropAnnotations: !o.inheritAnnotations, OSVersion: o.osVersion, OSFeatures: o.osFeatures,
	}
}

// callersVariables takes variables without a value from the environment: NAME,
// PREFIX* and *.
func callersVariables(specs, environment []string) []string {
	var list []string
	for _, text := range specs {
		if strings.Contains(text, "=") {
			list = append(list, text)
			continue
		}
		prefix, many := strings.CutSuffix(text, "*")
		for _, kv := range environment {
			name, _, _ := strings.Cut(kv, "=")
			if name == text || many && strings.HasPrefix(name, prefix) {
				list = append(list, kv)
			}
		}
	}
	return list
}

// settleContainer fills what holds for RUN.
func (f *buildFlags) settleContainer(p *program, e *builder.Engine, o *imagebuildah.Options) (err error) {
	ct := &o.Container
	if ct.Format, err = parseFormat(f.result.format); err != nil {
		return err
	}
	if ct.Execution, err = f.creation.settle(p, e.Config); err != nil {
		return err
	}
	ct.CapAdd, ct.CapDrop = f.creation.capAdd, f.creation.capDrop
	o.Jobs = f.jobs.settle(ct.Execution.CommonBuildOpts.Volumes)
	if f.creation.namespaces.network == builder.NetworkDisabled {
		o.Network = "none"
	}
	r := &o.Run
	r.Isolation = f.creation.isolation
	r.Runtime = builder.RuntimeOptions{Name: f.running.runtime, Flags: f.running.runtimeFlags, NoPivot: e.Host.NoPivot, Hooks: f.running.hooks}
	r.Mounts.Mounts, r.Mounts.DropVolumes = f.running.mounts, f.running.dropVolumes
	r.NoHosts, r.NoHostname = f.running.noHosts, f.running.noHostname
	r.Mounts.Keys, err = f.secrets.settle()
	return err
}

// settleCommit fills what holds for the image.
func (f *buildFlags) settleCommit(p *program, e *builder.Engine, o *imagebuildah.Options) (err error) {
	cm := &o.Commit
	cm.Format, cm.Squash, cm.Metadata = o.Container.Format, f.caching.squash, f.metadata
	if cm.Times, err = f.times.settle(p); err != nil {
		return err
	}
	if err := f.push.compresses(); err != nil {
		return err
	}
	cm.Push = f.push.settle(e.Config)
	cm.Push.Registry = o.Base.Registry
	f.sharing.settle(o)
	return f.deliver.settle(f.result.outputs, p.stdout, o)
}

// settle reads the files and then the flags; the last value of a name counts. A
// name without a value takes that of the environment.
func (f *argFlags) settle() (map[string]string, error) {
	args := map[string]string{}
	set := func(text string) {
		name, value, has := strings.Cut(text, "=")
		if !has {
			value, has = os.LookupEnv(name)
		}
		if delete(args, name); has {
			args[name] = value
		}
	}
	for _, file := range f.files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading build arguments: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" && line[0] != '#' {
				set(line)
			}
		}
	}
	for _, text := range f.args {
		set(text)
	}
	return args, nil
}
