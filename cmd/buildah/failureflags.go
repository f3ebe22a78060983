package main

import (
	"fmt"

	"github.com/projectatomic/buildah/imagebuildah"
)

// failureFlags say what a build that fails leaves.
type failureFlags struct{ keep bool }

func (f *failureFlags) options() []*option {
	return []*option{
		boolOption("debug-on-failure", &f.keep, "keep the working container of a step that fails, to look inside"),
	}
}

// keeps tells whether a failed step leaves its container: where that was asked for,
// and with --layers, whose containers go after a success only.
func (f *buildFlags) keeps() bool {
	layers := f.caching.layers && !f.caching.forceRm
	return f.failure.keep || f.caching.asked.rm && !f.caching.rm || layers
}

// stepHints say how to go on after a step that failed. They end with the one about
// looking inside.
func stepHints(e *imagebuildah.StepError) []string {
	var hints []string
	if len(e.Output) > 0 {
		hints = append(hints, "the step's last output:")
	}
	for _, line := range e.Output {
		hints = append(hints, "  | "+line)
	}
	switch {
	case e.Container != "":
		hints = append(hints, fmt.Sprintf("look inside with `buildah run %s sh`; `buildah rm %[1]s` removes the container", e.Container))
	case e.Ran():
		hints = append(hints, "look inside after --debug-on-failure, which keeps the container for `buildah run CONTAINER sh`")
	}
	return hints
}
