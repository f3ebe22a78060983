package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/transfer"
)

func (p *program) pullCommand() *cli.Command {
	var (
		o        transfer.PullOptions
		registry registryFlags
		platform platformFlags
		quiet    bool
	)
	return &cli.Command{
		Name:        "pull",
		Usage:       "fetch an image",
		ArgsUsage:   "IMAGE",
		Description: "Fetches an image from a registry, or from another place with a transport, and writes its ID.",
		Category:    registryGroup,
		UsageText:   "buildah pull debian:12\nbuildah pull --platform linux/arm64 docker://registry.example.com/base\nbuildah pull oci-archive:base.tar",
		Flags: asFlags([]*option{
			boolOption("all-tags,a", &o.AllTags, "fetch every tag of the repository"),
			newOption("policy", "POLICY", "ask the registry: missing, always, never or ifnewer", func(s string) (err error) {
				o.Policy, err = transfer.ParsePullPolicy(s)
				return err
			}).shows("missing"),
			boolOption("quiet,q", &quiet, "show no progress"),
		}, platform.options(), registry.options(), registry.reading()),
		Before: takes(1, 1),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) (err error) {
				if o.Platform, err = p.pullPlatform(&platform); err != nil {
					return err
				}
				if o.Registry, err = registry.settle(p, e.Config); err != nil {
					return err
				}
				p.report(e, quiet)
				pulled, err := e.Pull(c.Context, c.Args().First(), o)
				if err != nil {
					return err
				}
				for _, w := range pulled.Warnings {
					e.Warn("%s", w)
				}
				_, err = fmt.Fprintln(p.stdout, pulled.ID)
				return err
			})
		},
	}
}

// pullPlatform is the platform in the words of transfer.
func (p *program) pullPlatform(f *platformFlags) (transfer.Platform, error) {
	chosen, err := f.settle()
	return transfer.Platform{OS: chosen.OS, Arch: chosen.Arch, Variant: chosen.Variant}, err
}
