package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// recorder is the engine that writes scripts, on images of its own. What a script
// does not say goes into a log.
type recorder struct {
	*scripter
	t      *testing.T
	log    strings.Builder
	text   string // of the script
	images map[string]imageconfig.Image
	ids    int
	open   map[string]bool // workspaces and lent roots that are still there
	cancel context.CancelFunc

	findings []string // the rules that found something
}

func newRecorder(t *testing.T, o Options) *recorder {
	t.Helper()
	r := &recorder{t: t, images: map[string]imageconfig.Image{}, open: map[string]bool{}}
	r.scripter = newScripter(r, o, ScriptFlags{})
	base := imageconfig.Scratch(imageconfig.Platform{OS: "linux", Arch: "amd64"})
	base.SetEnv("PATH", "/bin")
	base.SetEnv("FROMBASE", "b")
	r.images["base"] = base
	trigger := base.Clone()
	trigger.AddOnBuild("COPY --from=tools /t /t")
	trigger.AddOnBuild("RUN echo trigger $FROMBASE")
	r.images["trigger"] = trigger
	r.images["foreign"] = imageconfig.Scratch(imageconfig.Platform{OS: "linux", Arch: "s390x"})
	return r
}

func (r *recorder) logf(format string, args ...any) { fmt.Fprintf(&r.log, format+"\n", args...) }

func (r *recorder) Base(_ context.Context, image string, o builder.BaseOptions) (builder.State, error) {
	if image == builder.Scratch {
		return builder.State{Image: imageconfig.Scratch(imageconfig.Platform{OS: "linux", Arch: "amd64"})}, nil
	}
	img, ok := r.images[image]
	if !ok {
		return builder.State{}, fmt.Errorf("%s: image not known", image)
	}
	return builder.State{ImageID: strings.Repeat("ba", 32), ImageName: image, Image: img}, nil
}

func (r *recorder) Scratch(dir *copier.Root) (*copier.Root, func() error, error) {
	r.logf("scratch")
	root, err := copier.OpenRoot(dir.Path())
	if err != nil {
		return nil, nil, err
	}
	return root, func() error { r.logf("scratch ends"); return root.Close() }, nil
}

func (r *recorder) CheckNames(names []string) error {
	for _, n := range names {
		if strings.ToLower(n) != n {
			return fmt.Errorf("tag %s: invalid reference format: repository name must be lowercase", n)
		}
	}
	return nil
}

func (r *recorder) Destination(dest string, _ []string) (d builder.Destination, err error) {
	if strings.Contains(dest, "://") {
		d.Push = dest
	}
	return d, nil
}

func (r *recorder) Start(st builder.State, o builder.FromOptions, from origin) workspace {
	space, _ := r.scripter.Start(st, o, from).(*scriptSpace)
	return &recorded{scriptSpace: space, r: r}
}

// run builds, and puts the script together.
func (r *recorder) run(ctx context.Context, o Options) (Result, error) {
	if err := o.ready(r); err != nil {
		return Result{}, err
	}
	in, err := openInput(ctx, o.Source)
	if err != nil {
		return Result{}, err
	}
	r.context, o.Jobs = in.opened.Dir, 1
	result, err := in.build(ctx, r, o)
	r.text = r.assemble(o, in.opened, result.ID)
	if closed := in.close(); closed != nil {
		r.t.Error(closed)
	}
	return result, err
}

func (r *recorder) Remove(ctx context.Context, ids []string) error {
	for _, id := range ids {
		r.logf("remove image %s", id)
	}
	return r.scripter.Remove(ctx, ids)
}

// track notes what is to be given back.
func (r *recorder) track(what string) (done func()) {
	r.ids++
	key := fmt.Sprintf("%s %d", what, r.ids)
	r.open[key] = true
	return func() { delete(r.open, key) }
}

// recorded is a workspace of a recorder.
type recorded struct {
	*scriptSpace
	r    *recorder
	done func()
}

func (w *recorded) begin() {
	if w.done == nil {
		w.done = w.r.track("container")
	}
}

func (w *recorded) end() {
	if w.done != nil {
		w.done()
		w.done = nil
	}
}

func (w *recorded) Run(ctx context.Context, argv []string, o builder.RunOptions) error {
	w.begin()
	if err := w.scriptSpace.Run(ctx, argv, o); err != nil {
		return err
	}
	switch last := argv[len(argv)-1]; {
	case strings.Contains(last, "fail"):
		return &builder.ExitError{Code: 3}
	case strings.Contains(last, "interrupt"):
		w.r.cancel()
	}
	return nil
}

func (w *recorded) Add(ctx context.Context, dest string, sources []string, o builder.AddOptions) (builder.Added, error) {
	w.begin()
	for _, s := range sources {
		if s == "missing" {
			return builder.Added{}, errors.New("\"missing\": no such file or directory")
		}
	}
	if o.Selection.Ignore != nil {
		var out []string
		for _, name := range []string{"a.txt", "dir/b.txt", "x.o"} {
			if yes, _ := o.Selection.Ignore.Excluded(name, false); yes {
				out = append(out, name)
			}
		}
		w.r.logf("leaves out %q", out)
	}
	added, err := w.scriptSpace.Add(ctx, dest, sources, o)
	if len(sources) > 0 && contexts.IsURL(sources[0]) {
		added.Kind = ""
	}
	return added, err
}

func (w *recorded) MakeDir(ctx context.Context, path, owner string) error {
	w.begin()
	changed := w.changed
	err := w.scriptSpace.MakeDir(ctx, path, owner)
	if strings.HasPrefix(path, "/there") { // as if the base had it
		w.changed = changed
	}
	return err
}

func (w *recorded) Commit(ctx context.Context, dest string, o builder.CommitOptions) (builder.Committed, error) {
	author := func(name string) string {
		if name == "" {
			return ""
		}
		return " by " + name
	}
	for _, h := range o.Pending {
		w.r.logf("    empty %q%s", h.CreatedBy, author(h.Author))
	}
	if o.CreatedBy != "" {
		w.r.logf("    layer %q%s", o.CreatedBy, author(w.Image().OCI.Author))
	}
	changed := w.changed
	done, err := w.scriptSpace.Commit(ctx, dest, o)
	if dest != "" {
		done.Names = append([]string{"localhost/" + dest + ":latest"}, o.Tags...)
	}
	if w.o.Owned || !changed {
		w.end()
	}
	return done, err
}

func (w *recorded) Keep(hint string) (string, error) {
	if w.done == nil {
		return "", nil
	}
	w.r.logf("keep %s", hint)
	w.end()
	return hint, nil
}

func (w *recorded) Scan(_ context.Context, o builder.ScanOptions) ([]builder.AddFile, func() error, error) {
	w.begin()
	w.r.logf("scan with %s", o.Scanner.Image)
	return nil, func() error { return nil }, nil
}

func (w *recorded) Preview(o builder.CommitOptions) (string, []byte, error) {
	w.r.logf("preview with %d steps pending", len(o.Pending))
	return strings.Repeat("9a", 32), nil, nil
}

func (w *recorded) Root(ctx context.Context) (*copier.Root, func(), error) {
	root, _, err := w.scriptSpace.Root(ctx)
	return root, w.r.track("root"), err
}

func (w *recorded) Delete(context.Context) error {
	w.end()
	return nil
}
