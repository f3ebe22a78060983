package imagebuildah

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/ignore"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// copying is what COPY and ADD have in common, expanded.
type copying struct {
	in      *instruction
	words   instructions.SourcesAndDest
	from    string
	exclude []string
	o       builder.AddOptions
	rawDest string // as it was written
}

func copyOf(in *instruction, c *instructions.CopyCommand) copying {
	x := copying{in: in, words: c.SourcesAndDest, from: c.From, exclude: c.ExcludePatterns, rawDest: in.lastWord()}
	x.o.Ownership = builder.Ownership{Chown: c.Chown, Chmod: c.Chmod}
	x.o.Selection.Parents, x.o.Link = c.Parents, c.Link
	return x
}

func addOf(in *instruction, c *instructions.AddCommand) copying {
	x := copying{in: in, words: c.SourcesAndDest, exclude: c.ExcludePatterns, rawDest: in.lastWord()}
	x.o.Ownership = builder.Ownership{Chown: c.Chown, Chmod: c.Chmod}
	x.o.Extract, x.o.Checksum, x.o.Link = true, c.Checksum, c.Link
	x.o.Unpack, x.o.KeepGitDir = choiceOf(c.Unpack), choiceOf(c.KeepGitDir)
	return x
}

// fullDest is a destination from the root.
func (r *stageRun) fullDest(dest string) string {
	full := path.Join("/", dest)
	if !path.IsAbs(dest) {
		full = path.Join("/", r.ws.Image().OCI.Config.WorkingDir, dest)
	}
	if strings.HasSuffix(dest, "/") && full != "/" {
		full += "/"
	}
	return full
}

// choiceOf is a flag that may be yes, no or not there.
func choiceOf(flag *bool) builder.Choice {
	switch {
	case flag == nil:
		return imageconfig.Default
	case *flag:
		return imageconfig.Yes
	}
	return imageconfig.No
}

// lastWord is the destination as it was written.
func (in *instruction) lastWord() string {
	word := ""
	for n := in.node.Next; n != nil; n = n.Next {
		word = n.Value
	}
	return word
}

// copy replays a COPY or an ADD.
func (r *stageRun) copy(ctx context.Context, x copying, last bool) (string, error) {
	if err := x.check(); err != nil {
		return "", err
	}
	if err := r.source(ctx, &x); err != nil {
		return "", err
	}
	for _, c := range x.words.SourceContents {
		x.o.Inline = append(x.o.Inline, copier.StreamFile{
			Name: path.Base(path.Clean("/" + c.Path)), Mode: 0o644, Content: strings.NewReader(c.Data),
		})
	}
	x.o.Fetch = r.o.Fetch
	x.o.Fetch.Ready = r.caching.ready
	x.o.Link = x.o.Link && r.o.Layers && !r.ws.Changed()
	r.observe(&x)
	// One pattern may match nothing as long as others do.
	x.o.Selection.AllowEmptyGlob = len(x.words.SourcePaths) > 1
	added, err := r.ws.Add(ctx, x.words.DestPath, x.words.SourcePaths, x.o)
	if err != nil {
		return "", err
	}
	r.caching.sources, r.caching.remote = added.Sources, added.Remote
	if added.Digest == "" && len(x.words.SourcePaths) > 1 {
		return "", fmt.Errorf("globs %q matched nothing", x.words.SourcePaths)
	}
	verb, dest := x.in.verb(), x.rawDest
	if x.o.Link {
		verb, dest = verb+" --link", r.fullDest(x.words.DestPath)
	}
	return r.nop(verb+" "+added.Summary()+" in "+dest+" ") + strings.Join(r.metaFields(last), " "), nil
}

// check finds what could only be seen with the variables' values.
func (x *copying) check() error {
	adding := x.in.verb() == "ADD"
	for i, s := range x.words.SourcePaths {
		switch {
		case !adding && contexts.IsURL(s):
			return fmt.Errorf("%q: source can't be a URL for COPY", contexts.Redact(s))
		case adding && contexts.IsGit(s):
			if err := checkRepository(s, x.o.Checksum); err != nil {
				return err
			}
		case adding && contexts.IsURL(s):
		case s == "":
			return fmt.Errorf("source %d is empty once its variables are expanded", i+1)
		case escapes(s):
			return fmt.Errorf("%w: %q is outside", copier.ErrEscapes, s)
		}
	}
	if x.o.Ownership.Chown == ":" {
		return fmt.Errorf("looking up UID/GID for %q: can't find uid for user %q", ":", "")
	}
	return checkMode(x.o.Ownership.Chmod)
}

// escapes tells whether a path leaves the directory it is relative to.
func escapes(name string) bool {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	return clean == ".." || strings.HasPrefix(clean, "../")
}

// source opens the place that sources are taken from and says what is left out.
func (r *stageRun) source(ctx context.Context, x *copying) error {
	patterns, err := ignore.Exclude(x.exclude, x.words.SourcePaths)
	if err != nil {
		return err
	}
	if m, err := matcher(patterns, ""); err != nil {
		return err
	} else if m != nil {
		x.o.Selection.Exclude = m
	}
	var file string
	if x.from == "" {
		x.o.Source.Root = r.contextRoot()
		x.o.Ownership.StripSetID = true
		patterns = append(append([]string{}, r.ignored...), patterns...)
		file = r.ignoring
	} else {
		root, err := r.lend(ctx, x.from, r.stage.index)
		if err != nil {
			return fmt.Errorf("COPY --from=%s: %w", x.from, err)
		}
		x.o.Source.Root, x.o.Source.KeepOwner = root, true
		if patterns, file, err = r.ignoredOf(ctx, x.from, patterns); err != nil {
			return err
		}
	}
	m, err := matcher(patterns, file)
	if m != nil {
		x.o.Selection.Ignore = &leftOut{Matcher: m, file: file, exclude: x.exclude}
	}
	return err
}

// ignoredOf adds the patterns of a named context to those of --exclude.
func (r *stageRun) ignoredOf(ctx context.Context, from string, exclude []string) (patterns []string, file string, err error) {
	n, ok := r.plan.lookup(from, r.stage.index)
	if !ok || n.Kind != contexts.Directory {
		return exclude, "", nil
	}
	c, err := r.pool.open(ctx, n, r.o.Source.Fetch)
	if err != nil {
		return nil, "", err
	}
	return append(slices.Clone(c.ignored), exclude...), c.ignoring, nil
}

// matcher compiles patterns; it is nil where there are none.
func matcher(patterns []string, file string) (*ignore.Matcher, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	m, err := ignore.New(patterns)
	if err != nil {
		return nil, err
	}
	m.File = file
	return m, nil
}

// leftOut is what is not copied, also as it was written.
type leftOut struct {
	*ignore.Matcher
	file    string // of the patterns before those of --exclude
	exclude []string
}
