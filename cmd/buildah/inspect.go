package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) inspectCommand() *cli.Command {
	var format string
	kind := "container"
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what is known about a working container or an image",
		ArgsUsage: "CONTAINER|IMAGE",
		Category:  containerGroup,
		Description: "Writes JSON. Unless --type says what NAME is, containers are looked through first, then images,\n" +
			"then manifest lists.",
		UsageText: "buildah inspect web\nbuildah inspect --format '{{.OCIv1.Config.Env}}' web\nbuildah inspect --type image debian",
		Flags: asFlags([]*option{
			textOption("format,f", "TEMPLATE", &format, "write a Go template instead of JSON"),
			textOption("type,t", "TYPE", &kind, "what NAME is: container, image or manifest"),
		}),
		Before: takes(1, 1),
		Action: func(c *cli.Context) error {
			if kind != "container" && kind != "image" && kind != "manifest" {
				return usageError{text: fmt.Sprintf("the only recognized types are container, image and manifest, not %q", kind)}
			}
			return p.withEngine(c, func(e *builder.Engine) error {
				return p.inspect(e, c.Args().First(), kind, given(c, "type"), format)
			})
		},
	}
}

func (p *program) inspect(e *builder.Engine, name, kind string, only bool, format string) error {
	if kind == "container" {
		b, err := builder.Open(e, name)
		if err == nil {
			return p.showInspection(b.Inspect(), format)
		}
		if only || !errors.Is(err, builder.ErrNotFound) {
			return err
		}
	}
	if kind != "manifest" {
		in, err := e.InspectImage(name)
		if err == nil {
			return p.showInspection(in, format)
		}
		if only || !errors.Is(err, builder.ErrImageUnknown) {
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

func (p *program) showInspection(in builder.Inspection, format string) error {
	if format != "" {
		return writeObject(p.stdout, format, in)
	}
	return writeJSON(p.stdout, in)
}
