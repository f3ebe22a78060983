package imagebuildah

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/contexts"
)

// cacheVersion is a part of every key. It is raised when a step comes to mean
// something else.
const cacheVersion = "1"

// caching is what a stage knows of the cache.
type caching struct {
	missed  bool   // nothing more is looked up
	sources string // digest of what the latest COPY or ADD took
}

// caches tells whether steps are remembered.
func (r *stageRun) caches() bool { return r.o.Layers && r.cache != nil }

// armed tells whether steps are looked up.
func (r *stageRun) armed() bool { return r.caches() && !r.o.NoCache && !r.caching.missed }

// sourcesPart is the part of a key that is completed once files were copied.
const sourcesPart = "sources"

// key gathers all that the result of a step follows from; nil means that its result
// cannot be used again. The clock, paths and the machine have no part in it.
func (r *stageRun) key(ctx context.Context, in *instruction, last bool) (buildcache.Key, error) {
	if !r.caches() || !r.cacheable(last) || r.ws.Changed() {
		return nil, nil
	}
	var k buildcache.Key
	k.Add("version", cacheVersion)
	k.Add("base", r.baseText)
	k.Add("state", r.stateDigest())
	k.Add("options", r.optionsText(last))
	if in.pairs != nil {
		k.Add("instruction", in.text())
		return k, nil
	}
	cmd, err := in.expanded(r.variables())
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(cmd)
	if err != nil {
		return nil, err
	}
	k.Add("instruction", in.verb()+" "+string(text))
	switch c := cmd.(type) {
	case *instructions.RunCommand:
		return r.runKey(ctx, k, in)
	case *instructions.CopyCommand:
		return r.copyKey(ctx, k, copyOf(in, c))
	case *instructions.AddCommand:
		return r.copyKey(ctx, k, addOf(in, c))
	}
	return k, nil
}

// cacheable tells whether a step has no result but an image as any other.
func (r *stageRun) cacheable(last bool) bool {
	return !last || !r.final || !r.o.Commit.Squash && r.o.Scan.Scanner.IsZero() && len(r.o.Commit.AddFiles) == 0 && r.o.Commit.List == ""
}

// stateDigest is what a step sees of the image before it: its files and its
// configuration, and how they came to be. Times and names have no part in it.
func (r *stageRun) stateDigest() string {
	img := r.ws.Image()
	config := img.Docker.Config // it has all that the OCI format has
	config.Hostname, config.Domainname, config.Image = "", "", ""
	var history []string
	for _, entry := range append(img.OCI.History[:len(img.OCI.History):len(img.OCI.History)], r.pending...) {
		history = append(history, entry.CreatedBy, entry.Author)
	}
	text, err := json.Marshal([]any{img.OCI.RootFS.DiffIDs, config, img.OCI.Config, img.Platform(), history, r.cmdSet})
	if err != nil {
		return "" // these types have no value that cannot be written
	}
	return digest.FromBytes(text).Encoded()
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
	text, err := json.Marshal([]any{o.Format.OrDefault(), o.Times, metadata, overrides, r.o.Run.Mounts.DropVolumes, r.o.Stages.Save})
	if err != nil {
		return ""
	}
	return string(text)
}

// runKey adds what a command can see: variables, and files that are mounted.
func (r *stageRun) runKey(ctx context.Context, k buildcache.Key, in *instruction) (buildcache.Key, error) {
	mounts, network, err := in.runFlags(r.variables())
	if err != nil {
		return nil, err
	}
	rights, err := in.src.word(in.rights, r.variables())
	if err != nil {
		return nil, err
	}
	k.Add("network", network+" "+r.o.Network)
	k.Add("rights", rights)
	if r.o.Container.Execution.OwnUserNamespace() {
		k.Add("ids", "mapped")
	}
	var bodies []string
	for _, doc := range in.node.Heredocs {
		bodies = append(bodies, docBody(doc))
	}
	text, err := json.Marshal(bodies)
	if err != nil {
		return nil, err
	}
	k.Add("documents", string(text))
	k.Add("arguments", r.runArgs())
	for _, m := range mounts {
		value, ok, err := r.mountKey(ctx, m)
		if err != nil || !ok {
			return nil, err
		}
		k.Add("mount "+m.text, value)
	}
	return k, nil
}

// copyKey adds what files a COPY or an ADD takes. While nothing is looked up, that
// is left to be said once they were copied.
func (r *stageRun) copyKey(ctx context.Context, k buildcache.Key, x copying) (buildcache.Key, error) {
	if err := x.check(); err != nil {
		return nil, err
	}
	for _, s := range x.words.SourcePaths {
		if (contexts.IsURL(s) || contexts.IsGit(s)) && x.o.Checksum == "" {
			return nil, nil // what is there has to be fetched to be known
		}
	}
	if x.from != "" {
		if n, named := r.plan.lookup(x.from, r.stage.index); !named {
			value, err := r.filesOf(ctx, x.from)
			if err != nil {
				return nil, fmt.Errorf("COPY --from=%s: %w", x.from, err)
			}
			k.Add("from", value)
			return k, nil
		} else if n.Kind == contexts.Image {
			return nil, nil
		}
	}
	if x.from == "" && r.contextRoot() != r.context {
		return nil, nil // a step has written to it
	}
	k.Add("ignored", strings.Join(r.ignored, "\n"))
	k.Add(sourcesPart, "")
	if !r.armed() {
		return k, nil
	}
	if err := r.source(ctx, &x); err != nil {
		return nil, err
	}
	x.o.Extract = x.in.verb() == "ADD"
	x.o.Selection.AllowEmptyGlob = len(x.words.SourcePaths) > 1
	found, err := x.o.SourceDigest(ctx, x.words.SourcePaths, r.sums(x.o.Source.Root))
	if err != nil {
		r.caching.missed = true // copying says what is wrong
		return nil, nil         //nolint:nilerr // as above
	}
	k.Set(sourcesPart, found)
	return k, nil
}

// filesOf tells the files of a stage or image from all others.
func (r *stageRun) filesOf(ctx context.Context, name string) (string, error) {
	ws, err := r.lender(ctx, name, r.plan.findStage(name, r.stage.index), r.stage.index)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(ws.State().Image.OCI.RootFS.DiffIDs)
	return string(text), err
}

// sums remembers what is in the files below a root, for all platforms.
func (b *build) sums(root *copier.Root) copier.Sums {
	if b.cache == nil {
		return nil
	}
	x, _ := b.indexes.get(root, func() (*buildcache.Index, error) { return b.cache.Index(root), nil })
	return x
}
