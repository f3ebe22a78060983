package imagebuildah

import (
	"context"
	"strings"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/contexts"
)

// contextBase is the first layer of a stage on a context that is no image.
type contextBase struct {
	n   contexts.Named
	c   *openedContext
	add builder.AddOptions
	q   question
}

// known goes on from the layer that the files of the context have made before.
func (r *stageRun) known(ctx context.Context, x *contextBase) (bool, error) {
	if !r.caches() {
		return false, nil
	}
	if x.n.Kind == contexts.Directory { // others are in other places every time
		x.add.Sums = r.sums(x.c.root)
	}
	k := &x.q.key
	k.Add("version", cacheVersion)
	k.Add("instruction", "FROM of a build context")
	k.Add("base", r.baseText)
	r.addState(k)
	k.Add("options", r.optionsText(false))
	k.Add("ignored", strings.Join(x.c.ignored, "\n"))
	k.Add(sourcesPart, "")
	if !r.armed() {
		return false, nil
	}
	found, err := x.add.SourceDigest(ctx, []string{"."}, x.add.Sums)
	if err != nil {
		return false, nil //nolint:nilerr // copying says what is wrong
	}
	k.Set(sourcesPart, found)
	e, known := r.cache.Find(*k)
	if !known || r.expired(&x.q, e) {
		return false, nil
	}
	recalled := builder.Recalled{Config: e.Config, MediaType: e.MediaType, Layer: e.Layer}
	hit, err := r.ws.Adopt(ctx, recalled)
	if err != nil || !hit {
		return false, err
	}
	r.told = append(r.told, r.ws.Image().OCI.History...)
	r.out.Hit(recalled.ID())
	r.tellImage(recalled.ID())
	r.tellUntold()
	return true, nil
}

// keepBase remembers what the files of a context have made.
func (r *stageRun) keepBase(x *contextBase, sources string) error {
	if x.q.key == nil {
		return nil
	}
	x.q.key.Set(sourcesPart, sources)
	st := r.ws.State()
	return r.cache.Keep(x.q.key, buildcache.Entry{Config: st.Config, MediaType: r.o.Commit.Format.OrDefault().MediaType(), Layer: st.TopLayer})
}
