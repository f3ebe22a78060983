package imagebuildah

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/mountflag"
)

// whyWritten is why files of the context are not what is known of them.
const whyWritten = "it reads the context, which a RUN before it has written to"

// copyKey adds what files a COPY or an ADD takes. While nothing is looked up, that
// is left to be said once they were copied.
func (r *stageRun) copyKey(ctx context.Context, q question, x copying) (question, error) {
	if err := x.check(); err != nil {
		return q, err
	}
	if x.from == "" && r.contextRoot() != r.context {
		return never(whyWritten)
	}
	if why := r.addressKey(ctx, &q, x); why != "" {
		return never(why)
	}
	x.o.Extract = x.in.verb() == "ADD"
	x.o.Selection.AllowEmptyGlob = len(x.words.SourcePaths) > 1
	part := filePart{
		name:   sourcesPart,
		digest: func(ctx context.Context, list *buildcache.Files) (string, error) { return r.sourceDigest(ctx, x, list) },
		came:   func() (string, string, bool) { return r.caching.sources, "", true },
	}
	if x.from != "" {
		n, named := r.plan.lookup(x.from, r.stage.index)
		if !named || n.Kind != contexts.Directory {
			return r.copyFromKey(ctx, q, x.from, part)
		}
		c, err := r.pool.open(ctx, n, r.o.Source.Fetch)
		if err != nil {
			return q, fmt.Errorf("COPY --from=%s: %w", x.from, err)
		}
		q.key.Add("ignored", strings.Join(c.ignored, "\n"))
	} else {
		q.key.Add("ignored", strings.Join(r.ignored, "\n"))
	}
	q.add("", part)
	if !r.armed() {
		return q, nil
	}
	found, err := part.digest(ctx, nil)
	if err != nil {
		r.caching.missed = true // copying says what is wrong
		return never("its sources cannot be read")
	}
	q.key.Set(sourcesPart, found)
	return q, nil
}

// copyFromKey adds files of a stage, an image, or a context that is fetched.
func (r *stageRun) copyFromKey(ctx context.Context, q question, from string, part filePart) (question, error) {
	part.name = "from"
	if n, named := r.plan.lookup(from, r.stage.index); named && n.Kind == contexts.Remote {
		if why := r.remoteKey(ctx, &q, n, part); why != "" {
			return never(why)
		}
		return q, nil
	}
	value, err := r.filesOf(ctx, from)
	if err != nil {
		return q, fmt.Errorf("COPY --from=%s: %w", from, err)
	}
	part.vague = true
	part.came = func() (string, string, bool) { return value, r.caching.sources, true }
	q.add(value, part)
	return q, nil
}

// sourceDigest gives the digest of what a COPY or an ADD takes.
func (r *stageRun) sourceDigest(ctx context.Context, x copying, list *buildcache.Files) (string, error) {
	if err := r.source(ctx, &x); err != nil {
		return "", err
	}
	if list != nil {
		x.o.Each = list.Add
	}
	return x.o.SourceDigest(ctx, x.words.SourcePaths, r.sumsOf(x.from, x.o.Source.Root))
}

// sumsOf remembers files of directories of the host. Those of stages and images have
// other inodes every time.
func (r *stageRun) sumsOf(from string, root *copier.Root) copier.Sums {
	if from == "" {
		if root == r.context {
			return r.sums(root)
		}
		return nil
	}
	if n, named := r.plan.lookup(from, r.stage.index); named && n.Kind == contexts.Directory {
		return r.sums(root)
	}
	return nil
}

// observe lets a COPY or an ADD tell what it takes.
func (r *stageRun) observe(x *copying) {
	if !r.caches() {
		return
	}
	x.o.Sums = r.sumsOf(x.from, x.o.Source.Root)
	r.caching.files = &buildcache.Files{}
	x.o.Each = r.caching.files.Add
}

// mountKey adds what a mount brings into a RUN. A reason is why that cannot be told,
// or why the command can change it.
func (r *stageRun) mountKey(ctx context.Context, q *question, m mount) (why string, err error) {
	name := "mount " + m.text
	switch {
	case m.Kind != mountflag.Bind: // what comes of it is not part of the layer
		q.key.Add(name, "")
		return "", nil
	case m.Chown:
		return "its bind mount changes owners, with U or chown", nil
	case !m.ReadOnly && m.From == "":
		return "it can write to the context, with rw", nil
	case !m.ReadOnly:
		return "it can write to its bind mount, with rw", nil
	case m.From == "" && r.contextRoot() != r.context:
		return whyWritten, nil
	}
	part := filePart{name: name, digest: func(ctx context.Context, list *buildcache.Files) (string, error) {
		return r.mountDigest(ctx, m, list)
	}}
	n, named := r.plan.lookup(m.From, r.stage.index)
	if m.From == "" || named && n.Kind == contexts.Directory {
		found, err := part.digest(ctx, nil)
		if err != nil {
			return "what it mounts cannot be read", nil //nolint:nilerr // mounting says what is wrong
		}
		q.add(found, part)
		return "", nil
	}
	if named && n.Kind == contexts.Remote {
		return r.remoteKey(ctx, q, n, part), nil
	}
	value, err := r.filesOf(ctx, m.From)
	q.key.Add(name, value)
	// A whole stage is hardly ever the same again, and may be large.
	if part.vague = path.Clean("/"+m.Source) != "/"; part.vague {
		q.parts = append(q.parts, part)
	}
	return "", err
}

// mountDigest gives the digest of what a bind mount shows.
func (r *stageRun) mountDigest(ctx context.Context, m mount, list *buildcache.Files) (string, error) {
	root := r.context
	if m.From != "" {
		var err error
		if root, err = r.lend(ctx, m.From, r.stage.index); err != nil {
			return "", err
		}
	}
	o := builder.AddOptions{Source: builder.Source{Root: root, KeepOwner: true}, Selection: builder.Selection{Literal: true, Whole: true, NoFollowSymlink: m.NoDereference}}
	if list != nil {
		o.Each = list.Add
	}
	source := m.Source
	if source == "" {
		source = "."
	}
	return o.SourceDigest(ctx, []string{source}, r.sumsOf(m.From, root))
}

// filesOf tells the files of a stage or image from all others.
func (r *stageRun) filesOf(ctx context.Context, name string) (string, error) {
	var st builder.State
	var err error
	if n, named := r.plan.lookup(name, r.stage.index); named {
		st, err = r.namedState(ctx, n, r.o.Base)
	} else {
		var ws workspace
		if ws, err = r.lender(ctx, name, r.plan.findStage(name, r.stage.index), r.stage.index); err == nil {
			st = ws.State()
		}
	}
	if err != nil {
		return "", err
	}
	return "layers " + digest.FromString(jsonText(st.Image.OCI.RootFS.DiffIDs)).Encoded(), nil
}
