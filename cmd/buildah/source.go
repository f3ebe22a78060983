package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/sourceimage"
	"github.com/projectatomic/buildah/internal/transfer"
)

// sourceCommand is the group of commands about source images.
func (p *program) sourceCommand() *cli.Command {
	return &cli.Command{
		Name:        "source",
		Usage:       "keep the sources of an image as an image",
		Category:    imageGroup,
		Description: "A source image holds what an ordinary image was made from: archives, source packages, texts.\nIt lives in a directory in the OCI layout, and travels by way of registries.",
		UsageText:   "buildah source create app-source\nbuildah source add app-source app-1.2.tar.gz\nbuildah source push app-source registry.example.com/team/app:1.2-source",
		Subcommands: []*cli.Command{p.sourceAddCommand(), p.sourceCreateCommand(), p.sourcePullCommand(), p.sourcePushCommand()},
	}
}

func (p *program) sourceCreateCommand() *cli.Command {
	var author string
	stamp := true
	return &cli.Command{
		Name:        "create",
		Usage:       "make an empty source image",
		ArgsUsage:   "PATH",
		Description: "Makes a directory in the OCI layout with a source image that has nothing in it yet. The directory must\nnot exist. With PATH:REF the image has the name REF in the layout.",
		UsageText:   "buildah source create --author 'Jo <jo@example.com>' app-source",
		Flags: asFlags([]*option{
			textOption("author", "TEXT", &author, "who made it"),
			boolOption("time-stamp", &stamp, "say when it was made"),
		}),
		Before: takes(1, 1),
		Action: func(c *cli.Context) error {
			o := sourceimage.CreateOptions{Author: author}
			if stamp {
				now := time.Now().UTC()
				o.Created = &now
			}
			return sourceimage.Create(c.Args().First(), o)
		},
	}
}

func (p *program) sourceAddCommand() *cli.Command {
	var annotations []string
	return &cli.Command{
		Name:        "add",
		Usage:       "put a file or a directory into a source image",
		ArgsUsage:   "PATH ARTIFACT",
		Description: "Packs ARTIFACT, a file or what is in a directory, as a compressed tar, which becomes a layer of the\nsource image.",
		UsageText:   "buildah source add app-source app-1.2.tar.gz\nbuildah source add --annotation licence=MIT app-source ./src",
		Flags: asFlags([]*option{
			arrayOption("annotation", "KEY=VALUE", &annotations, "set an annotation of the layer"),
		}),
		Before: takes(2, 2),
		Action: func(c *cli.Context) error {
			all, err := sourceimage.ParseAnnotations(annotations)
			if err != nil {
				return usageError{cause: err}
			}
			return sourceimage.Add(c.Context, c.Args().First(), c.Args().Get(1), all)
		},
	}
}

func (p *program) sourcePullCommand() *cli.Command {
	f := &sourceCopyFlags{}
	return &cli.Command{
		Name:        "pull",
		Usage:       "fetch a source image into a directory",
		ArgsUsage:   "IMAGE PATH",
		Description: "Fetches a source image from a registry into a directory in the OCI layout, which must not exist.\nIMAGE is a full name. Other images are refused before anything of them is fetched.",
		UsageText:   "buildah source pull registry.example.com/team/app:1.2-source app-source",
		Flags:       asFlags(f.options()),
		Before:      takes(2, 2),
		Action: func(c *cli.Context) error {
			return p.withSources(c, f, func(ctx context.Context, images *transfer.Client, r builder.Registry) error {
				dir, ref := sourceimage.Split(c.Args().Get(1))
				return sourceimage.Make(dir, func(temp string) error {
					return images.FetchLayout(ctx, c.Args().First(), transfer.Layout{Dir: temp, Ref: ref}, r, func(manifest []byte) error {
						_, err := sourceimage.ParseManifest(manifest)
						return err
					})
				})
			})
		},
	}
}

func (p *program) sourcePushCommand() *cli.Command {
	f := &sourceCopyFlags{}
	var digestFile string
	return &cli.Command{
		Name:        "push",
		Usage:       "send a source image to a registry",
		ArgsUsage:   "PATH IMAGE",
		Description: "Sends the source image in a directory to a registry. IMAGE is a full name.",
		UsageText:   "buildah source push app-source registry.example.com/team/app:1.2-source",
		Flags:       asFlags(f.options(), []*option{textOption("digestfile", "FILE", &digestFile, "write the digest of the manifest to FILE")}),
		Before:      takes(2, 2),
		Action: func(c *cli.Context) error {
			return p.withSources(c, f, func(ctx context.Context, images *transfer.Client, r builder.Registry) error {
				dir, ref, err := sourceimage.Check(c.Args().First())
				if err != nil {
					return err
				}
				pushed, err := images.SendLayout(ctx, transfer.Layout{Dir: dir, Ref: ref}, c.Args().Get(1), r)
				if err != nil || digestFile == "" {
					return err
				}
				return writeDigest(digestFile, pushed.ManifestDigest)
			})
		},
	}
}

// sourceCopyFlags are the flags of `source pull` and `source push`.
type sourceCopyFlags struct {
	registry registryFlags
	quiet    bool
}

func (f *sourceCopyFlags) options() []*option {
	wanted := map[string]bool{"authfile": true, "cert-dir": true, "creds": true, "tls-verify": true}
	var list []*option
	for _, o := range f.registry.options() {
		if wanted[o.name] {
			list = append(list, o)
		}
	}
	return append(list, boolOption("quiet,q", &f.quiet, "show no progress"))
}

// withSources runs what copies source images. Unlike elsewhere, certificates are
// insisted on where no flag says otherwise.
func (p *program) withSources(c *cli.Context, f *sourceCopyFlags, work func(context.Context, *transfer.Client, builder.Registry) error) error {
	return p.withEngine(c, func(e *builder.Engine) error {
		r, err := f.registry.settle(p, e.Config)
		if err != nil {
			return err
		}
		if !f.registry.asked.verify {
			r.TLSVerify = transfer.On
		}
		p.report(e, f.quiet)
		return work(c.Context, e.Images, r)
	})
}
