package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// scriptSpace is a workspace of a script: a variable with the name of a container.
type scriptSpace struct {
	*scripter
	st      builder.State // with the configuration as the interpreter wants it
	have    imageconfig.Image
	o       builder.FromOptions
	from    origin
	stem    string // what the names of variables begin with
	name    string // of the variable; "" before `from`
	idle    string // the variable of a container that was committed and has the same files
	at      place  // of the instruction
	failed  error  // of an instruction that is over; the next command tells
	changed bool
	linked  bool // a layer of its own was added
	surely  bool // files were changed, as far as a commit is concerned
}

// Image is the live configuration.
func (w *scriptSpace) Image() *imageconfig.Image { return &w.st.Image }

// Changed tells whether files were changed, for all that can be known.
func (w *scriptSpace) Changed() bool { return w.changed || w.linked }

// Linked tells whether it was an Add that makes a layer of its own.
func (w *scriptSpace) Linked() bool { return w.linked }

// Preview is for the output of builds.
func (w *scriptSpace) Preview(builder.CommitOptions) (string, []byte, error) { return "", nil, nil }

// Adopt is for those that have a cache.
func (w *scriptSpace) Adopt(context.Context, builder.Recalled) (bool, error) { return false, nil }

// Fetch has nothing to do: scripts are written of what is there.
func (w *scriptSpace) Fetch(context.Context) error { return nil }

// Keep has nothing to do: no command is carried out that could fail.
func (w *scriptSpace) Keep(string) (string, error) { return "", nil }

// Scan is refused.
func (w *scriptSpace) Scan(context.Context, builder.ScanOptions) ([]builder.AddFile, func() error, error) {
	return nil, nil, errors.New("a script cannot list what an image is made of")
}

// Delete has nothing to do: the script removes its containers when it ends.
func (w *scriptSpace) Delete(context.Context) error { return nil }

// Step begins a group of commands.
func (w *scriptSpace) Step(text string, at place) {
	// What the last step set comes before what this one is about.
	if err := w.settle(); err != nil && w.failed == nil && w.at.src != nil {
		w.failed = sourceError(w.at.begin(), err)
	}
	w.at = at
	w.lines = append(w.lines, scriptLine{text: comment(text)})
}

// State is the image as it was last committed. One that was not is that of the container.
func (w *scriptSpace) State() builder.State {
	st := w.st
	if strings.HasPrefix(st.ImageID, "$") || st.ImageID == "" || w.open() != nil {
		return st
	}
	image := w.variable(w.imageStem())
	w.st.ImageID = "$" + image
	w.lines = append(w.lines, scriptLine{
		text: fmt.Sprintf("%s=$(buildah inspect --format '{{.FromImageID}}' \"$%s\")", image, w.name), only: w.st.ImageID,
	})
	w.written[w.st.ImageID] = w.have
	st.ImageID = w.st.ImageID
	return st
}

func (w *scriptSpace) imageStem() string {
	if w.stem == "ctr" {
		return "image"
	}
	return w.stem + "_image"
}

// open makes the container.
func (w *scriptSpace) open() error {
	if w.name != "" {
		return nil
	}
	words := []string{"buildah", "from"}
	image, err := w.base()
	if err != nil {
		return err
	}
	if strings.HasPrefix(w.st.ImageID, "$") {
		w.needed[w.st.ImageID] = true
		image = `"` + w.st.ImageID + `"`
	} else if !w.from.platform.IsZero() {
		words = append(words, flagWord("platform", w.from.platform.String()))
	}
	if w.o.Format == imageconfig.FormatDocker {
		words = append(words, "--format docker")
	}
	if len(w.have.Docker.Config.OnBuild) > 0 {
		words = append(words, "--onbuild=false")
		w.have.ClearOnBuild()
	}
	if w.idle == "" {
		w.name = w.variable(w.stem)
	} else {
		w.name, w.idle = w.idle, ""
	}
	now := time.Now()
	w.have.Normalize(now, w.from.platform)
	w.st.Image.Normalize(now, w.o.Base.Platform)
	text, err := commandLine(append(append(words, quoteAll(w.flags.From)...), image)...)
	w.lines = append(w.lines, scriptLine{text: w.name + "=$(" + text + ")"})
	if w.o.Owned {
		w.lines = append(w.lines, scriptLine{text: fmt.Sprintf("containers+=(\"$%s\")", w.name)})
	}
	if w.dropped && w.from.stage != "" {
		w.lines = append(w.lines, scriptLine{text: fmt.Sprintf("buildah config --annotation=- \"$%s\"", w.name)})
	}
	return err
}

// base is the image as a word.
func (w *scriptSpace) base() (string, error) {
	transport, path, rest, file := cutImage(w.from.image)
	switch {
	case !file && w.found[w.st.ImageID] != "":
		return quote(w.found[w.st.ImageID]), nil
	case !file:
		return quote(w.from.image), nil
	case strings.ContainsRune(path, 0):
		return "", fmt.Errorf("image %q: a script cannot hold a null character", w.from.image)
	}
	w.uses.context = true
	return transport + `:"$context"/` + quote(strings.TrimPrefix(path, "/")) + quoteRest(rest), nil
}

func quoteRest(text string) string {
	if text == "" {
		return ""
	}
	return quote(text)
}

// settle writes what was set since the last command, with further flags.
func (w *scriptSpace) settle(more ...string) error {
	if w.failed != nil {
		return w.failed
	}
	if err := w.open(); err != nil {
		return err
	}
	words, err := settingsFor(&w.have, &w.st.Image)
	if err != nil {
		return err
	}
	if words = append(words, more...); len(words) == 0 {
		return nil
	}
	w.have = w.st.Image.Clone()
	return w.verb("config", words)
}

// verb writes a command on the container; rest are its further arguments.
func (w *scriptSpace) verb(name string, flags []string, rest ...string) error {
	return w.write(slices.Concat([]string{"buildah " + name}, flags, []string{`"$` + w.name + `"`}, rest)...)
}

// MakeDir makes the working directory. The verb `run` makes volumes itself.
func (w *scriptSpace) MakeDir(_ context.Context, path, owner string) error {
	c := w.st.Image.OCI.Config
	if _, volume := c.Volumes[path]; volume && (path != c.WorkingDir || owner == "") {
		return nil
	}
	if path != c.WorkingDir || owner != c.User {
		return fmt.Errorf("a script cannot make the directory %q for %q", path, owner)
	}
	w.changed = true
	more := []string{"--create-workingdir"}
	if w.have.OCI.Config.WorkingDir == path {
		more = append([]string{flagWord("workingdir", path)}, more...)
	}
	return w.settle(more...)
}

// Root lends the container.
func (w *scriptSpace) Root(context.Context) (*copier.Root, func(), error) {
	name := w.idle
	if name == "" || w.name != "" {
		if err := w.open(); err != nil {
			return nil, nil, err
		}
		name = w.name
	}
	root := new(copier.Root) // stands for it; nobody reads from it
	w.roots[root] = name
	return root, func() {}, nil
}

// Commit makes an image.
func (w *scriptSpace) Commit(_ context.Context, dest string, o builder.CommitOptions) (builder.Committed, error) {
	if len(o.AddFiles) > 0 || len(o.Metadata.Config) > 0 {
		return builder.Committed{}, errors.New("a script cannot add files to an image")
	}
	if err := w.settle(unsetLabels(&w.st.Image, o)...); err != nil {
		return builder.Committed{}, err
	}
	d, err := w.Destination(dest, nil)
	if err != nil {
		return builder.Committed{}, err
	}
	words := w.commitFlags(o, d.Push != "")
	image := w.variable(w.imageStem())
	words = append([]string{"buildah commit"}, append(words, `"$`+w.name+`"`)...)
	if dest != "" {
		words = append(words, quote(dest))
	}
	text, err := commandLine(words...)
	if err != nil {
		return builder.Committed{}, err
	}
	id := "$" + image
	w.lines = append(w.lines, scriptLine{text: image + "=$(" + text + ")"}, scriptLine{
		text: fmt.Sprintf("[[ $known == *\"%s\"* ]] || images+=(\"%s\")", id, id), only: removal(id),
	})
	if len(o.Tags) > 0 && d.Push == "" {
		err = w.write(append([]string{"buildah tag", `"` + id + `"`}, quoteAll(o.Tags)...)...)
	}
	w.written[id] = asWritten(&w.st.Image, o)
	w.st.ImageID, w.st.ImageName = id, ""
	w.have = w.written[id].Clone()
	w.idle, w.name, w.changed, w.surely = w.name, "", false, false
	if w.linked { // the container does not show it
		w.idle, w.linked = "", false
	}
	return builder.Committed{ID: id, State: w.st}, err
}

// commitFlags are the options of a commit as flags.
func (w *scriptSpace) commitFlags(o builder.CommitOptions, away bool) (words []string) {
	add := func(yes bool, word string) {
		if yes {
			words = append(words, word)
		}
	}
	m, t := o.Metadata, o.Times
	add(o.Format == imageconfig.FormatDocker, "--format docker")
	add(o.Squash, "--squash")
	add(!o.Squash && !w.surely, "--omit-empty-layer")
	if t.Timestamp != nil {
		add(true, "--timestamp "+strconv.FormatInt(t.Timestamp.Unix(), 10))
	}
	if t.Epoch != nil {
		add(true, "--source-date-epoch "+strconv.FormatInt(t.Epoch.Unix(), 10))
	}
	add(t.Rewrite, "--rewrite-timestamp")
	for _, v := range m.Annotations {
		add(true, flagWord("annotation", v))
	}
	for _, v := range m.UnsetAnnotations {
		add(true, flagWord("unsetannotation", listItem(v)))
	}
	for _, v := range m.UnsetEnv {
		add(true, flagWord("unsetenv", listItem(v)))
	}
	for _, v := range append(slices.Clone(m.Changes), layerLabels(&w.st.Image, m.LayerLabels)...) {
		add(true, flagWord("change", v))
	}
	add(m.CreatedAnnotation == imageconfig.No, "--created-annotation=false")
	add(m.CreatedAnnotation == imageconfig.Yes, "--created-annotation")
	identity := m.Identity
	if slices.Contains(m.UnsetLabels, identityLabel) {
		identity = imageconfig.No
	}
	add(identity == imageconfig.No, "--identity-label=false")
	add(identity == imageconfig.Yes, "--identity-label")
	add(m.OmitHistory, "--omit-history")
	if away {
		words = append(words, quoteAll(w.flags.Push)...)
	}
	return words
}

const identityLabel = "io.buildah.version"

// unsetLabels are flags of `config` for labels that a commit would drop.
func unsetLabels(img *imageconfig.Image, o builder.CommitOptions) (words []string) {
	for _, key := range o.Metadata.UnsetLabels {
		if _, set := img.OCI.Config.Labels[key]; set {
			words = append(words, flagWord("unsetlabel", listItem(key)))
		}
	}
	return words
}

// layerLabels are labels that the image does not have, as instructions.
func layerLabels(img *imageconfig.Image, labels []string) (changes []string) {
	for _, text := range labels {
		key, value := imageconfig.KeyValue(text)
		if _, set := img.OCI.Config.Labels[key]; !set {
			changes = append(changes, fmt.Sprintf("LABEL %q=%q", key, value))
		}
	}
	return changes
}

// asWritten is the configuration that a container on a committed image begins with.
func asWritten(img *imageconfig.Image, o builder.CommitOptions) imageconfig.Image {
	c := img.Clone()
	if o.Format.OrDefault() == imageconfig.FormatOCI {
		c.SetShell(nil)
		c.SetHealthcheck(nil)
		c.ClearOnBuild()
	}
	for _, key := range o.Metadata.UnsetEnv {
		c.UnsetEnv(key)
	}
	for _, text := range o.Metadata.LayerLabels {
		if key, value := imageconfig.KeyValue(text); c.OCI.Config.Labels[key] == "" {
			c.SetLabel(key, value)
		}
	}
	for _, key := range o.Metadata.UnsetLabels {
		c.UnsetLabel(key)
	}
	return c
}
