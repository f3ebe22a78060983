package imagebuildah

import (
	"context"
	"maps"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/buildcache"
)

// take takes a step from the cache, or carries it out and remembers what it came to.
func (r *stageRun) take(ctx context.Context, in *instruction, last bool) (builder.Committed, error) {
	r.caching.at++
	defer r.tellUntold()
	below := r.layers()
	q, err := r.ask(ctx, in, last)
	if err != nil {
		return builder.Committed{}, r.fail(ctx, in, err)
	}
	armed := r.armed()
	done, hit, err := r.reuse(ctx, in, &q, last)
	if err != nil {
		return done, r.fail(ctx, in, err)
	}
	if hit {
		return done, r.share(&q, below, false)
	}
	r.explainMiss(ctx, in, &q, armed)
	r.caching.sources, r.caching.files, r.caching.remote = "", nil, nil
	if done, err = r.carryOut(ctx, in, last); err != nil {
		return done, err
	}
	if err = r.remembers(ctx, in, &q); err != nil {
		return done, err
	}
	return done, r.share(&q, below, true)
}

// reuse goes on from what a step has come to before.
func (r *stageRun) reuse(ctx context.Context, in *instruction, q *question, last bool) (done builder.Committed, hit bool, err error) {
	if !r.armed() {
		return done, false, nil
	}
	e, recalled, hit, err := r.recall(ctx, q, last)
	if err != nil || !hit {
		r.caching.missed = true
		return done, false, err
	}
	q.entry = e
	if h := r.ws.Image().OCI.History; len(h) > 0 {
		r.pending, r.told = nil, append(r.told, h[len(h)-1])
	}
	if err := r.replay(in, e.Virtual); err != nil {
		return done, false, err
	}
	id := recalled.ID()
	r.noteStep(in, q)
	r.out.Hit(id)
	r.explain(in, Explanation{Outcome: Hit, Image: id})
	if last && r.final {
		done, err = r.finalFromCache(ctx)
		return done, true, err
	}
	r.tellImage(id)
	return done, true, nil
}

// recall looks the step up, and goes on from what is found.
func (r *stageRun) recall(ctx context.Context, q *question, last bool) (e buildcache.Entry, recalled builder.Recalled, hit bool, err error) {
	if q.key == nil || q.kept {
		return e, recalled, false, nil
	}
	blind := q.blind()
	if !blind {
		if e, recalled, hit, err = r.recallAs(ctx, q, q.key, last); hit || err != nil || !q.vague() {
			return e, recalled, hit, err
		}
	}
	if !q.sharpen(ctx) {
		return e, recalled, false, nil
	}
	if e, recalled, hit, err = r.recallAs(ctx, q, q.fine, last); hit && err == nil && !blind {
		err = r.cache.Keep(q.key, e)
	}
	return e, recalled, hit, err
}

func (r *stageRun) recallAs(ctx context.Context, q *question, key buildcache.Key, last bool) (e buildcache.Entry, recalled builder.Recalled, hit bool, err error) {
	e, found := r.cache.Find(key)
	if !found || r.expired(q, e) {
		return r.learn(ctx, q, key, last)
	}
	recalled = r.recalled(e, key, last)
	if hit, err = r.ws.Adopt(ctx, recalled); err == nil && !hit {
		q.gone = "the image that it came to was removed"
		r.cache.Drop(key)
		return r.learn(ctx, q, key, last)
	}
	return e, recalled, hit, err
}

// expired tells whether a result is too old to be used.
func (r *stageRun) expired(q *question, e buildcache.Entry) bool {
	if r.o.Cache.TTL == 0 || !e.OlderThan(r.o.Cache.TTL, time.Now()) {
		return false
	}
	q.gone = "what is known of it is older than --cache-ttl allows"
	return true
}

// replay does what a step does besides its image: ARGs become visible. After a
// virtual step the configuration is only that before it.
func (r *stageRun) replay(in *instruction, virtual bool) error {
	if in.pairs != nil {
		if virtual {
			r.configurePairs(in)
		}
		return nil
	}
	cmd, err := in.expanded(r.variables())
	if err != nil {
		return err
	}
	switch c := cmd.(type) {
	case *instructions.RunCommand, *instructions.CopyCommand, *instructions.AddCommand:
		return nil
	case *instructions.ArgCommand:
		r.arg(c)
		return nil
	case *instructions.WorkdirCommand:
		if virtual {
			r.setWorkdir(c)
		}
		return nil
	}
	if virtual {
		return r.configure(cmd)
	}
	if c, ok := cmd.(*instructions.CmdCommand); ok {
		r.cmdSet = len(c.CmdLine) > 0
	}
	return nil
}

// finalFromCache names the image that the last step has come to before.
func (r *stageRun) finalFromCache(ctx context.Context) (builder.Committed, error) {
	if err := r.complete(ctx); err != nil {
		return builder.Committed{}, err
	}
	return r.nameState(ctx)
}

// remembers keeps what a step came to.
func (r *stageRun) remembers(ctx context.Context, in *instruction, q *question) error {
	if q.key == nil {
		r.noteStep(in, q)
		return nil
	}
	if err := r.completeKey(ctx, q); err != nil {
		return err
	}
	r.noteStep(in, q)
	if q.key == nil {
		return nil
	}
	st := r.ws.State()
	if q.kept {
		if r.caching.unsquashed == nil {
			return nil
		}
		st = *r.caching.unsquashed
	}
	e := buildcache.Entry{Config: st.Config, MediaType: r.o.Commit.Format.OrDefault().MediaType(), Layer: st.TopLayer}
	if r.virtual != nil {
		e.Config, e.Virtual = r.virtual, true
	}
	q.entry = e
	for _, key := range q.keys() {
		if err := r.cache.Keep(key, e); err != nil {
			return err
		}
	}
	return r.keepLists(ctx, q)
}

// baseText is what the base says that is no part of its files and configuration. When it
// was made is nothing that an image on top of it says.
func baseText(st builder.State) string {
	annotations := maps.Clone(st.Annotations)
	delete(annotations, imgspec.AnnotationCreated)
	return jsonText(map[string]any{"name": st.ImageName, "annotations": annotations, "no-history": st.NoHistory})
}
