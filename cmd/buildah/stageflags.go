package main

import "github.com/projectatomic/buildah/imagebuildah"

// stageFlags say which stages of a Dockerfile are built, and what stays of them.
type stageFlags struct {
	target       string
	skipUnused   bool
	save, labels bool
}

func (f *stageFlags) options() []*option {
	f.skipUnused = true
	return []*option{
		boolOption("save-stages", &f.save, "keep an image of every stage that is built"),
		boolOption("skip-unused-stages", &f.skipUnused, "leave out stages that nothing needs"),
		boolOption("stage-labels", &f.labels, "with --save-stages, say in labels of each stage what it is"),
		textOption("target", "STAGE", &f.target, "stop after this stage"),
	}
}

func (f *stageFlags) settle() (imagebuildah.Stages, error) {
	if f.labels && !f.save {
		return imagebuildah.Stages{}, usageError{text: `"--stage-labels" requires "--save-stages"`}
	}
	return imagebuildah.Stages{Target: f.target, All: !f.skipUnused, Save: f.save, Label: f.labels}, nil
}
