package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

// fromFlags are the flags of `from`.
type fromFlags struct {
	options  builder.FromOptions
	registry registryFlags
	platform platformFlags
	pull     pullFlags
	creation creation
	layers   layersFlags
	format   string
	cidFile  string
	quiet    bool
}

func (p *program) fromCommand() *cli.Command {
	f := &fromFlags{format: p.env("BUILDAH_FORMAT")}
	return &cli.Command{
		Name:      "from",
		Usage:     "make a working container on an image",
		ArgsUsage: "IMAGE",
		Description: "Fetches the image if it is not there, makes a container on it and writes the name of the container.\n" +
			"IMAGE is a name, an ID, a reference with a transport (docker://, oci:, dir:, ...) or scratch, which is empty.",
		Category:  containerGroup,
		UsageText: "ctr=$(buildah from debian:12)\nbuildah from --name web --pull=never scratch\nbuildah from --volume /srv/cache:/cache oci-archive:base.tar",
		Flags: asFlags([]*option{
			textOption("cidfile", "FILE", &f.cidFile, "write the ID of the container to FILE"),
			textOption("format,f", "FORMAT", &f.format, "format that a commit uses unless told otherwise: oci or docker").shows("oci"),
			textOption("name", "NAME", &f.options.Name, "name of the container"),
			newOption("onbuild", "", "carry out the ONBUILD instructions of the image, or with =false forget them", func(s string) error {
				yes, err := strconv.ParseBool(s)
				f.options.DropOnBuild = !yes
				return withoutPrefix(err)
			}).shows("true"),
			f.layers.option(p, "take the steps of the container from the cache where they are known"),
			boolOption("quiet,q", &f.quiet, "show no progress"),
			textOption("suffix", "TEXT", &f.options.Suffix, "end of a made-up name, instead of working-container").hide(),
		}, f.pull.options(), f.platform.options(), f.registry.options(), f.registry.reading()[:1], f.creation.options()),
		Before: takes(1, 1),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error { return p.from(c, e, f) })
		},
	}
}

func (p *program) from(c *cli.Context, e *builder.Engine, f *fromFlags) (err error) {
	o := f.options
	f.layers.settle(e)
	if o.Format, err = parseFormat(f.format); err != nil {
		return err
	}
	if o.Base, err = f.base(c, p, e); err != nil {
		return err
	}
	if o.Execution, err = f.creation.settle(p, e.Config); err != nil {
		return err
	}
	o.CapAdd, o.CapDrop = f.creation.capAdd, f.creation.capDrop
	if o.Cwd, err = os.Getwd(); err != nil { // only triggers with relative sources need it
		o.Cwd = "/"
	}
	p.report(e, f.quiet)
	if !f.quiet {
		o.Step = func(n int, text string) { fmt.Fprintf(p.stderr, "STEP %d: %s\n", n, text) }
	}
	b, err := builder.From(c.Context, e, c.Args().First(), o)
	if err != nil {
		return err
	}
	if f.cidFile != "" {
		if err := os.WriteFile(f.cidFile, []byte(b.ID()), 0o644); err != nil {
			return fmt.Errorf("writing the container ID: %w", err)
		}
	}
	_, err = fmt.Fprintln(p.stdout, b.Name())
	return err
}

// base gathers how the base image is found.
func (f *fromFlags) base(c *cli.Context, p *program, e *builder.Engine) (o builder.BaseOptions, err error) {
	if o.Pull, err = f.pull.settle(given(c, "pull")); err != nil {
		return o, err
	}
	if o.Platform, err = f.platform.settle(); err != nil {
		return o, err
	}
	o.Registry, err = f.registry.settle(p, e.Config)
	return o, err
}
