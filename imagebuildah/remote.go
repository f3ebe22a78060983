package imagebuildah

import (
	"context"
	"errors"
	"slices"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/buildcache"
)

// openRemote prepares what other machines know of steps. The caller calls finish
// when the build is over; what could not be written for others is an error then.
func (o *Options) openRemote(ctx context.Context, e *builder.Engine) (finish func() error, err error) {
	finish = func() error { return nil }
	remote := o.Remote
	if o.NoCache {
		remote.From = nil
	}
	if !o.Layers || len(remote.From)+len(remote.To) == 0 {
		return finish, nil
	}
	if o.remote, err = e.OpenRemoteCache(ctx, remote); err != nil {
		return finish, err
	}
	o.Base.Lazy = len(remote.From) > 0
	return o.remote.Close, nil
}

// untilFound builds, and begins again without a step whose layers cannot be had: that
// is found out once they are needed, which may be long after the step was taken.
// Steps that were carried out meanwhile are in the cache.
func (in *input) untilFound(ctx context.Context, e engine, o Options) (result Result, err error) {
	var before []string
	for {
		result, err = in.build(ctx, e, o)
		var lost *builder.LostLayerError
		if !errors.As(err, &lost) || ctx.Err() != nil || slices.Contains(before, lost.Key) {
			return result, err
		}
		before = append(before, lost.Key)
		o.remote.Reject(lost)
		e.Cache().Forget(lost.Key)
	}
}

// recalled is an entry in the words of the workspace.
func (r *stageRun) recalled(e buildcache.Entry, key buildcache.Key, last bool) builder.Recalled {
	return builder.Recalled{
		Config: e.Config, MediaType: e.MediaType, Layer: e.Layer, Virtual: e.Virtual && !last,
		Remote: e.Remote, From: r.o.remote, Key: key.Digest(),
	}
}

// learn goes on from what another machine has made of a step. It is known here from
// then on.
func (r *stageRun) learn(ctx context.Context, q *question, key buildcache.Key, last bool) (e buildcache.Entry, known builder.Recalled, hit bool, err error) {
	e, place := r.o.remote.Find(ctx, key)
	if place == "" || r.expired(q, e) {
		return e, known, false, nil
	}
	known = r.recalled(e, key, last)
	if hit, err = r.ws.Adopt(ctx, known); err != nil {
		r.warn("not taking the step from the cache %q: %v", place, err)
		return e, known, false, nil
	}
	if !hit {
		return e, known, false, nil
	}
	e.Layer, q.learnt = r.ws.State().TopLayer, true
	r.out.Pulled(place, key.Digest())
	return e, known, true, r.cache.Keep(key, e)
}

// layers is the number of layers that the stage has now, for share.
func (r *stageRun) layers() int {
	if r.o.remote == nil {
		return 0 // to ask those that write scripts would make them write something
	}
	return len(r.ws.State().Image.OCI.RootFS.DiffIDs)
}

// share writes a step for other machines, unless one of them had it. Below is the
// number of layers before the step; anew says that it was carried out.
func (r *stageRun) share(q *question, below int, anew bool) error {
	if r.o.remote == nil || q.learnt || q.kept {
		return nil
	}
	l := builder.Learnt{Entry: q.entry, Layers: r.layers() - below, State: r.ws.State(), Anew: anew, Result: r.underResult()}
	for _, key := range q.keys() {
		l.Key = key
		places, err := r.o.remote.Push(l)
		if err != nil {
			return err
		}
		if len(places) > 0 {
			r.out.Pushed(places, key.Digest())
		}
	}
	return nil
}

// underResult tells whether the result stands on the stage.
func (r *stageRun) underResult() bool {
	for at := len(r.plan.stages) - 1; at != none; at = r.plan.stages[at].base {
		if at == r.stage.index {
			return true
		}
	}
	return false
}

// tellImage tells of the image that a step came to, after what is told about the cache.
func (r *stageRun) tellImage(id string) {
	if r.o.remote == nil {
		r.out.Image(id)
		return
	}
	r.caching.untold = id
}

// tellUntold ends what is told about the cache.
func (r *stageRun) tellUntold() {
	if r.caching.untold != "" {
		r.out.Image(r.caching.untold)
		r.caching.untold = ""
	}
}
