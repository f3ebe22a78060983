package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// commitFlags are the flags of `commit`.
type commitFlags struct {
	options            builder.CommitOptions
	times              timeFlags
	push               pushFlags
	registry           registryFlags
	sbom               sbomFlags
	pull               pullFlags      // of the scanner's image
	settings           builder.Change // settings of `config` that may be given here too
	format, configFile string
	addFiles           []string
	iidFile            string
	metadataFile       string
	quiet              bool
	layers             layersFlags
}

func (p *program) commitCommand() *cli.Command {
	f := &commitFlags{format: p.env("BUILDAH_FORMAT")}
	f.push.options.Compression.Disable = true
	return &cli.Command{
		Name:      "commit",
		Usage:     "make an image of a working container",
		ArgsUsage: "CONTAINER [IMAGE]",
		Description: "Makes an image of the container and writes its ID. IMAGE is a name in the store, or a reference\n" +
			"with a transport. The container stays as it is unless --rm is given.",
		Category:  containerGroup,
		UsageText: "buildah commit web registry.example.com/team/web:1\nbuildah commit --rm --squash web oci-archive:web.tar\nbuildah commit --timestamp 0 --change 'CMD [\"/bin/app\"]' web app",
		Flags: asFlags(f.own(p), f.metadata(), f.times.options(), f.times.hidden(), f.push.layerOptions(),
			f.registry.options(), f.registry.signing(), f.sbom.options(), f.pull.options(), unsupported()),
		Before: takes(1, 2),
		Action: func(c *cli.Context) error {
			return p.withContainer(c, c.Args().First(), func(e *builder.Engine, b *builder.Builder) error {
				return p.commit(c, e, b, f)
			})
		},
	}
}

func (f *commitFlags) own(p *program) []*option {
	o := &f.options
	return []*option{
		arrayOption("add-file", "SOURCE[:DEST]", &f.addFiles, "add a file to the image"),
		settingOption("entrypoint", "COMMAND", &f.settings.Process.Entrypoint, "set the entrypoint of the image, as `config` does"),
		textOption("format,f", "FORMAT", &f.format, "format of the image: oci or docker").shows("oci"),
		manifestTypeOption(storedFormat(&f.format)),
		textOption("iidfile", "FILE", &f.iidFile, "write the ID of the image to FILE, not to standard output"),
		f.layers.option(p, "find the image in the cache, and let later steps come from there"),
		textOption("manifest", "LIST", &o.List, "add the image to this manifest list, which is made where it is missing"),
		textOption("metadata-file", "FILE", &f.metadataFile, "write digests of the image to FILE as JSON"),
		boolOption("omit-empty-layer", &o.OmitEmpty, "make no layer when no file was changed"),
		boolOption("quiet,q", &f.quiet, "show no progress"),
		boolOption("rm", &o.Remove, "remove the container after success"),
		boolOption("squash", &o.Squash, "make one layer of everything"),
	}
}

func (f *commitFlags) metadata() []*option {
	m := &f.options.Metadata
	return []*option{
		arrayOption("annotation", "KEY[=VALUE]", &m.Annotations, "set an annotation of the manifest"),
		arrayOption("change,c", "INSTRUCTION", &m.Changes, "apply a Dockerfile instruction to the configuration"),
		textOption("config", "FILE", &f.configFile, "merge the JSON of a Docker container configuration into that of the image"),
		newOption("created-annotation", "", "set the annotation that says when the image was made", choose(&m.CreatedAnnotation)).shows("true"),
		newOption("identity-label", "", "set the label io.buildah.version", choose(&m.Identity)).shows("true"),
		boolOption("omit-history", &m.OmitHistory, "leave the history of the image empty"),
		listOption("unsetannotation", "KEY", &m.UnsetAnnotations, "drop an annotation of the base"),
		listOption("unsetenv", "NAME", &m.UnsetEnv, "drop a variable"),
	}
}

// choose sets a choice from the value of a switch.
func choose(c *builder.Choice) func(string) error {
	return func(s string) error {
		yes, err := strconv.ParseBool(s)
		*c = imageconfig.No
		if yes {
			*c = imageconfig.Yes
		}
		return withoutPrefix(err)
	}
}

func (p *program) commit(c *cli.Context, e *builder.Engine, b *builder.Builder, f *commitFlags) error {
	o, err := f.settle(p, e)
	if err != nil {
		return err
	}
	if c.Args().Len() < 2 && !o.Push.Registry.Sign.IsZero() {
		return usageError{text: "a signature is for a name: say what the image is called, after the container"}
	}
	scan, err := f.scan(c, p, o)
	if err != nil {
		return err
	}
	if f.layers.settle(e); !o.Remove {
		if err := b.TakeUp(c.Context); err != nil {
			return err
		}
	}
	// These settings are for this image only: the container is not saved.
	if _, err := b.Configure(f.settings); err != nil {
		return err
	}
	p.report(e, f.quiet)
	done, err := commitScanned(c, b, o, scan)
	if err != nil {
		return err
	}
	if f.metadataFile != "" {
		if err := writeMetadata(f.metadataFile, done); err != nil {
			return err
		}
	}
	if f.iidFile != "" {
		return writeID(f.iidFile, "sha256:"+done.ID)
	}
	_, err = fmt.Fprintln(p.stdout, done.ID)
	return err
}

func (f *commitFlags) settle(p *program, e *builder.Engine) (o builder.CommitOptions, err error) {
	o = f.options
	if o.Format, err = parseFormat(f.format); err != nil {
		return o, err
	}
	if err := f.push.compresses(); err != nil {
		return o, err
	}
	if o.Times, err = f.times.settle(p); err != nil {
		return o, err
	}
	o.Push = f.push.settle(e.Config)
	if o.Push.Registry, err = f.registry.settle(p, e.Config); err != nil {
		return o, err
	}
	if f.configFile != "" {
		if o.Metadata.Config, err = os.ReadFile(f.configFile); err != nil {
			return o, fmt.Errorf("reading --config: %w", err)
		}
	}
	for _, text := range f.addFiles {
		file, err := builder.ParseAddFile(text)
		if err != nil {
			return o, usageError{cause: err}
		}
		o.AddFiles = append(o.AddFiles, file)
	}
	return o, nil
}

// writeID writes the ID of an image without a line break.
func writeID(path, id string) error {
	if err := os.WriteFile(path, []byte(id), 0o644); err != nil {
		return fmt.Errorf("writing the image ID: %w", err)
	}
	return nil
}

// writeMetadata writes what --metadata-file asks for.
func writeMetadata(path string, done builder.Committed) error {
	data := map[string]any{}
	if done.ID != "" {
		data["containerimage.config.digest"] = "sha256:" + done.ID
	}
	if len(done.Names) > 0 {
		data["image.name"] = strings.Join(done.Names, ",")
	}
	if m := done.Manifest; m.Digest != "" {
		data["containerimage.digest"] = m.Digest
		data["containerimage.descriptor"] = map[string]any{"mediaType": m.MediaType, "digest": m.Digest, "size": m.Size}
	}
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encoding the metadata: %w", err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("writing the metadata: %w", err)
	}
	return nil
}
