package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) rmCommand() *cli.Command {
	var all, force bool
	return &cli.Command{
		Name:      "rm",
		Aliases:   []string{"delete"},
		Usage:     "remove working containers",
		ArgsUsage: "CONTAINER ...",
		Description: "Removes the named containers and writes the ID of each. It goes on after a failure. A container\n" +
			"that is mounted is left alone, unless --force is given.",
		Category:  containerGroup,
		UsageText: "buildah rm web\nbuildah rm --all --force",
		Flags: asFlags([]*option{
			boolOption("all,a", &all, "remove all working containers"),
			boolOption("force,f", &force, "remove containers that are mounted, or have a broken record, too"),
		}),
		Before: namesOrAll(&all),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				remove := func(b *builder.Builder) error {
					id := b.ID()
					if err := b.Remove(c.Context, force); err != nil {
						return err
					}
					_, err := fmt.Fprintln(p.stdout, id)
					return err
				}
				if all || !force {
					return p.eachContainer(e, c.Args().Slice(), all, remove)
				}
				return p.removeForced(e, c.Args().Slice(), remove)
			})
		},
	}
}

// removeForced also removes containers whose record nobody can read.
func (p *program) removeForced(e *builder.Engine, names []string, remove func(*builder.Builder) error) error {
	var last error
	for _, name := range names {
		b, err := builder.Open(e, name)
		switch {
		case err == nil:
			err = remove(b)
		case errors.Is(err, builder.ErrBadRecord):
			var id string
			if id, err = e.Discard(name); err == nil {
				_, err = fmt.Fprintln(p.stdout, id)
			}
		}
		last = p.goOn(last, err)
	}
	return last
}
