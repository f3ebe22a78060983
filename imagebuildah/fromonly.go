package imagebuildah

import (
	"context"

	"github.com/projectatomic/buildah/builder"
)

// withoutSteps ends a stage that is only a FROM: the base is the result, unless
// something is to be different about it.
func (r *stageRun) withoutSteps(ctx context.Context) (*stageResult, error) {
	result := &stageResult{ws: r.ws, scope: r.scope, machine: r.machine}
	if !r.final {
		return result, nil
	}
	if err := r.complete(ctx); err != nil {
		return nil, err
	}
	st := r.ws.State()
	if st.ImageID == "" || r.overridden() {
		setPath(r.ws.Image())
		var err error
		result.final, err = r.commitFinal(ctx, builder.History{CreatedBy: "/bin/sh"})
		return result, err
	}
	var err error
	result.final, err = r.nameState(ctx)
	return result, err
}

// nameState makes the image that the workspace stands on the result.
func (r *stageRun) nameState(ctx context.Context) (builder.Committed, error) {
	dest, st := "", r.ws.State()
	if len(r.o.Tags) > 0 {
		dest = r.o.Tags[0]
	}
	if err := r.ws.Fetch(ctx); err != nil {
		return builder.Committed{}, err
	}
	r.out.Commit(dest)
	names, err := r.engine.Name(ctx, st.ImageID, r.o.Tags, r.o.Commit)
	if err != nil {
		return builder.Committed{}, err
	}
	r.tellImage(st.ImageID)
	done := builder.Committed{ID: st.ImageID, Names: names, State: st}
	done.Manifest.Digest = st.ImageDigest
	return done, nil
}
