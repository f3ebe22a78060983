package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) rmCommand() *cli.Command {
	var all bool
	return &cli.Command{
		Name:        "rm",
		Aliases:     []string{"delete"},
		Usage:       "remove working containers",
		ArgsUsage:   "CONTAINER ...",
		Description: "Removes the named containers, mounted or not, and writes the ID of each. It goes on after a failure.",
		Category:    containerGroup,
		UsageText:   "buildah rm web\nbuildah rm --all",
		Flags:       asFlags([]*option{boolOption("all,a", &all, "remove all working containers")}),
		Before:      namesOrAll(&all),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				return p.eachContainer(e, c.Args().Slice(), all, func(b *builder.Builder) error {
					id := b.ID()
					if err := b.Delete(c.Context); err != nil {
						return err
					}
					_, err := fmt.Fprintln(p.stdout, id)
					return err
				})
			})
		},
	}
}
