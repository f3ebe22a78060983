package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/containersconf"
)

func (p *program) manifestCommand() *cli.Command {
	return &cli.Command{
		Name:  "manifest",
		Usage: "make, change and push lists of images",
		Description: "A list is one name for images that belong together, such as one for each platform: an OCI image\n" +
			"index or a Docker manifest list. It can have files as members too, as artifacts.",
		Category: imageGroup,
		UsageText: "buildah manifest create web\nbuildah manifest add web docker://registry.example.com/team/web:arm64\n" +
			"buildah manifest inspect web\nbuildah manifest push web docker://registry.example.com/team/web:1",
		Subcommands: []*cli.Command{
			p.manifestAddCommand(),
			p.manifestAnnotateCommand(),
			p.manifestCreateCommand(),
			p.manifestExistsCommand(),
			p.manifestInspectCommand(),
			p.manifestPushCommand(),
			p.manifestRemoveCommand(),
			p.manifestRmCommand(),
		},
	}
}

// pairsOption takes pairs KEY=VALUE, several in one value when commas separate them.
func pairsOption(names string, p *map[string]string, usage string) *option {
	return newOption(names, "KEY=VALUE", usage, func(s string) error {
		words, err := splitList(s)
		if err != nil {
			return err
		}
		for _, word := range words {
			key, value, ok := strings.Cut(word, "=")
			if !ok || key == "" {
				return fmt.Errorf("no value is set for key %q: write KEY=VALUE", word)
			}
			if *p == nil {
				*p = map[string]string{}
			}
			(*p)[key] = value
		}
		return nil
	})
}

// memberFlags say something else of a member than its image does.
type memberFlags struct {
	builder.ListOverride
}

func (f *memberFlags) options() []*option {
	p := &f.Platform
	return []*option{
		pairsOption("annotation", &f.Annotations, "set an annotation of the member"),
		textOption("arch", "ARCH", &p.Architecture, "say this architecture"),
		listOption("features", "FEATURE", &f.Features, "say these features of the processor"),
		textOption("os", "OS", &p.OS, "say this operating system"),
		listOption("os-features", "FEATURE", &p.OSFeatures, "say these features of the operating system"),
		textOption("os-version", "VERSION", &p.OSVersion, "say this version of the operating system"),
		textOption("variant", "VARIANT", &p.Variant, "say this variant of the architecture"),
	}
}

// wanted is the member of a list that the flags speak of.
func (f *memberFlags) wanted() builder.Platform {
	return builder.Platform{OS: f.Platform.OS, Arch: f.Platform.Architecture, Variant: f.Platform.Variant}
}

// settleAny is settle for commands that need no registry most of the time: a file of
// credentials that only the environment names may be missing.
func (r *registryFlags) settleAny(p *program, conf containersconf.Config) (builder.Registry, error) {
	reg, err := r.settle(p, conf)
	if err == nil || r.registry.AuthFile != "" || !errors.Is(err, fs.ErrNotExist) {
		return reg, err
	}
	bare := *p
	bare.env = func(string) string { return "" }
	return r.settle(&bare, conf)
}

// showMember writes the ID of a list and the digest of a member.
func (p *program) showMember(list string, d digest.Digest) error {
	_, err := fmt.Fprintf(p.stdout, "%s: %s\n", list, d)
	return err
}

// subject describes what a list or an artifact is about; nil when it is not said.
func subject(c *cli.Context, e *builder.Engine, name string, r builder.Registry) (*imgspec.Descriptor, error) {
	if name == "" {
		return nil, nil
	}
	d, err := e.Describe(c.Context, name, r)
	if err != nil {
		return nil, fmt.Errorf("reading the subject: %w", err)
	}
	return d, nil
}

// givenOf lists those flags of some that were on the command line.
func givenOf(c *cli.Context, names map[string]bool) []string {
	var list []string
	for _, f := range c.Command.Flags {
		if o, ok := f.(*option); ok && o.changed && names[o.name] {
			list = append(list, "--"+o.name)
		}
	}
	return list
}

// namesOf are the names of options.
func namesOf(options []*option) map[string]bool {
	names := map[string]bool{}
	for _, o := range options {
		names[o.name] = true
	}
	return names
}

// without is a set of names without some.
func without(names map[string]bool, some ...string) map[string]bool {
	rest := maps.Clone(names)
	for _, name := range some {
		delete(rest, name)
	}
	return rest
}
