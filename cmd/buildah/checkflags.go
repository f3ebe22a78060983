package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/imagebuildah"
)

// checkFlags ask for an examination of the Dockerfile in place of a build.
type checkFlags struct{ format string }

func (f *checkFlags) options() []*option {
	return []*option{
		newOption("check", "FORMAT", "only examine the Dockerfile; write what is found as text or json", func(s string) error {
			if f.format = s; s != "text" && s != "json" {
				return errors.New("the formats are text and json")
			}
			return nil
		}).alone("text"),
	}
}

// statusFindings is the exit status when rules find something.
const statusFindings = 1

// examine reads and checks the Dockerfile as a build does, and builds nothing: no
// store is opened, no registry is asked.
func (p *program) examine(c *cli.Context, f *buildFlags) error {
	o := imagebuildah.Options{Layers: f.caching.layers, Overrides: f.settleOverrides(), AllowInsecure: f.allow.insecure}
	var err error
	if o.Source, err = f.settleSource(p, cmp.Or(p.env("TMPDIR"), "/var/tmp"), logrus.Warnf); err != nil {
		return err
	}
	o.Source.Context = c.Args().First()
	if o.Stages, err = f.stages.settle(); err != nil {
		return err
	}
	if o.Args, err = f.args.settle(); err != nil {
		return err
	}
	if o.Base.Platform, err = f.platform.settle(); err != nil {
		return err
	}
	findings, err := imagebuildah.Check(c.Context, o)
	write := writeFindings
	if f.lint.format == "json" {
		write = writeFindingsJSON
	}
	if werr := write(p.stdout, findings, err); werr != nil {
		return errors.Join(err, werr)
	}
	if err == nil && len(findings) > 0 {
		return statusError{status: statusFindings, cause: errSilent}
	}
	return err
}

// writeFindings writes them for people.
func writeFindings(w io.Writer, findings []imagebuildah.Finding, err error) error {
	if len(findings) == 0 && err == nil {
		_, err := fmt.Fprintln(w, "Check complete, no warnings found.")
		return err
	}
	for _, f := range findings {
		if _, err := fmt.Fprintf(w, "%s\n%s\n%s\n\n", f, f.Excerpt(), f.URL); err != nil {
			return fmt.Errorf("writing what was found: %w", err)
		}
	}
	return nil
}

// What follows is what other frontends write for lint requests, so that editors
// and continuous integration can read both. Lines count from 1, characters from 0.
type (
	lintResult struct {
		Warnings []lintWarning `json:"warnings"`
		Sources  []lintSource  `json:"sources"`
		Error    *lintError    `json:"buildError,omitempty"`
	}
	lintWarning struct {
		Rule        string       `json:"ruleName"`
		Description string       `json:"description"`
		URL         string       `json:"url"`
		Detail      string       `json:"detail"`
		Location    lintLocation `json:"location"`
	}
	lintSource struct {
		Name string `json:"filename"`
	}
	lintError struct {
		Message  string        `json:"message"`
		Location *lintLocation `json:"location,omitempty"`
	}
	lintLocation struct {
		Source int         `json:"sourceIndex"`
		Ranges []lintRange `json:"ranges"`
	}
	lintRange struct {
		Start lintPosition `json:"start"`
		End   lintPosition `json:"end"`
	}
	lintPosition struct {
		Line      int `json:"line"`
		Character int `json:"character"`
	}
)

// at gives a place, and lists its file.
func (r *lintResult) at(file string, line, column, width int) lintLocation {
	index := 0
	for index < len(r.Sources) && r.Sources[index].Name != file {
		index++
	}
	if index == len(r.Sources) {
		r.Sources = append(r.Sources, lintSource{file})
	}
	return lintLocation{Source: index, Ranges: []lintRange{{lintPosition{line, column - 1}, lintPosition{line, column - 1 + width}}}}
}

// writeFindingsJSON writes them for programs, also the error that a build would end with.
func writeFindingsJSON(w io.Writer, findings []imagebuildah.Finding, err error) error {
	r := lintResult{Warnings: []lintWarning{}, Sources: []lintSource{}}
	for _, f := range findings {
		r.Warnings = append(r.Warnings, lintWarning{
			Rule: f.Rule, Description: f.Description, URL: f.URL, Detail: f.Message, Location: r.at(f.File, f.Line, f.Column, f.Width),
		})
	}
	var at *imagebuildah.SourceError
	switch {
	case errors.As(err, &at):
		where := r.at(at.File, at.Line, at.Column, at.Width)
		r.Error = &lintError{Message: at.Err.Error(), Location: &where}
	case err != nil:
		r.Error = &lintError{Message: oneLine(err)}
	}
	return writeJSON(w, r)
}
