package imagebuildah

import (
	"context"
	"errors"
	"fmt"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/events"
)

// position is where a stage stands among all.
func (b *build) position(s *stage) events.Position {
	return events.Position{Index: s.index, Count: len(b.plan.stages), Name: s.shown}
}

// status is how something ended. What fails because all is stopped did not fail itself.
func status(ctx context.Context, err error) events.Status {
	var lost *builder.LostLayerError
	switch {
	case err == nil:
		return events.Done
	case ctx.Err() != nil, errors.As(err, &lost): // after which the build begins again
		return events.Stopped
	}
	return events.Failing
}

// from begins the first step, with the base that was found.
func (r *stageRun) from(image string) {
	r.tellStep(r.stage.from, r.fromText(image))
}

// tellStep tells that a step begins, as text shows it.
func (r *stageRun) tellStep(in *instruction, text string) {
	file, line := in.src.name, in.node.StartLine
	if line == 0 {
		file = "" // an option added it
	}
	r.layer = events.NoLayer
	r.out.Step(text, file, line)
}

// endStep ends a step that has succeeded.
func (r *stageRun) endStep(cost func() string) {
	r.out.Usage(cost())
	r.out.EndStep(events.Done, r.layer)
}

// warn tells of something in the stage that does not stop it.
func (r *stageRun) warn(format string, args ...any) {
	r.out.Warn(events.Warning{Text: fmt.Sprintf(format, args...)})
}

// warn tells of something that does not stop the build.
func (b *build) warn(format string, args ...any) {
	b.out.Warn(events.Warning{Text: fmt.Sprintf(format, args...)})
}
