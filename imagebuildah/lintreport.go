package imagebuildah

import (
	"context"
	"errors"

	"github.com/projectatomic/buildah/internal/events"
)

// Check reads, parses and plans what [Build] would build, and gives what the lint
// rules find. It looks for no image, neither here nor in a registry. What is found
// is also given with an error that a build would end with.
func Check(ctx context.Context, o Options) (findings []Finding, err error) {
	if err := o.normalize(); err != nil {
		return nil, err
	}
	if len(o.Lists.Platforms) > 0 {
		o.Base.Platform = o.Lists.Platforms[0]
	}
	in, err := openInput(ctx, o.Source)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	b := &build{input: in, o: o}
	err = b.read()
	return b.report.findings, err
}

// tellFindings ends a build. They come last, where nobody takes them for the
// output of a step, and once, as they are the same for all platforms.
func (b *build) tellFindings() {
	if b.before != nil {
		return
	}
	for _, f := range b.report.findings {
		b.out.Warn(events.Warning{Text: f.String(), Rule: f.Rule, URL: f.URL, File: f.File, Line: f.Line, Column: f.Column})
	}
}
