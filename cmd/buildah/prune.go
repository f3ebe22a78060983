package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) pruneCommand() *cli.Command {
	var o builder.PruneOptions
	return &cli.Command{
		Name:        "prune",
		Usage:       "remove images and caches that nobody needs",
		Description: "Removes what cache mounts have kept, images without a name and the steps under them.",
		Category:    imageGroup,
		UsageText:   "buildah prune\nbuildah prune --all",
		Flags: asFlags([]*option{
			boolOption("all,a", &o.All, "remove every image that no container uses"),
			boolOption("force,f", &o.Force, "also remove the containers that use the images"),
		}),
		Before: takes(0, 0),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				if err := e.PruneCaches(); err != nil {
					return err
				}
				removed, err := e.Prune(c.Context, o)
				return errors.Join(p.showRemoved(removed), err)
			})
		},
	}
}
