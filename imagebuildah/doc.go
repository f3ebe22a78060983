// Package imagebuildah is the Dockerfile interpreter: it parses, plans the
// stages, and replays each step with the verbs of package builder.
//
// All of the Dockerfile is read and checked before the first step runs. A stage
// carries the state of its image along; only a step that needs a root file
// system starts a working container, so that steps which merely set something
// cost neither a container nor a layer.
package imagebuildah
