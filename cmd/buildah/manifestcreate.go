package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) manifestCreateCommand() *cli.Command {
	var (
		o        builder.CreateListOptions
		registry registryFlags
	)
	return &cli.Command{
		Name:      "create",
		Usage:     "make a list of images",
		ArgsUsage: "LIST [IMAGE ...]",
		Description: "Writes the ID of the list. An image is one of the store, else what a registry has, or a reference\n" +
			"with a transport. Of an image that is a list itself, the member for this machine is taken.",
		UsageText: "buildah manifest create web\nbuildah manifest create web web-amd64 docker://registry.example.com/team/web:arm64\nbuildah manifest create --amend web web-s390x",
		Flags: asFlags([]*option{
			boolOption("all", &o.Member.All, "of images that are lists themselves, take all members"),
			boolOption("amend", &o.Amend, "extend the list if there is one of that name; an image of that name becomes the first member"),
			pairsOption("annotation", &o.Annotations, "set an annotation of the list"),
			textOption("arch", "ARCH", &o.Member.Platform.Arch, "of lists, take the member for this architecture").hide(),
			textOption("os", "OS", &o.Member.Platform.OS, "of lists, take the member for this operating system").hide(),
			boolOption("replace", &o.Replace, "make a new list if there is something of that name"),
		}, registry.options()),
		Before: func(c *cli.Context) error {
			if o.Amend && o.Replace {
				return usageError{text: "only one of --amend and --replace may be given"}
			}
			return takes(1, anyNumber)(c)
		},
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) (err error) {
				if o.Member.Registry, err = registry.settleAny(p, e.Config); err != nil {
					return err
				}
				p.report(e, false)
				id, err := e.CreateList(c.Context, c.Args().First(), c.Args().Tail(), o)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(p.stdout, id)
				return err
			})
		},
	}
}
