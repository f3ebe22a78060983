package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) rmiCommand() *cli.Command {
	var o builder.RemoveOptions
	intermediate := false
	return &cli.Command{
		Name:      "rmi",
		Usage:     "remove images",
		ArgsUsage: "IMAGE ...",
		Description: "Removes names, and the images that have no name left. An image that a container uses, or that\n" +
			"several names point to and that is given by its ID, is only removed with --force.",
		Category:  imageGroup,
		UsageText: "buildah rmi localhost/web:latest\nbuildah rmi --prune\nbuildah rmi --all --force",
		Flags: asFlags([]*option{
			boolOption("all,a", &o.All, "remove all images"),
			boolOption("force,f", &o.Force, "also remove all names, and the containers that use the images"),
			boolOption("intermediate", &intermediate, "remove the images that have no name, also where others stand on them"),
			boolOption("prune,p", &o.Prune, "remove the images that have no name, that no other stands on and that the build cache does not keep"),
		}),
		Before: func(c *cli.Context) error {
			if intermediate && (o.All || o.Force || o.Prune) {
				return usageError{text: "--intermediate takes the IDs of images, and none of --all, --force and --prune"}
			}
			return checkRemoval(c, o)
		},
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				if intermediate {
					gone, err := e.RemoveIntermediate(c.Context, c.Args().Slice())
					return errors.Join(p.showRemoved(builder.Removed{Deleted: gone}), err)
				}
				removed, err := e.RemoveImages(c.Context, c.Args().Slice(), o)
				return errors.Join(p.showRemoved(removed), p.noteCached(removed.Cached, o.All), err)
			})
		},
	}
}

// checkRemoval finds flags that contradict each other, or the arguments.
func checkRemoval(c *cli.Context, o builder.RemoveOptions) error {
	switch named := c.NArg() > 0; {
	case o.All && named:
		return usageError{text: "when using the --all switch, you may not pass any images names or IDs"}
	case o.All && o.Prune:
		return usageError{text: "when using the --all switch, you may not use --prune switch"}
	case o.Prune && named:
		return usageError{text: "when using the --prune switch, you may not pass any images names or IDs"}
	case !o.All && !o.Prune && !named:
		return usageError{text: "rmi needs the name of an image, --all or --prune", hint: "`buildah images` lists the images"}
	}
	return nil
}

// showRemoved writes first the names and then the IDs that went away.
func (p *program) showRemoved(r builder.Removed) error {
	for _, name := range r.Untagged {
		if _, err := fmt.Fprintln(p.stdout, "untagged: "+name); err != nil {
			return err
		}
	}
	for _, id := range r.Deleted {
		if _, err := fmt.Fprintln(p.stdout, id); err != nil {
			return err
		}
	}
	return nil
}
