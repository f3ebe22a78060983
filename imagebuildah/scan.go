package imagebuildah

import (
	"context"
	"slices"

	"github.com/projectatomic/buildah/builder"
)

// scan has the result looked at before it is committed, and the context that it
// was made from. What belongs in the image joins the options of the commit.
func (r *stageRun) scan(ctx context.Context, commit *builder.CommitOptions) (done func() error, err error) {
	o := r.o.Scan
	if o.Scanner.IsZero() {
		return func() error { return nil }, nil
	}
	o.Base, o.Times = r.o.Base, commit.Times
	o.Run = builder.RunOptions{Isolation: r.o.Run.Isolation, Runtime: r.o.Run.Runtime, Stdio: builder.Stdio{Out: r.out.Output(1), Err: r.out.Output(2)}}
	o.Contexts = append(slices.Clip(o.Contexts), r.contextRoot().Path())
	files, done, err := r.ws.Scan(ctx, o)
	commit.AddFiles = append(commit.AddFiles, files...)
	return done, err
}
