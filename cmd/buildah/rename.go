package main

import (
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) renameCommand() *cli.Command {
	return &cli.Command{
		Name:      "rename",
		Usage:     "give a working container another name",
		ArgsUsage: "CONTAINER NEW-NAME",
		Category:  containerGroup,
		UsageText: "buildah rename debian-working-container web",
		Before:    takes(2, 2),
		Action: func(c *cli.Context) error {
			return p.withContainer(c, c.Args().First(), func(_ *builder.Engine, b *builder.Builder) error {
				return b.Rename(c.Args().Get(1))
			})
		},
	}
}
