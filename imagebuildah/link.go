package imagebuildah

import (
	"context"

	"github.com/projectatomic/buildah/builder"
)

// settleFinal exports and commits the result.
func (r *stageRun) settleFinal(ctx context.Context, entry builder.History) (builder.Committed, error) {
	if r.ws.Linked() { // what follows is about the files of the result
		if err := r.commitLinked(ctx, entry); err != nil {
			return builder.Committed{}, err
		}
		if !r.o.Commit.Squash { // which drops the entries there are
			entry = builder.History{}
		}
	} else if r.unsquashes() {
		if err := r.commitUnsquashed(ctx, entry); err != nil {
			return builder.Committed{}, err
		}
	}
	if err := r.complete(ctx); err != nil {
		return builder.Committed{}, err
	}
	return r.commitFinal(ctx, entry)
}

// commitLinked commits the layer of a last step with --link: only then its files
// are seen, by exports and by what makes one layer of all.
func (r *stageRun) commitLinked(ctx context.Context, entry builder.History) error {
	o := r.intermediate()
	o.Pending, o.CreatedBy = r.pending, entry.CreatedBy
	_, err := r.ws.Commit(ctx, "", o)
	r.pending = nil
	return err
}
