package imagebuildah

import (
	"context"
	"slices"

	"github.com/projectatomic/buildah/builder"
)

// unsquashes tells whether the last step is remembered as it is before one layer is
// made of everything: a build without that finds it.
func (r *stageRun) unsquashes() bool {
	return r.caches() && r.o.Commit.Squash && r.o.Scan.Scanner.IsZero() && len(r.o.Commit.AddFiles) == 0 && r.o.Commit.List == ""
}

// commitUnsquashed makes the image that the result would be with all its layers.
func (r *stageRun) commitUnsquashed(ctx context.Context, entry builder.History) error {
	o := r.o.Commit
	o.Tags, o.Squash, o.Metadata.LayerLabels = nil, false, nil
	o.Pending = r.pending
	if r.ws.Changed() {
		o.CreatedBy = entry.CreatedBy
	} else {
		o.Pending = append(slices.Clone(r.pending), entry)
	}
	done, err := r.ws.Commit(ctx, "", o)
	if err != nil {
		return err
	}
	r.pending, r.caching.unsquashed = nil, &done.State
	return nil
}
