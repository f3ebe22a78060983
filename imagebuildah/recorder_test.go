package imagebuildah

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// recorder is an engine that only writes down what it is asked to do.
type recorder struct {
	t      *testing.T
	log    strings.Builder
	images map[string]imageconfig.Image
	ids    int
	open   map[string]bool // containers and lent roots that are still there
	cancel context.CancelFunc
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{t: t, images: map[string]imageconfig.Image{}, open: map[string]bool{}}
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

func (r *recorder) nextID() string {
	r.ids++
	return strings.Repeat(fmt.Sprintf("%02x", r.ids), 32)
}

func short(id string) string { return id[:min(4, len(id))] }

func (r *recorder) Base(_ context.Context, image string, o builder.BaseOptions) (builder.State, error) {
	platform := ""
	if !o.Platform.IsZero() {
		platform = " for " + o.Platform.String()
	}
	r.logf("base %s%s", image, platform)
	if image == builder.Scratch {
		return builder.State{Image: imageconfig.Scratch(imageconfig.Platform{OS: "linux", Arch: "amd64"})}, nil
	}
	img, ok := r.images[image]
	if !ok {
		return builder.State{}, fmt.Errorf("%s: image not known", image)
	}
	return builder.State{ImageID: strings.Repeat("ba", 32), ImageName: image, Image: img}, nil
}

func (r *recorder) Start(st builder.State, o builder.FromOptions, _ origin) workspace {
	st.Image = st.Image.Clone()
	return &recorded{recorder: r, st: st, owned: o.Owned, dirs: map[string]bool{}}
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

func (r *recorder) Name(_ context.Context, id string, names []string, _ builder.CommitOptions) ([]string, error) {
	r.logf("name %s %q", short(id), names)
	return names, nil
}

func (r *recorder) Images(context.Context) (map[string]bool, error) { return map[string]bool{}, nil }

func (r *recorder) Remove(_ context.Context, ids []string) error {
	for _, id := range ids {
		r.logf("remove image %s", short(id))
	}
	return nil
}

// recorded is a workspace of a recorder.
type recorded struct {
	*recorder
	st        builder.State
	container string
	owned     bool
	changed   bool
	linked    bool
	dirs      map[string]bool
}

func (w *recorded) Step(string)               {}
func (w *recorded) Image() *imageconfig.Image { return &w.st.Image }
func (w *recorded) State() builder.State      { return w.st }
func (w *recorded) Changed() bool             { return w.changed || w.linked }
func (w *recorded) Linked() bool              { return w.linked }

func (w *recorded) start() {
	if w.container == "" {
		w.ids++
		w.container = fmt.Sprintf("c%d", w.ids)
		w.open[w.container] = true
		w.logf("start %s on %q", w.container, short(w.st.ImageID))
	}
}

func (w *recorded) Run(_ context.Context, argv []string, o builder.RunOptions) error {
	w.start()
	w.changed = true
	w.logf("run %s %q", w.container, argv)
	for _, text := range append(append(slices.Clone(o.Process.Env), o.Mounts.Mounts...), o.Mounts.Volumes...) {
		host, rest, _ := strings.Cut(text, ":")
		if strings.HasPrefix(host, "/") { // a temporary directory of the test
			if data, err := os.ReadFile(host); err == nil {
				rest += fmt.Sprintf(" with %q", data)
			}
			text = "HOST:" + rest
		}
		w.logf("    %s", text)
	}
	for _, n := range o.Namespaces {
		w.logf("    namespace %+v, network %v", n, o.Network)
	}
	switch {
	case strings.Contains(argv[len(argv)-1], "fail"):
		return &builder.ExitError{Code: 3}
	case strings.Contains(argv[len(argv)-1], "interrupt"):
		w.cancel()
	}
	return nil
}

func (w *recorded) Add(_ context.Context, dest string, sources []string, o builder.AddOptions) (builder.Added, error) {
	w.start()
	w.linked, w.changed = o.Link, !o.Link
	for _, s := range sources {
		if s == "missing" {
			return builder.Added{}, errors.New("\"missing\": no such file or directory")
		}
	}
	verb := map[bool]string{false: "add", true: "link"}[o.Link]
	w.logf("%s %s %q to %q", verb, w.container, sources, dest)
	if o.Ownership != (builder.Ownership{}) || o.Source.KeepOwner || o.Extract || o.Checksum != "" || o.Selection.Parents {
		w.logf("    %+v keep=%v extract=%v checksum=%q parents=%v", o.Ownership, o.Source.KeepOwner, o.Extract, o.Checksum, o.Selection.Parents)
	}
	if o.Selection.Ignore != nil {
		out := []string{}
		for _, name := range []string{"a.txt", "dir/b.txt", "x.o"} {
			if yes, _ := o.Selection.Ignore.Excluded(name, false); yes {
				out = append(out, name)
			}
		}
		w.logf("    leaves out %q", out)
	}
	for _, f := range o.Inline {
		var b strings.Builder
		if _, err := fmt.Fprint(&b, f.Name, " ", f.Mode, " "); err != nil {
			return builder.Added{}, err
		}
		buf := make([]byte, 1000)
		n, _ := f.Content.Read(buf)
		w.logf("    inline %s%q", b.String(), buf[:n])
	}
	if len(sources) > 0 && strings.HasPrefix(sources[0], "http") {
		return builder.Added{Digest: "0123"}, nil
	}
	return builder.Added{Kind: "file", Digest: "4567"}, nil
}

func (w *recorded) MakeDir(_ context.Context, path, owner string) error {
	w.start()
	w.logf("mkdir %s %s %q", w.container, path, owner)
	if !w.dirs[path] && !strings.HasPrefix(path, "/there") {
		w.dirs[path], w.changed = true, true
	}
	return nil
}

func (w *recorded) Commit(_ context.Context, dest string, o builder.CommitOptions) (builder.Committed, error) {
	id := w.nextID()
	what := "state"
	if w.Changed() || o.Squash {
		what = w.container
	}
	w.logf("commit %s to %q as %s", what, dest, short(id))
	for _, h := range o.Pending {
		w.logf("    empty %q%s", h.CreatedBy, author(h.Author))
	}
	if o.CreatedBy != "" {
		w.logf("    layer %q%s", o.CreatedBy, author(w.Image().OCI.Author))
	}
	for _, text := range configText(w.Image()) {
		w.logf("    %s", text)
	}
	if o.Squash || len(o.Tags)+len(o.Metadata.Annotations) > 0 {
		w.logf("    squash=%v tags=%q annotations=%q", o.Squash, o.Tags, o.Metadata.Annotations)
	}
	if w.owned || what == "state" {
		delete(w.open, w.container)
	}
	w.container, w.changed, w.linked = "", false, false
	w.st.ImageID, w.st.ImageName = id, ""
	var names []string
	if dest != "" {
		names = append([]string{"localhost/" + dest + ":latest"}, o.Tags...)
	}
	return builder.Committed{ID: id, Names: names, State: w.st}, nil
}

func (w *recorded) Keep(hint string) (string, error) {
	if w.container == "" {
		return "", nil
	}
	w.logf("keep %s as %s", w.container, hint)
	delete(w.open, w.container)
	w.container = ""
	return hint, nil
}

func (w *recorded) Scan(_ context.Context, o builder.ScanOptions) ([]builder.AddFile, func() error, error) {
	w.start()
	w.logf("scan with %s", o.Scanner.Image)
	return nil, func() error { return nil }, nil
}

func (w *recorded) Preview(o builder.CommitOptions) (string, error) {
	w.logf("preview with %d steps pending", len(o.Pending))
	return strings.Repeat("9a", 32), nil
}

func author(name string) string {
	if name == "" {
		return ""
	}
	return " by " + name
}

// configText is a configuration in few lines.
func configText(img *imageconfig.Image) []string {
	lines := []string{fmt.Sprintf("env %q", img.OCI.Config.Env)}
	add := func(name string, v any) {
		data, err := json.Marshal(v)
		if s := string(data); err == nil && s != "null" && s != `""` && s != "{}" {
			lines = append(lines, name+" "+s)
		}
	}
	c := img.OCI.Config
	add("user", c.User)
	add("workdir", c.WorkingDir)
	add("entrypoint", c.Entrypoint)
	add("cmd", c.Cmd)
	add("labels", c.Labels)
	add("volumes", slices.Sorted(maps.Keys(c.Volumes)))
	add("ports", slices.Sorted(maps.Keys(c.ExposedPorts)))
	add("stop", c.StopSignal)
	add("shell", img.Docker.Config.Shell)
	add("health", img.Docker.Config.Healthcheck)
	add("onbuild", img.Docker.Config.OnBuild)
	return lines
}

func (w *recorded) Root(context.Context) (*copier.Root, func(), error) {
	what := w.container
	if what == "" {
		what = short(w.st.ImageID)
	}
	w.ids++
	key := fmt.Sprintf("root %d of %s", w.ids, what)
	w.logf("lend %s", key)
	root, err := copier.OpenRoot(w.t.TempDir())
	if err != nil {
		return nil, nil, err
	}
	w.open[key] = true
	return root, func() {
		w.logf("return %s", key)
		delete(w.open, key)
		root.Close()
	}, nil
}

func (w *recorded) Delete(context.Context) error {
	if w.container != "" {
		w.logf("delete %s", w.container)
		delete(w.open, w.container)
		w.container = ""
	}
	return nil
}
