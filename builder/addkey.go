package builder

import (
	"context"
	"fmt"
	"strings"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/contexts"
)

// additive is an add as a step.
type additive struct {
	*Builder
	dest    string
	sources []string
	o       AddOptions
	added   Added
	sums    *buildcache.Index // of the sources; nil when nothing is learnt of them
}

// sourcesPart is the part of a key that holds what was copied.
const sourcesPart = "sources"

func (w *additive) do(ctx context.Context) (err error) {
	if w.sums != nil {
		w.o.Sums = w.sums
	}
	w.added, err = w.add(ctx, w.dest, w.sources, w.o)
	return err
}

// nop is how the text of a step begins that is no command.
const nop = "/bin/sh -c #(nop) "

// text is that of the history. The digest is at its end, for the time when nothing is
// copied.
func (w *additive) text() string { return nop + verbOf(w.o) + " " + w.added.Summary() }

// addedAs is what an add has come to that left this text.
func addedAs(text string) (a Added) {
	kind, hex, found := strings.Cut(text[strings.LastIndexByte(text, ' ')+1:], ":")
	if !found {
		kind, hex = "", kind
	}
	return Added{Kind: kind, Digest: hex}
}

// key gathers all that the result follows from.
func (w *additive) key(ctx context.Context) (buildcache.Key, error) {
	o := &w.o
	local, remote := splitSources(w.sources)
	if o.Link || len(o.Inline) > 0 || o.Source.Root != nil || len(remote) > 0 && (o.Checksum == "" || o.Selection.Exclude != nil) {
		return nil, nil // what is there has to be fetched to be known
	}
	for _, url := range remote {
		if contexts.IsGit(url) {
			return nil, nil // its name may come to mean another commit
		}
	}
	s := o.Selection
	k := w.stepKey(verbOf(*o))
	k.Add("destination", w.dest)
	k.Add("options", textOf(o.Unpack, o.KeepGitDir, o.Ownership, o.Timestamp, o.Checksum, o.Source.ContextDir != "",
		s.Literal, s.AllowEmptyGlob, s.NoFollowSymlink, s.Parents))
	k.Add("remote", textOf(len(w.sources), remote))
	if o.Source.From != "" {
		return w.keyFrom(ctx, k)
	}
	if len(local) == 0 {
		return k, nil
	}
	return w.keyLocal(ctx, k)
}

// keyFrom adds what is taken from another container, or an image.
func (w *additive) keyFrom(ctx context.Context, k buildcache.Key) (buildcache.Key, error) {
	files, err := w.engine.filesOf(ctx, w.o.Source.From, w.o.Source.Base)
	if err != nil {
		return nil, nil // copying says what is wrong
	}
	if files != "" && w.o.Selection.Ignore == nil {
		k.Add("from", textOf(files, w.sources))
		return k, nil
	}
	root, done, err := w.engine.openRoot(ctx, w.o.Source.From, w.o.Source.Base)
	if err != nil {
		return nil, nil // as above
	}
	defer done()
	return w.keyIn(ctx, k, root, w.sources)
}

// keyLocal adds the files of this machine. What is learnt of them is for the next time.
func (w *additive) keyLocal(ctx context.Context, k buildcache.Key) (buildcache.Key, error) {
	a := adding{Builder: w.Builder, o: w.o}
	root, sources, closeRoot, err := a.openSource(ctx, w.sources)
	if err != nil {
		return nil, nil // copying says what is wrong
	}
	defer closeRoot()
	w.sums = w.engine.Steps.Index(root)
	return w.keyIn(ctx, k, root, sources)
}

func (w *additive) keyIn(ctx context.Context, k buildcache.Key, root *copier.Root, sources []string) (buildcache.Key, error) {
	o := w.o
	o.Source.Root, o.Source.Never = root, w.engine.Store.GraphRoot()
	var sums copier.Sums
	if w.sums != nil {
		sums = w.sums
	}
	found, err := o.SourceDigest(ctx, sources, sums)
	if err != nil {
		return nil, nil //nolint:nilerr // copying says what is wrong
	}
	if w.sums != nil {
		if err := w.sums.Save(); err != nil {
			return nil, fmt.Errorf("adding to %q: %w", w.Name(), err)
		}
	}
	k.Add(sourcesPart, found)
	return k, nil
}

// settle notes what was really copied: a file may have changed since it was looked at.
func (w *additive) settle(k buildcache.Key) buildcache.Key {
	k.Set(sourcesPart, w.added.Sources)
	return k
}
