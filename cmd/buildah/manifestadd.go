package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

// manifestAddFlags are the flags of `manifest add`.
type manifestAddFlags struct {
	all      bool
	override memberFlags
	artifact artifactFlags
	registry registryFlags
}

// artifactFlags make files a member of a list.
type artifactFlags struct {
	on         bool
	artifact   builder.ListArtifact
	configFile string
	subject    string
}

// artifactLimit is the most that a file of configuration may have, in bytes.
const artifactLimit = 4 << 20

func (f *artifactFlags) options() []*option {
	a := &f.artifact
	return []*option{
		boolOption("artifact", &f.on, "the words are files, which become an artifact"),
		pairsOption("artifact-annotation", &a.Annotations, "set an annotation in the manifest of the artifact"),
		textOption("artifact-config", "FILE", &f.configFile, "use FILE as the configuration of the artifact"),
		textOption("artifact-config-type", "TYPE", &a.ConfigType, "media type of the configuration").shows("application/vnd.oci.empty.v1+json"),
		boolOption("artifact-exclude-titles", &a.NoTitles, "do not say the names of the files"),
		textOption("artifact-layer-type", "TYPE", &a.LayerType, "media type of the files").shows("as the name or the content says"),
		textOption("artifact-subject", "IMAGE", &f.subject, "the image that the artifact is about"),
		textOption("artifact-type", "TYPE", &a.Type, "what the artifact is").shows("application/vnd.unknown.artifact.v1"),
	}
}

// check finds flags of one kind of member beside those of the other.
func (f *manifestAddFlags) check(c *cli.Context) error {
	if f.artifact.on {
		if f.all {
			return usageError{text: "--all is about the members of lists, not about files"}
		}
		return takes(2, anyNumber)(c)
	}
	if of := givenOf(c, without(namesOf(f.artifact.options()), "artifact")); len(of) > 0 {
		return usageError{text: fmt.Sprintf("%s can only be used with --artifact", strings.Join(of, " and "))}
	}
	return takes(2, 2)(c)
}

func (p *program) manifestAddCommand() *cli.Command {
	f := &manifestAddFlags{}
	return &cli.Command{
		Name:      "add",
		Usage:     "add an image or files to a list",
		ArgsUsage: "LIST IMAGE|FILE ...",
		Description: "Writes the ID of the list and the digest of the member. An image is one of the store, else what a\n" +
			"registry has, or a reference with a transport; its layers stay where they are until the list is\n" +
			"pushed. Files are copied into the store.",
		UsageText: "buildah manifest add web web-amd64\nbuildah manifest add --all web docker://registry.example.com/team/web:1\nbuildah manifest add --artifact --artifact-type application/spdx+json web sbom.json",
		Flags: asFlags([]*option{
			boolOption("all", &f.all, "if the image is a list itself, add all its members"),
		}, f.override.options(), f.artifact.options(), f.registry.options()),
		Before: f.check,
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error { return p.manifestAdd(c, e, f) })
		},
	}
}

func (p *program) manifestAdd(c *cli.Context, e *builder.Engine, f *manifestAddFlags) error {
	reg, err := f.registry.settle(p, e.Config)
	if err != nil {
		return err
	}
	p.report(e, false)
	list, words := c.Args().First(), c.Args().Tail()
	if f.artifact.on {
		return p.manifestAddFiles(c, e, f, reg)
	}
	m := builder.MemberOptions{Registry: reg, All: f.all, Platform: f.override.wanted()}
	id, d, err := e.AddMember(c.Context, list, words[0], m, f.override.ListOverride)
	if err != nil {
		return err
	}
	return p.showMember(id, d)
}

func (p *program) manifestAddFiles(c *cli.Context, e *builder.Engine, f *manifestAddFlags, reg builder.Registry) (err error) {
	a := f.artifact.artifact
	a.Files = c.Args().Tail()
	if a.Subject, err = subject(c, e, f.artifact.subject, reg); err != nil {
		return err
	}
	if name := f.artifact.configFile; name != "" {
		if a.Config, err = os.ReadFile(name); err != nil {
			return fmt.Errorf("reading the configuration of the artifact: %w", err)
		}
		if len(a.Config) > artifactLimit {
			return fmt.Errorf("reading the configuration of the artifact: %q has %d bytes, %d are the most", name, len(a.Config), artifactLimit)
		}
	}
	id, d, err := e.AddArtifact(c.Args().First(), a, f.override.ListOverride)
	if err != nil {
		return err
	}
	return p.showMember(id, d)
}
