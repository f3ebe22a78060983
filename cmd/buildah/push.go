package main

import (
	"fmt"
	"os"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

// pushCommandFlags are the flags of `push`.
type pushCommandFlags struct {
	push       pushFlags
	registry   registryFlags
	digestFile string
	quiet      bool
	list       listPushFlags
}

func (p *program) pushCommand() *cli.Command {
	f := &pushCommandFlags{list: listPushFlags{all: true}}
	format := pushFormat(&f.push.options.Format, "oci", "v2s2", "v2s1")
	return &cli.Command{
		Name:      "push",
		Usage:     "write an image or a list of images to a registry or to another place",
		ArgsUsage: "IMAGE [DESTINATION]",
		Description: "The destination is a name at a registry, or a reference with a transport: docker://, oci:,\n" +
			"oci-archive:, docker-archive:, dir:, containers-storage:. Without one it is the name of the image.",
		Category:  registryGroup,
		UsageText: "buildah push web docker://registry.example.com/team/web:1\nbuildah push web oci-archive:web.tar\nbuildah push --tls-verify=false web localhost:5000/web",
		Flags: asFlags([]*option{
			boolOption("all", &f.list.all, "of a list, push all members; with =false, the list alone").shows("as the destination can hold them"),
			textOption("digestfile", "FILE", &f.digestFile, "write the digest of the manifest to FILE"),
			newOption("format,f", "FORMAT", "format of the manifest: oci, v2s2 or v2s1", format).shows("as it is"),
			manifestTypeOption(format),
			boolOption("quiet,q", &f.quiet, "show no progress"),
			boolOption("remove-signatures", &f.registry.registry.RemoveSignatures, "do not copy the signatures of the image"),
			boolOption("rm", &f.list.rm, "if it is a list, remove it from the store when it was pushed"),
		}, f.registry.signing(), f.push.layerOptions(), f.registry.options()),
		Before: takes(1, 2),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error { return p.push(c, e, f) })
		},
	}
}

func (p *program) push(c *cli.Context, e *builder.Engine, f *pushCommandFlags) (err error) {
	o := f.push.settle(e.Config)
	if o.Registry, err = f.registry.settle(p, e.Config); err != nil {
		return err
	}
	o.List = f.list.settle(c, e.Config.AddCompression)
	p.report(e, f.quiet)
	pushed, isList, err := e.Push(c.Context, c.Args().First(), c.Args().Get(1), o)
	if err != nil {
		return err
	}
	if f.digestFile != "" {
		if err := writeDigest(f.digestFile, pushed.ManifestDigest); err != nil {
			return err
		}
	}
	if !isList || !f.list.rm {
		return nil
	}
	return e.DropList(c.Args().First(), pushed)
}

// writeDigest writes what --digestfile asks for, without a line break.
func writeDigest(path string, d digest.Digest) error {
	if err := os.WriteFile(path, []byte(d), 0o644); err != nil {
		return fmt.Errorf("writing the digest: %w", err)
	}
	return nil
}
