package imagebuildah

import (
	"context"
	"encoding/json"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/mountflag"
)

// take takes a step from the cache, or carries it out and remembers what it came to.
func (r *stageRun) take(ctx context.Context, in *instruction, last bool) (builder.Committed, error) {
	key, err := r.key(ctx, in, last)
	if err != nil {
		return builder.Committed{}, r.fail(ctx, in, err)
	}
	done, hit, err := r.reuse(ctx, in, key, last)
	if err != nil {
		return done, r.fail(ctx, in, err)
	}
	if hit {
		return done, nil
	}
	r.caching.sources = ""
	if done, err = r.carryOut(ctx, in, last); err != nil {
		return done, err
	}
	return done, r.remembers(key)
}

// reuse goes on from what a step has come to before.
func (r *stageRun) reuse(ctx context.Context, in *instruction, key buildcache.Key, last bool) (done builder.Committed, hit bool, err error) {
	if !r.armed() {
		return done, false, nil
	}
	var e buildcache.Entry
	if key != nil {
		e, hit = r.cache.Find(key)
	}
	recalled := builder.Recalled{Config: e.Config, MediaType: e.MediaType, Layer: e.Layer, Virtual: e.Virtual && !last}
	if hit {
		if hit, err = r.ws.Adopt(ctx, recalled); err != nil {
			return done, false, err
		}
		if !hit {
			r.cache.Drop(key)
		}
	}
	if !hit {
		r.caching.missed = true
		return done, false, nil
	}
	if h := r.ws.Image().OCI.History; len(h) > 0 {
		r.pending, r.told = nil, append(r.told, h[len(h)-1])
	}
	if err := r.replay(in, e.Virtual); err != nil {
		return done, false, err
	}
	id := recalled.ID()
	r.out.Hit(id)
	if last && r.final {
		done, err = r.finalFromCache(ctx)
		return done, true, err
	}
	r.out.Image(id)
	return done, true, nil
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
func (r *stageRun) remembers(key buildcache.Key) error {
	if key == nil {
		return nil
	}
	key.Set(sourcesPart, r.caching.sources)
	st := r.ws.State()
	e := buildcache.Entry{Config: st.Config, MediaType: r.o.Commit.Format.OrDefault().MediaType(), Layer: st.TopLayer}
	if r.virtual != nil {
		e.Config, e.Virtual = r.virtual, true
	}
	return r.cache.Keep(key, e)
}

// mountKey is what a mount brings into a RUN; false means that it cannot be told, or
// that the command can change it.
func (r *stageRun) mountKey(ctx context.Context, m mount) (value string, ok bool, err error) {
	switch {
	case m.Kind != mountflag.Bind:
		return "", true, nil // what comes of it is not part of the layer
	case !m.ReadOnly, m.Chown:
		return "", false, nil
	case m.From == "" && r.contextRoot() != r.context:
		return "", false, nil // a step has written to it
	case m.From == "":
		o := builder.AddOptions{Source: builder.Source{Root: r.context, KeepOwner: true}, Selection: builder.Selection{Literal: true, NoFollowSymlink: true}}
		source := m.Source
		if source == "" {
			source = "."
		}
		value, err = o.SourceDigest(ctx, []string{source}, r.sums(r.context))
		return value, err == nil, nil // else mounting says what is wrong
	}
	if n, named := r.plan.lookup(m.From, r.stage.index); named && n.Kind != contexts.Image {
		return "", false, nil
	}
	value, err = r.filesOf(ctx, m.From)
	return value, err == nil, err
}

// baseText is what the base says that is no part of its files and configuration.
func baseText(st builder.State) string {
	text, err := json.Marshal([]any{st.ImageName, st.Annotations, st.NoHistory})
	if err != nil {
		return "" // these types have no value that cannot be written
	}
	return string(text)
}
