package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/suggest"
	"github.com/projectatomic/buildah/internal/transfer"
)

// inspectOptions are the flags of `inspect`.
type inspectOptions struct {
	kind, format string
	asJSON       bool
	layers       layerFlags
	registry     registryFlags
	platform     platformFlags
}

func (p *program) inspectCommand() *cli.Command {
	o := inspectOptions{kind: "container"}
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what is known about a working container or an image",
		ArgsUsage: "CONTAINER|IMAGE",
		Category:  imageGroup,
		Description: "Writes JSON. Unless --type says what NAME is, containers are looked through first, then images,\n" +
			"then manifest lists. With a transport, such as docker://, it is an image that is not in the store.",
		UsageText: "buildah inspect web\nbuildah inspect --format '{{.OCIv1.Config.Env}}' web\nbuildah inspect docker://registry.example.com/base:1\n" +
			"buildah inspect --tree --files debian",
		Flags: asFlags([]*option{
			textOption("format,f", "TEMPLATE", &o.format, "write a Go template instead of JSON"),
			boolOption("json", &o.asJSON, "write JSON, with --tree and --files too"),
			textOption("type,t", "TYPE", &o.kind, "what NAME is: container, image or manifest"),
		}, o.layers.options(), o.platform.options(), o.looking()),
		Before: takes(1, 1),
		Action: func(c *cli.Context) error {
			if err := o.check(); err != nil {
				return err
			}
			return p.withEngine(c, func(e *builder.Engine) error { return p.inspect(c, e, &o) })
		},
	}
}

// looking are the flags about registries that matter to who only looks: nothing is
// used of an image, and no blob is kept.
func (o *inspectOptions) looking() []*option {
	return slices.DeleteFunc(o.registry.options(), func(f *option) bool { return f.name == "signature-policy" || f.name == "blob-cache" })
}

// check finds flags that contradict each other.
func (o *inspectOptions) check() error {
	switch {
	case o.kind != "container" && o.kind != "image" && o.kind != "manifest":
		return usageError{text: fmt.Sprintf("the only recognized types are container, image and manifest, not %q%s", o.kind, suggest.Instead(o.kind, "container", "image", "manifest"))}
	case o.asJSON && o.format != "":
		return usageError{text: "json and format are mutually exclusive"}
	case o.layers.asked() && o.kind == "manifest":
		return usageError{text: "a manifest list has no layers: leave out --type manifest to look into the image for this platform"}
	case o.layers.fetch && !o.layers.asked():
		return usageError{text: "--fetch-layers needs --tree or --files"}
	}
	return nil
}

func (p *program) inspect(c *cli.Context, e *builder.Engine, o *inspectOptions) error {
	name, only := c.Args().First(), given(c, "type")
	if o.kind == "container" {
		b, err := builder.Open(e, name)
		if err == nil {
			return p.inspectContainer(c, b, o)
		}
		if only || !errors.Is(err, builder.ErrNotFound) {
			return err
		}
	}
	platform, err := p.pullPlatform(&o.platform)
	if err != nil {
		return err
	}
	if transfer.IsRemote(name) {
		return p.inspectRemote(c, e, platform, o)
	}
	if err := o.needless(c, name+" is in the store", nil); err != nil {
		return err
	}
	if o.kind != "manifest" {
		err := p.inspectImage(c, e, platform, o)
		if err == nil || only || !errors.Is(err, builder.ErrImageUnknown) {
			return err
		}
		if o.layers.asked() || platform != (transfer.Platform{}) {
			return err
		}
	}
	data, err := e.InspectList(name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, string(data))
	return err
}

// needless refuses flags that mean nothing for what is inspected.
func (o *inspectOptions) needless(c *cli.Context, what string, further []*option) error {
	for _, f := range slices.Concat(o.looking(), []*option{o.layers.fetchOption()}, further) {
		if given(c, f.name) {
			return usageError{text: fmt.Sprintf("--%s means nothing here: %s", f.name, what)}
		}
	}
	return nil
}

func (p *program) inspectContainer(c *cli.Context, b *builder.Builder, o *inspectOptions) error {
	if err := o.needless(c, b.Name()+" is a working container", o.platform.options()); err != nil {
		return err
	}
	if !o.layers.asked() {
		return p.showInspection(b.Inspect(), o.format)
	}
	r, err := b.Report(c.Context, o.layers.report(transfer.Platform{}))
	if err != nil {
		return err
	}
	return p.showReport(r, o)
}

func (p *program) inspectImage(c *cli.Context, e *builder.Engine, platform transfer.Platform, o *inspectOptions) error {
	name := c.Args().First()
	if !o.layers.asked() {
		in, err := e.InspectImage(name, platform)
		if err != nil {
			return err
		}
		return p.showInspection(in, o.format)
	}
	r, err := e.ReportImage(c.Context, name, o.layers.report(platform))
	if err != nil {
		return err
	}
	return p.showReport(r, o)
}

// inspectRemote looks at an image where it is.
func (p *program) inspectRemote(c *cli.Context, e *builder.Engine, platform transfer.Platform, o *inspectOptions) (err error) {
	if err := o.layers.checkRemote(); err != nil {
		return err
	}
	registry, err := o.registry.settle(p, e.Config)
	if err != nil {
		return err
	}
	p.report(e, false)
	img, err := e.OpenRemote(c.Context, c.Args().First(), registry, platform)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, img.Close()) }()
	switch {
	case o.kind == "manifest" && img.List == nil:
		return fmt.Errorf("inspecting %q: it is an image, not a manifest list", img.Name)
	case o.kind == "manifest":
		_, err = fmt.Fprintln(p.stdout, string(img.List))
		return err
	case o.layers.asked():
		r, err := img.Report(c.Context, o.layers.fetch, o.layers.report(platform))
		if err != nil {
			return err
		}
		return p.showReport(r, o)
	}
	in, err := img.Inspect()
	if err != nil {
		return err
	}
	return p.showInspection(in, o.format)
}

func (p *program) showInspection(in builder.Inspection, format string) error {
	if format != "" {
		return writeObject(p.stdout, format, in)
	}
	return writeJSON(p.stdout, in)
}
