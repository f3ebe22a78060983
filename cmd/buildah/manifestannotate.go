package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

// manifestAnnotateFlags are the flags of `manifest annotate`.
type manifestAnnotateFlags struct {
	override memberFlags
	index    bool
	subject  string
}

func (p *program) manifestAnnotateCommand() *cli.Command {
	f := &manifestAnnotateFlags{}
	return &cli.Command{
		Name:      "annotate",
		Usage:     "say something else of a member of a list, or of the list",
		ArgsUsage: "LIST [INSTANCE]",
		Description: "INSTANCE is the digest of a member, the name of an image, or of a file that an artifact was made of.\n" +
			"Writes the ID of the list and the digest of the member.",
		UsageText: "buildah manifest annotate --variant v8 web web-arm64\nbuildah manifest annotate --index --annotation org.opencontainers.image.version=1.2 web",
		Flags: asFlags(f.override.options(), []*option{
			boolOption("index", &f.index, "annotate the list itself"),
			textOption("subject", "IMAGE", &f.subject, "the image that the list is about; implies --index"),
		}),
		Before: f.check,
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error { return p.manifestAnnotate(c, e, f) })
		},
	}
}

// check finds out whether the list or a member is meant.
func (f *manifestAnnotateFlags) check(c *cli.Context) error {
	f.index = f.index || f.subject != ""
	if err := takes(1, 2)(c); err != nil {
		return err
	}
	of := givenOf(c, without(namesOf(f.override.options()), "annotation"))
	switch {
	case f.index && c.NArg() == 2:
		return usageError{text: fmt.Sprintf("--index and --subject are about the list, not about its member %q", c.Args().Get(1))}
	case !f.index && c.NArg() == 1:
		return usageError{text: "annotate needs a member of the list, or --index", hint: "`buildah manifest inspect " + c.Args().First() + "` shows the members"}
	case f.index && len(of) > 0:
		return usageError{text: fmt.Sprintf("--index and --subject are about the list, %s is about a member", of[0])}
	}
	return nil
}

func (p *program) manifestAnnotate(c *cli.Context, e *builder.Engine, f *manifestAnnotateFlags) error {
	var registry registryFlags
	reg, err := registry.settleAny(p, e.Config)
	if err != nil {
		return err
	}
	list := c.Args().First()
	if !f.index {
		id, d, err := e.AnnotateMember(c.Context, list, c.Args().Get(1), builder.MemberOptions{Registry: reg}, f.override.ListOverride)
		if err != nil {
			return err
		}
		return p.showMember(id, d)
	}
	about, err := subject(c, e, f.subject, reg)
	if err != nil {
		return err
	}
	id, err := e.AnnotateList(list, f.override.Annotations, about)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, id)
	return err
}
