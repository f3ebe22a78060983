package imagebuildah

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/contexts"
)

// cacheVersion is a part of every key. It is raised when a step comes to mean
// something else.
const cacheVersion = "2"

// caching is what a stage knows of the cache.
type caching struct {
	missed  bool              // nothing more is looked up
	at      int               // number of the step, from 1
	sources string            // digest of what the latest COPY or ADD took
	files   *buildcache.Files // that this is of
	remote  []builder.Fetched // what it took from addresses
	// What was downloaded to be looked up, by addresses.
	ready      map[string]*contexts.Download
	steps      []buildcache.Step // that were taken or carried out
	unsquashed *builder.State    // the result before it became one layer
	// ID of an image that is told of once the cache has had its say.
	untold string
}

// caches tells whether steps are remembered.
func (r *stageRun) caches() bool { return r.o.Layers && r.cache != nil }

// armed tells whether steps are looked up.
func (r *stageRun) armed() bool { return r.caches() && !r.o.NoCache && !r.caching.missed && !r.anew() }

// sourcesPart is the part of a key that is completed once files were copied.
const sourcesPart = "sources"

// ask gathers all that the result of a step follows from. The clock, paths and the
// machine have no part in it.
func (r *stageRun) ask(ctx context.Context, in *instruction, last bool) (q question, err error) {
	switch {
	case !r.caches():
		return never("nothing is remembered without --layers")
	case !r.cacheable(last) && !r.unsquashes():
		return never(r.whyFinal())
	case r.ws.Changed():
		return never("files were changed before it")
	case !r.cacheable(last):
		q.kept, q.why = true, r.whyFinal()
	}
	q.key.Add("version", cacheVersion)
	q.key.Add("instruction", private(in.text()))
	at := len(q.key)
	q.key.Add("words", "")
	q.key.Add("base", r.baseText) // before what follows from it, as that is what explains a miss
	r.addState(&q.key)
	q.key.Add("options", r.optionsText(last))
	if in.pairs != nil {
		return q, nil
	}
	cmd, err := in.expanded(r.variables())
	if err != nil {
		return q, err
	}
	text, err := json.Marshal(cmd)
	if err != nil {
		return q, err
	}
	q.key[at].Value = private(string(text))
	switch c := cmd.(type) {
	case *instructions.RunCommand:
		return r.runKey(ctx, q, in)
	case *instructions.CopyCommand:
		return r.copyKey(ctx, q, copyOf(in, c))
	case *instructions.AddCommand:
		return r.copyKey(ctx, q, addOf(in, c))
	case *instructions.ArgCommand:
		q.key.Add("declared", r.declaredBy(c))
	}
	return q, nil
}

// declaredBy are the names that have a value after an ARG: its history tells them.
func (r *stageRun) declaredBy(c *instructions.ArgCommand) string {
	after := r.scope.clone()
	for _, a := range c.Args {
		after.declare(a.Key, a.Value)
	}
	return strings.Join(after.names(), " ")
}

// private keeps passwords out of the cache: a text with an address that may hold one
// is known by its digest only.
func private(text string) string {
	if strings.Contains(text, "://") && strings.Contains(text, "@") {
		return digest.FromString(text).String()
	}
	return text
}

// cacheable tells whether a step has no result but an image as any other.
func (r *stageRun) cacheable(last bool) bool {
	return !last || !r.final || !r.o.Commit.Squash && r.o.Scan.Scanner.IsZero() && len(r.o.Commit.AddFiles) == 0 && r.o.Commit.List == ""
}

// whyFinal says why a last step is not cacheable.
func (r *stageRun) whyFinal() string {
	switch o := r.o.Commit; {
	case o.Squash:
		return "the last step makes one layer of everything, with --squash"
	case o.List != "":
		return "the last step adds to a list, with --manifest"
	}
	return "the last step adds what a scanner finds, with --sbom"
}

// addState adds what a step sees of the image before it: its files and its
// configuration, and how they came to be. Times and names have no part in it.
func (r *stageRun) addState(k *buildcache.Key) {
	img := r.ws.Image()
	builder.AddState(k, img, r.pending, []any{r.cmdSet, img.OCI.Author, img.Docker.Comment})
}

// jsonText is for types that have no value which cannot be written.
func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

// optionsText is what options change about the image of a step.
func (r *stageRun) optionsText(last bool) string {
	o, metadata := r.o.Commit, r.o.Commit.Metadata
	if !last || !r.final {
		metadata.Annotations, metadata.UnsetAnnotations = nil, nil
	}
	if last && r.final {
		metadata.LayerLabels = nil
	}
	overrides := r.o.Overrides
	overrides.Env, overrides.Labels = nil, nil // which are steps
	return jsonText(map[string]any{
		"format": o.Format.OrDefault(), "times": o.Times, "metadata": metadata, "overrides": overrides,
		"compat-volumes": r.o.Run.Mounts.DropVolumes, "save-stages": r.o.Stages.Save,
	})
}

// runKey adds what a command can see: variables, and files that are mounted.
func (r *stageRun) runKey(ctx context.Context, q question, in *instruction) (question, error) {
	if r.o.Run.Stdio.In != nil {
		return never("it reads the standard input, with --stdin")
	}
	mounts, network, err := in.runFlags(r.variables())
	if err != nil {
		return q, err
	}
	rights, err := in.src.word(in.rights, r.variables())
	if err != nil {
		return q, err
	}
	q.key.Add("network", network+" "+r.o.Network)
	q.key.Add("rights", rights)
	q.key.Add("surroundings", r.surroundings())
	if r.o.Container.Execution.OwnUserNamespace() {
		q.key.Add("ids", "mapped")
	}
	var bodies []string
	for _, doc := range in.node.Heredocs {
		bodies = append(bodies, docBody(doc))
	}
	q.key.Add("documents", jsonText(bodies))
	q.key.Add("arguments", jsonText(r.argValues()))
	for _, m := range mounts {
		if why, err := r.mountKey(ctx, &q, m); err != nil || why != "" {
			return question{why: why}, err
		}
	}
	return q, nil
}

// argValues are the ARGs that a command sees.
func (r *stageRun) argValues() map[string]string {
	values := map[string]string{}
	for _, name := range r.scope.names() {
		value, set := r.ws.Image().Env(name)
		if !set {
			value = r.scope.values[name]
		}
		values[name] = value
	}
	return values
}

// sums remembers what is in the files below a root, for all platforms.
func (b *build) sums(root *copier.Root) copier.Sums {
	if b.cache == nil {
		return nil
	}
	x, _ := b.indexes.get(root, func() (*buildcache.Index, error) { return b.cache.Index(root), nil })
	return x
}
