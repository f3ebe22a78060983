// Package imagebuildah is the Dockerfile interpreter: it parses, plans the
// stages, and replays each step with the verbs of package builder.
//
// All of the Dockerfile is read and checked before the first step runs. A stage
// carries the state of its image along; only a step that needs a root file
// system starts a working container, so that steps which merely set something
// cost neither a container nor a layer.
//
// [Build] takes an engine of package builder, and [Options] whose zero value
// builds the Dockerfile of the current directory:
//
//	stream := imagebuildah.NewStream(&imagebuildah.PlainRenderer{Steps: os.Stdout, Out: os.Stdout, Err: os.Stderr})
//	result, err := imagebuildah.Build(ctx, engine, imagebuildah.Options{
//		Source: imagebuildah.Source{Context: "web"}, Tags: []string{"localhost/web"}, Layers: true,
//		Output: imagebuildah.Output{Events: stream},
//	})
//	err = errors.Join(err, stream.Close())
//
// A mistake in a Dockerfile is a [SourceError], a step that fails a [StepError];
// both know their place.
package imagebuildah
