package main

import (
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) tagCommand() *cli.Command {
	return &cli.Command{
		Name:        "tag",
		Usage:       "give further names to an image",
		ArgsUsage:   "IMAGE NEW-NAME ...",
		Description: "A name that another image has is taken from it. A short name becomes localhost/NAME:latest.",
		Category:    imageGroup,
		UsageText:   "buildah tag web registry.example.com/team/web:1.2",
		Before:      takes(2, anyNumber),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				return e.Tag(c.Args().First(), c.Args().Tail())
			})
		},
	}
}
