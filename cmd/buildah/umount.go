package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) umountCommand() *cli.Command {
	var all bool
	return &cli.Command{
		Name:        "umount",
		Aliases:     []string{"unmount"},
		Usage:       "unmount working containers",
		ArgsUsage:   "CONTAINER ...",
		Description: "Gives one use of each container's mount back and writes the ID of each that was mounted.",
		Category:    containerGroup,
		UsageText:   "buildah umount web\nbuildah umount --all",
		Flags:       asFlags([]*option{boolOption("all,a", &all, "unmount all working containers")}),
		Before:      namesOrAll(&all),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				return p.eachContainer(e, c.Args().Slice(), all, func(b *builder.Builder) error {
					was, err := b.Unmount(c.Context)
					if err != nil || !was {
						return err
					}
					_, err = fmt.Fprintln(p.stdout, b.ID())
					return err
				})
			})
		},
	}
}
