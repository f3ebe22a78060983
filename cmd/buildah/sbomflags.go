package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/sbom"
)

// sbomFlags say how it is listed what an image is made of.
type sbomFlags struct {
	preset  string
	scanner sbom.Scanner
	asked   bool
}

func (f *sbomFlags) options() []*option {
	s, out := &f.scanner, &f.scanner.Outputs
	all := []*option{
		textOption("sbom", "PRESET", &f.preset, "list what the image is made of, with syft, syft-cyclonedx, syft-spdx, trivy, trivy-cyclonedx or trivy-spdx"),
		textOption("sbom-image-output", "PATH", &out.ImageFile, "put the list into the image"),
		textOption("sbom-image-purl-output", "PATH", &out.ImagePURLFile, "put a list of package URLs into the image"),
		textOption("sbom-merge-strategy", "STRATEGY", &s.Strategy, "how several results of the scanner become one"),
		textOption("sbom-output", "FILE", &out.File, "write the list to FILE"),
		textOption("sbom-purl-output", "FILE", &out.PURLFile, "write a list of package URLs to FILE"),
		arrayOption("sbom-scanner-command", "COMMAND", &s.Commands, "call the scanner so; {ROOTFS}, {CONTEXT} and {OUTPUT} are replaced"),
		textOption("sbom-scanner-image", "IMAGE", &s.Image, "run the scanner in this image"),
	}
	for _, o := range all {
		noting(o, &f.asked)
	}
	return all
}

// settle gives the scanner, the zero value when none was asked for.
func (f *sbomFlags) settle() (sbom.Scanner, error) {
	if !f.asked || f.preset == "false" { // as scripts for docker say it
		return sbom.Scanner{}, nil
	}
	scanner, err := f.scanner.Complete(f.preset)
	if err != nil {
		return scanner, usageError{cause: err}
	}
	return scanner, nil
}

// writesFiles tells that there are lists for this host.
func (f *sbomFlags) writesFiles() bool {
	return f.scanner.Outputs.File+f.scanner.Outputs.PURLFile != ""
}

// scan are the options of the scan before a commit.
func (f *commitFlags) scan(c *cli.Context, p *program, commit builder.CommitOptions) (o builder.ScanOptions, err error) {
	if o.Scanner, err = f.sbom.settle(); err != nil {
		return o, err
	}
	if o.Base.Pull, err = f.pull.settle(given(c, "pull")); err != nil {
		return o, err
	}
	o.Base.Registry, o.Times = commit.Push.Registry, commit.Times
	o.Run.Stdio = builder.Stdio{Out: p.stderr, Err: p.stderr} // standard output is for the ID
	return o, nil
}

// commitScanned commits, after a look at what is committed.
func commitScanned(c *cli.Context, b *builder.Builder, o builder.CommitOptions, scan builder.ScanOptions) (done builder.Committed, err error) {
	if scan.Scanner.IsZero() {
		return b.Commit(c.Context, c.Args().Get(1), o)
	}
	files, finish, err := b.Scan(c.Context, scan)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, finish()) }()
	o.AddFiles = append(o.AddFiles, files...)
	return b.Commit(c.Context, c.Args().Get(1), o)
}
