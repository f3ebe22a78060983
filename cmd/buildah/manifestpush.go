package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/transfer"
)

// manifestPushFlags are the flags of `manifest push`.
type manifestPushFlags struct {
	push       pushFlags
	registry   registryFlags
	list       listPushFlags
	digestFile string
	quiet      bool
}

// listPushFlags are about pushing lists.
type listPushFlags struct {
	all, rm        bool
	addCompression []string
}

// settle fills what was not given from containers.conf.
func (f *listPushFlags) settle(c *cli.Context, configured []string) transfer.ListPush {
	o := transfer.ListPush{AddCompression: f.addCompression, Preferred: configured}
	switch {
	case !given(c, "all"):
	case f.all:
		o.Members = transfer.MembersAll
	default:
		o.Members = transfer.MembersNone
	}
	return o
}

func (p *program) manifestPushCommand() *cli.Command {
	f := &manifestPushFlags{list: listPushFlags{all: true}}
	format := pushFormat(&f.push.options.Format, "oci", "v2s2")
	return &cli.Command{
		Name:      "push",
		Usage:     "write a list and its members to a registry or to another place",
		ArgsUsage: "LIST [DESTINATION]",
		Description: "The destination is a reference with a transport: docker://, oci:, oci-archive:, dir:. Without one it is\n" +
			"the name of the list at its registry. Members that are at a registry are read from there.",
		UsageText: "buildah manifest push web docker://registry.example.com/team/web:1\nbuildah manifest push --add-compression zstd web docker://registry.example.com/team/web:1\nbuildah manifest push --rm web oci:web",
		Flags: asFlags([]*option{
			arrayOption("add-compression", "FORMAT", &f.list.addCompression, "for each platform, also push a member with layers in gzip, zstd or zstd:chunked"),
			boolOption("all", &f.list.all, "push the members too"),
			textOption("digestfile", "FILE", &f.digestFile, "write the digest of the list to FILE"),
			newOption("format,f", "FORMAT", "format of the list and of its members: oci or v2s2", format).shows("as it is"),
			manifestTypeOption(format),
			boolOption("quiet,q", &f.quiet, "show no progress"),
			boolOption("remove-signatures", &f.registry.registry.RemoveSignatures, "do not copy the signatures of the members"),
			boolOption("rm", &f.list.rm, "remove the list from the store when it was pushed"),
		}, f.registry.signing(), f.push.layerOptions(), f.registry.options()),
		Before: takes(1, 2),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error { return p.manifestPush(c, e, f) })
		},
	}
}

func (p *program) manifestPush(c *cli.Context, e *builder.Engine, f *manifestPushFlags) (err error) {
	o := f.push.settle(e.Config)
	o.List = f.list.settle(c, e.Config.AddCompression)
	if o.Registry, err = f.registry.settle(p, e.Config); err != nil {
		return err
	}
	list, dest := c.Args().First(), c.Args().Get(1)
	if dest == "" {
		dest = "docker://" + list
	}
	if !transfer.HasTransport(dest) {
		return usageError{
			text: fmt.Sprintf("destination %q has no transport", dest),
			hint: "write docker://" + dest + ", or another transport that holds lists: oci:, oci-archive:, dir:",
		}
	}
	p.report(e, f.quiet)
	pushed, err := e.PushList(c.Context, list, dest, o)
	if err != nil {
		return err
	}
	if f.digestFile != "" {
		if err := writeDigest(f.digestFile, pushed.ManifestDigest); err != nil {
			return err
		}
	}
	if !f.list.rm {
		return nil
	}
	return e.DropList(list, pushed)
}
