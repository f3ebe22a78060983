package main

import (
	"io"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/events"
)

// plain shows a build as lines.
func (f *buildFlags) plain(e *builder.Engine, out, errs io.Writer) *events.Plain {
	r := &events.Plain{
		Steps: out, Out: out, Err: errs, Transfer: errs, Warn: warner(e),
		HideIDs: f.result.iidFile != "", Explain: f.reuse.explain == "text", TempDir: e.Host.TempDir,
	}
	if f.result.quiet || f.result.toStdout() {
		r.Steps, r.Out, r.Transfer = nil, nil, nil
	}
	return r
}

// warner takes warnings as they are, whatever is in them.
func warner(e *builder.Engine) func(string) {
	return func(text string) { e.Warn("%s", text) }
}
