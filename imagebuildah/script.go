package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// ScriptFlags are flags of the verbs that a script repeats as the caller wrote
// them, "--name=value": what [Options] holds of them is of no use to a shell.
type ScriptFlags struct {
	From  []string // of `from`
	Keys  []string // of `run`: --secret and --ssh, where a mount asks for them
	Fetch []string // of `add` and `copy`, for downloads
	Push  []string // of `commit` and `push`, for destinations outside of the store
}

// Script writes what [Build] would do as a bash script of the verbs. Nothing is
// carried out: only the configurations of base images are needed, which are found
// as Build finds them.
func Script(ctx context.Context, e *builder.Engine, w io.Writer, o Options, flags ScriptFlags) error {
	text, err := newScripter(storeEngine{e}, o, flags).script(ctx, o)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("writing the script: %w", err)
	}
	return nil
}

// resolver is what a script has to know of the store.
type resolver interface {
	Base(ctx context.Context, image string, o builder.BaseOptions) (builder.State, error)
	CheckNames(names []string) error
	Destination(dest string, tags []string) (builder.Destination, error)
}

// scripter is an engine that writes down what it is asked to do.
type scripter struct {
	resolver
	flags   ScriptFlags
	dropped bool   // annotations of bases
	context string // its directory, absolute
	lines   []scriptLine
	taken   map[string]bool // names of variables
	written map[string]imageconfig.Image
	roots   map[*copier.Root]string // the variable that names the container
	found   map[string]string       // IDs of images, and names that they are found by
	needed  map[string]bool         // what scriptLine.only asks for
	uses    struct{ context, temp, images bool }
	docs    int // here-documents so far
}

// scriptLine is one command, or a comment.
type scriptLine struct {
	text string
	only string // the line is left out unless this is needed; "" for never
}

func newScripter(r resolver, o Options, flags ScriptFlags) *scripter {
	s := &scripter{
		resolver: r, flags: flags, dropped: o.Overrides.DropAnnotations,
		taken: map[string]bool{}, written: map[string]imageconfig.Image{}, roots: map[*copier.Root]string{},
		found: map[string]string{}, needed: map[string]bool{},
	}
	for _, name := range []string{"context", "temp", "containers", "images", "known", "finish"} {
		s.taken[name] = true
	}
	return s
}

// script gives the whole text.
func (s *scripter) script(ctx context.Context, o Options) (text string, err error) {
	if err := o.scriptable(); err != nil {
		return "", err
	}
	if err := o.ready(s); err != nil {
		return "", err
	}
	in, err := openInput(ctx, o.Source)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	s.context = in.opened.Dir
	o.Jobs = 1
	result, err := in.build(ctx, s, o)
	var step *StepError
	var at *SourceError
	switch {
	case errors.As(err, &step) && errors.As(step.Err, &at):
		return "", at
	case errors.As(err, &step) && step.place.src != nil:
		return "", sourceError(step.place.begin(), step.Err)
	case err != nil:
		return "", err
	}
	return s.assemble(o, in.opened, result.ID), nil
}

// begin is where a place begins, when no word is known.
func (p place) begin() place {
	p.column, p.width = max(1, p.column), max(1, p.width)
	return p
}

// scriptable finds options that a script cannot express.
func (o *Options) scriptable() error {
	switch {
	case len(o.Exports) > 0:
		return errors.New("a script makes an image only: leave --output out, and copy the files from a container on the image")
	case o.Stages.Label:
		return errors.New("a script cannot say --stage-labels, which are about images that it has yet to make: write LABEL into the Dockerfile")
	case o.Lists.several():
		return errors.New("a script makes the image of one platform: make one for each --platform")
	case o.Lists.Manifest != "":
		return errors.New("a script makes an image only: leave --manifest out, and add the image to the list with `buildah manifest add`")
	case !o.Scan.Scanner.IsZero():
		return errors.New("a script cannot say --sbom: leave it out, and give it to `buildah commit` in the script")
	}
	return nil
}

// assemble gives the script for the image that a variable holds.
func (s *scripter) assemble(o Options, c *contexts.Context, image string) string {
	s.needed[image] = true
	var b strings.Builder
	s.head(&b, o, c)
	for _, l := range s.lines {
		if l.only == "" || s.needed[l.only] {
			b.WriteString(l.text + "\n")
		}
	}
	fmt.Fprintf(&b, "\necho \"%s\" >&3\n", image)
	return b.String()
}

// head writes what comes before the first instruction.
func (s *scripter) head(b *strings.Builder, o Options, c *contexts.Context) {
	b.WriteString("#!/usr/bin/env bash\n# shellcheck disable=SC2016,SC2034 # what is in single quotes is for containers; not every ID is needed\n" +
		"# Made by `buildah build --print-script`. Writes the ID of the image to standard output.\n")
	if s.uses.context {
		b.WriteString("# Usage: bash SCRIPT [CONTEXT]\n")
	}
	b.WriteString("set -euo pipefail\n")
	switch {
	case !s.uses.context:
	case c.Fetched():
		b.WriteString("context=${1:?say the directory that holds the build context}\n")
	case c.File != "":
		fmt.Fprintf(b, "context=${1:-%s}\n", quote(filepath.Dir(c.File)))
	case o.Source.Context == "":
		b.WriteString("context=${1:-.}\n")
	default:
		fmt.Fprintf(b, "context=${1:-%s}\n", quote(o.Source.Context))
	}
	if o.Run.Stdio.In == nil {
		b.WriteString("exec </dev/null\n")
	}
	b.WriteString("exec 3>&1 >&2\n")
	if s.uses.temp {
		b.WriteString("temp=$(mktemp -d)\n")
	}
	if s.uses.images {
		b.WriteString("known=$(buildah images --all --quiet --no-trunc)\nimages=()\n")
	}
	b.WriteString("containers=()\nfinish() {\n  [ ${#containers[@]} -eq 0 ] || buildah rm \"${containers[@]}\" >/dev/null || :\n")
	if s.uses.images {
		b.WriteString("  [ ${#images[@]} -eq 0 ] || buildah rmi --intermediate \"${images[@]}\" >/dev/null || :\n")
	}
	if s.uses.temp {
		b.WriteString("  rm -rf \"$temp\"\n")
	}
	b.WriteString("}\ntrap finish EXIT\n")
}

// write adds a command.
func (s *scripter) write(words ...string) error {
	text, err := commandLine(words...)
	s.lines = append(s.lines, scriptLine{text: text})
	return err
}

// variable makes a name for a variable that no other has.
func (s *scripter) variable(wish string) string {
	name := wish
	for n := 2; s.taken[name]; n++ {
		name = wish + "_" + strconv.Itoa(n)
	}
	s.taken[name] = true
	return name
}

// Base resolves an image, and notes how it was found.
func (s *scripter) Base(ctx context.Context, image string, o builder.BaseOptions) (builder.State, error) {
	st, err := s.resolver.Base(ctx, image, o)
	if err == nil && !o.Unnamed {
		s.found[st.ImageID] = image
	}
	return st, err
}

// Start opens a workspace.
func (s *scripter) Start(st builder.State, o builder.FromOptions, from origin) workspace {
	w := &scriptSpace{scripter: s, st: st, o: o, from: from, have: st.Image.Clone()}
	if written, ok := s.written[st.ImageID]; ok {
		w.have = written.Clone()
	}
	w.st.Image = st.Image.Clone()
	switch {
	case from.stage == "":
		w.stem = variableName(lastPart(from.image))
	case from.final && from.stage == from.number:
		w.stem = "ctr"
	default:
		w.stem = variableName(from.stage)
	}
	if from.stage != "" {
		s.lines = append(s.lines, scriptLine{}, scriptLine{text: comment(from.text)})
	}
	return w
}

// lastPart is what people call an image.
func lastPart(image string) string {
	image = image[strings.LastIndexByte(image, '/')+1:]
	image, _, _ = strings.Cut(image, "@")
	image, _, _ = strings.Cut(image, ":")
	return image
}

// Name gives an image its names.
func (s *scripter) Name(_ context.Context, id string, names []string, _ builder.CommitOptions) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	d, err := s.Destination(names[0], nil)
	if err != nil {
		return nil, err
	}
	s.needed[id] = true
	image := `"` + id + `"`
	if d.Push != "" {
		return nil, s.write(slices.Concat([]string{"buildah", "push"}, quoteAll(s.flags.Push), []string{image, quote(names[0])})...)
	}
	return nil, s.write(append([]string{"buildah", "tag", image}, quoteAll(names)...)...)
}

// errNoList is the answer to all that is about lists.
var errNoList = errors.New("a script makes no lists of images")

// CheckList has nothing to check.
func (s *scripter) CheckList(string, []string, bool) error { return nil }

// BasePlatforms is refused.
func (s *scripter) BasePlatforms(context.Context, string, builder.BaseOptions) ([]builder.Platform, error) {
	return nil, errNoList
}

// AddToList is refused.
func (s *scripter) AddToList(string, []string, builder.AddToListOptions) (string, error) {
	return "", errNoList
}

// MakeList is refused.
func (s *scripter) MakeList(context.Context, []string, []string, builder.CommitOptions) (string, []string, error) {
	return "", nil, errNoList
}

// Scratch is refused: what one `run` writes to the context, no other verb sees.
func (s *scripter) Scratch(*copier.Root) (*copier.Root, func() error, error) {
	return nil, nil, errors.New("a script cannot keep what RUN writes to the build context: mount it read-only, or write to a tmpfs")
}

// CheckMachine has nothing to check: no program is run.
func (s *scripter) CheckMachine(builder.Platform) error { return nil }

// Images are the IDs of all images: the script looks for itself.
func (s *scripter) Images(context.Context) (map[string]bool, error) { return map[string]bool{}, nil }

// removal is the need to remove an image when the script is done.
func removal(id string) string { return "removal of " + id }

// Remove notes images that are only needed on the way.
func (s *scripter) Remove(_ context.Context, ids []string) error {
	for _, id := range ids {
		s.needed[removal(id)] = true
		s.uses.images = true
	}
	return nil
}

func quoteAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return quoted
}

// Cache is nil: what is written down is what would be done without one.
func (s *scripter) Cache() *buildcache.Cache { return nil }
