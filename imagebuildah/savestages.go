package imagebuildah

import (
	"cmp"
	"strconv"

	"github.com/projectatomic/buildah/builder"
)

// The labels that say what a stage was.
const (
	stageNameLabel = "io.buildah.stage.name"
	stageBaseLabel = "io.buildah.stage.base"
)

// labelled tells whether the stage gets a step that says what it is.
func (r *stageRun) labelled() bool { return r.o.Stages.Label && len(r.stage.steps) > 0 }

// stageLabels puts that step in front of the stage's own. The base is what the
// FROM says, or the image of a stage.
func (r *stageRun) stageLabels(st builder.State) {
	base := r.stage.image
	if r.stage.base != none {
		base = cmp.Or(st.ImageID, base)
	}
	name := cmp.Or(r.stage.shown, strconv.Itoa(r.stage.index))
	label := optionStep("LABEL", "--stage-labels", []string{stageNameLabel + "=" + name, stageBaseLabel + "=" + base})
	r.steps = append([]*instruction{label}, r.steps...)
}
