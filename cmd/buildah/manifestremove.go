package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) manifestRemoveCommand() *cli.Command {
	return &cli.Command{
		Name:      "remove",
		Usage:     "take a member out of a list",
		ArgsUsage: "LIST INSTANCE",
		Description: "INSTANCE is the digest of a member, the name of an image, or of a file that an artifact was made of.\n" +
			"The image stays where it is; what a list keeps of an artifact goes away.",
		UsageText: "buildah manifest remove web sha256:ab50…\nbuildah manifest remove web web-arm64",
		Before:    takes(2, 2),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				var registry registryFlags
				reg, err := registry.settleAny(p, e.Config)
				if err != nil {
					return err
				}
				id, d, err := e.RemoveMember(c.Context, c.Args().Get(0), c.Args().Get(1), builder.MemberOptions{Registry: reg})
				if err != nil {
					return err
				}
				return p.showMember(id, d)
			})
		},
	}
}

func (p *program) manifestRmCommand() *cli.Command {
	return &cli.Command{
		Name:        "rm",
		Usage:       "remove lists",
		ArgsUsage:   "LIST ...",
		Description: "Removes the names, and the lists that have no name left. Their members stay.",
		UsageText:   "buildah manifest rm web",
		Before:      takes(1, anyNumber),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				removed, err := e.RemoveLists(c.Context, c.Args().Slice())
				return errors.Join(p.showRemoved(removed), err)
			})
		},
	}
}

func (p *program) manifestExistsCommand() *cli.Command {
	return &cli.Command{
		Name:        "exists",
		Usage:       "tell whether a list is in the store",
		ArgsUsage:   "LIST",
		Description: "Writes nothing. The status is 0 if the list is there, 1 if not, and 125 if the name is that of an image.",
		UsageText:   "buildah manifest exists web || buildah manifest create web",
		Before:      takes(1, 1),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				there, err := e.ListExists(c.Args().First())
				if err == nil && !there {
					err = statusError{status: statusAbsent, cause: errSilent}
				}
				return err
			})
		},
	}
}

func (p *program) manifestInspectCommand() *cli.Command {
	var registry registryFlags
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show a list",
		ArgsUsage: "LIST",
		Description: "Writes JSON. A list that is not in the store is read from a registry, or from another place with a\n" +
			"transport, and shown as it is served there.",
		UsageText: "buildah manifest inspect web\nbuildah manifest inspect docker://registry.example.com/team/web:1",
		Flags:     asFlags(registry.options()),
		Before:    takes(1, 1),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				reg, err := registry.settleAny(p, e.Config)
				if err != nil {
					return err
				}
				data, err := e.InspectAnyList(c.Context, c.Args().First(), reg)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(p.stdout, string(data))
				return err
			})
		},
	}
}
