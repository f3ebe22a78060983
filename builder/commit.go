package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/layers"
	"github.com/projectatomic/buildah/internal/transfer"
)

// CommitOptions adjusts [Builder.Commit] and [Engine.CommitState]. Each zero
// value is the documented default.
type CommitOptions struct {
	Format Format // "" means the container's own
	// OnlyLinked leaves out what changed in the container: only its linked layers count.
	OnlyLinked bool
	OmitEmpty  bool // without changes of files, no layer is made
	Squash     bool // one layer holds everything; the base's history is dropped
	Remove     bool // delete the container after success
	Times      Times
	Tags       []string             // further names, for destinations in the store
	Metadata   Metadata             // labels, annotations, history
	CreatedBy  string               // of the layer's history entry; "" means the record's
	Comment    string               // of the layer's history entry; "" means the record's
	Pending    []History            // entries without a layer, after those of the record
	AddFiles   []AddFile            // further files, in a layer of their own
	Push       transfer.PushOptions // for destinations other than the store
	List       string               // manifest list that the image is added to; "" means none
}

// Times fixes the times in an image, so that the same input gives the same bytes.
type Times struct {
	Timestamp *time.Time // of the image and of everything in new layers
	Epoch     *time.Time // of the image; layers keep theirs
	Rewrite   bool       // times in new layers later than Epoch become Epoch
}

// Fixed is the time of the image, nil when it is the clock's.
func (t Times) Fixed() *time.Time {
	if t.Timestamp != nil {
		return t.Timestamp
	}
	return t.Epoch
}

// clamp is what happens to the times of files in new layers.
func (t Times) clamp() layers.Clamp {
	switch {
	case t.Timestamp != nil:
		return layers.Clamp{Mode: layers.SetTo, Time: *t.Timestamp}
	case t.Epoch != nil && t.Rewrite:
		return layers.Clamp{Mode: layers.ClampTo, Time: *t.Epoch}
	}
	return layers.Clamp{}
}

// Metadata is what a commit changes in an image besides its layers.
type Metadata struct {
	Annotations       []string // key=value, added last
	UnsetAnnotations  []string
	CreatedAnnotation Choice // Default means yes
	Identity          Choice // the label io.buildah.version; Default means yes unless a time is fixed
	UnsetEnv          []string
	UnsetLabels       []string
	LayerLabels       []string // key=value, where the label is not set
	Changes           []string // Dockerfile instructions applied to the configuration
	Config            []byte   // a Docker container configuration merged over the configuration
	OmitHistory       bool
}

// Choice is yes, no, or not said.
type Choice = imageconfig.Choice

// Committed is what a commit made.
type Committed struct {
	ID       string // of the image: hexadecimal digest of its configuration
	Manifest Descriptor
	Names    []string // in the store
	// State is the image as a base for the next step. Its image is in the store
	// only when the destination was.
	State State
	// Written is how many bytes the layers have that the commit made, uncompressed.
	Written int64
}

// Descriptor tells what a manifest is.
type Descriptor struct {
	MediaType string
	Digest    digest.Digest
	Size      int64
}

// Commit makes an image of the container. dest is a name in the store, a
// reference of any transport that can be written, or "" for an image without a
// name. A container of the interpreter is gone afterwards: its upper directory
// has become the layer.
func (b *Builder) Commit(ctx context.Context, dest string, o CommitOptions) (Committed, error) {
	target, err := b.engine.Destination(dest, o.Tags)
	if err != nil {
		return Committed{}, err
	}
	err = errors.Join(checkCompression(target, b.formatOf(o), o.Push.Compression), b.engine.checkPush(target, o.Push), b.engine.checkList(target, o.List))
	if err != nil {
		return Committed{}, fmt.Errorf("committing %q: %w", b.Name(), err)
	}
	done, err := b.commit(ctx, target, o)
	if err == nil {
		err = b.engine.SignStored(ctx, target, done.ID, o.Push)
	}
	if err == nil && o.List != "" {
		_, err = b.engine.AddToList(o.List, []string{done.ID}, AddToListOptions{})
	}
	if err != nil {
		return Committed{}, fmt.Errorf("committing %q: %w", b.Name(), err)
	}
	if o.Remove || b.owned {
		if err := b.Delete(ctx); err != nil {
			return done, err
		}
	}
	return done, nil
}

// commit makes the image, or finds the one that the same commit has made before.
func (b *Builder) commit(ctx context.Context, target Destination, o CommitOptions) (Committed, error) {
	release, err := b.hold()
	if err != nil {
		return Committed{}, err
	}
	defer release()
	key, err := b.commitKey(target, o)
	if err != nil {
		return Committed{}, err
	}
	if done, known, err := b.engine.knownImage(key, target); err != nil || known {
		return done, err
	}
	st, err := b.freeze(ctx, o)
	if err != nil {
		return Committed{}, err
	}
	done, err := b.engine.publish(ctx, st, target, b.assembly(st, o))
	if err != nil {
		return Committed{}, err
	}
	return done, b.engine.keepImage(key, b.formatOf(o), done.State)
}

// CommitState makes an image of a state: a step that only changes the configuration.
func (e *Engine) CommitState(ctx context.Context, st State, dest string, o CommitOptions) (Committed, error) {
	target, err := e.Destination(dest, o.Tags)
	if err != nil {
		return Committed{}, err
	}
	if st, err = e.Fetch(ctx, st); err != nil {
		return Committed{}, err
	}
	if len(o.AddFiles) > 0 {
		extra, err := e.addFileLayer(ctx, st.TopLayer, o)
		if err != nil {
			return Committed{}, err
		}
		st.push(extra, false)
	}
	done, err := e.publish(ctx, st, target, e.stateAssembly(st, o))
	if err != nil {
		return Committed{}, err
	}
	return done, e.SignStored(ctx, target, done.ID, o.Push)
}

// PreviewState gives the ID and the configuration of the image that CommitState
// would make now.
func (e *Engine) PreviewState(st State, o CommitOptions) (id string, config []byte, err error) {
	a := e.stateAssembly(st, o)
	a.unsized = true // for the manifest, which nobody wants
	built, err := a.build(a.created())
	if err != nil {
		return "", nil, err
	}
	config, _, err = imageconfig.Render(built)
	return digest.FromBytes(config).Encoded(), config, err
}

func (e *Engine) stateAssembly(st State, o CommitOptions) assembly {
	return assembly{
		engine: e, options: o, image: st.Image, topLayer: st.TopLayer, baseHistory: st.Image.OCI.History, pending: o.Pending,
		annotations: st.Annotations, baseName: st.historyBaseName(), noHistory: st.NoHistory,
	}
}

// freeze makes the container's changes layers of the store and gives the state
// that they result in.
func (b *Builder) freeze(ctx context.Context, o CommitOptions) (State, error) {
	st := b.baseState()
	if o.OnlyLinked {
		return st, b.pushLinked(ctx, &st, o)
	}
	if known, err := b.onlySteps(o); err != nil || known {
		if err == nil {
			err = b.pushSteps(ctx, &st, o)
		}
		return st, err
	}
	layer, err := b.freezeLayer(ctx, o)
	if err != nil {
		return State{}, err
	}
	if o.OmitEmpty && !o.Squash && len(o.AddFiles) == 0 && layer.Empty() {
		return st, errors.Join(b.engine.Store.DropLayer(layer.ID), b.pushLinked(ctx, &st, o))
	}
	b.engine.hintSlow(layer)
	st.push(layer, o.Squash)
	err = b.redate(ctx, &st, 1, o)
	if err == nil {
		err = b.pushMore(ctx, &st, o)
	}
	if err != nil {
		return State{}, errors.Join(err, b.engine.Store.DropLayer(layer.ID))
	}
	return st, nil
}

// freezeLayer makes a layer of the container's changes, or of everything.
func (b *Builder) freezeLayer(ctx context.Context, o CommitOptions) (layers.Layer, error) {
	lo := layers.Options{Owned: b.owned && !b.shared, Clamp: o.Times.clamp()}
	freeze := layers.Freeze
	if o.Squash {
		freeze = layers.Squash
		if len(o.AddFiles) > 0 {
			if err := checkAddFiles(o.AddFiles); err != nil {
				return layers.Layer{}, err
			}
			lo.Extra = func(w *tar.Writer, clamp func(time.Time) time.Time) error { return writeAddFiles(w, o.AddFiles, clamp) }
		}
	}
	if err := b.sweepStubs(); err != nil {
		return layers.Layer{}, err
	}
	return freeze(ctx, b.engine.Store, b.ID(), lo)
}

// baseState is what the container's own changes go on top of.
func (b *Builder) baseState() State {
	r := &b.record
	return State{
		ImageID: r.FromImageID, ImageName: r.FromImage, ImageDigest: r.baseDigest(), TopLayer: r.TopLayer,
		Image: b.image, Annotations: r.Annotations, NoHistory: b.base.noHistory,
	}
}

// pushMore puts the layers on top that do not come from the container's own directory.
func (b *Builder) pushMore(ctx context.Context, st *State, o CommitOptions) error {
	if len(o.AddFiles) > 0 && !o.Squash {
		extra, err := b.engine.addFileLayer(ctx, st.TopLayer, o)
		if err != nil {
			return err
		}
		st.push(extra, false)
	}
	return b.pushLinked(ctx, st, o)
}

// push puts a layer on top, or in the place of all.
func (s *State) push(layer layers.Layer, alone bool) {
	ids := s.Image.OCI.RootFS.DiffIDs
	if alone {
		ids = nil
	}
	ids = append(ids[:len(ids):len(ids)], layer.DiffID)
	s.Image.OCI.RootFS.DiffIDs, s.Image.Docker.RootFS.DiffIDs = ids, ids
	s.TopLayer = layer.ID
	s.written += layer.Size
}

// formatOf is the format that was asked for, else the container's own.
func (b *Builder) formatOf(o CommitOptions) Format {
	if o.Format != "" {
		return o.Format
	}
	return imageconfig.FormatOf(b.record.Format)
}

// checkCompression refuses what an image of the docker format cannot say.
func checkCompression(d Destination, f Format, c transfer.Compression) error {
	if d.Push != "" && f == imageconfig.FormatDocker && strings.HasPrefix(c.Format, "zstd") {
		return fmt.Errorf("images of the docker format cannot have layers compressed with %q: use --format oci, or gzip", c.Format)
	}
	return nil
}

// assembly gathers what the new image's configuration and manifest are made of.
func (b *Builder) assembly(st State, o CommitOptions) assembly {
	a := assembly{
		engine: b.engine, options: o, image: st.Image, topLayer: st.TopLayer, annotations: b.record.Annotations,
		baseName: st.historyBaseName(), noHistory: st.NoHistory, containerID: b.ID(), squash: o.Squash,
		baseHistory: b.image.OCI.History,
	}
	a.options.Format = b.formatOf(o)
	a.pending = append(append(a.pending, b.record.PrependedEmptyLayers...), o.Pending...)
	a.trailing = b.record.AppendedEmptyLayers
	a.linked = b.linkedHistory(o)
	if o.OnlyLinked {
		return a
	}
	a.layerEntry = &History{
		CreatedBy: firstNonEmpty(o.CreatedBy, b.record.CreatedBy, b.image.ShellText()),
		Author:    b.image.OCI.Author, Comment: firstNonEmpty(o.Comment, b.record.HistoryComment),
	}
	same := len(st.Image.OCI.RootFS.DiffIDs) == len(b.image.OCI.RootFS.DiffIDs)+len(a.linked) && !o.Squash
	switch {
	case b.hasSteps():
		a.baseName, a.baseHistory = "", b.stepHistory(same, o) // the first step has named the base
		if same {
			a.layerEntry = nil
		}
	case same:
		a.pending, a.layerEntry = append(a.pending, *a.layerEntry), nil
	}
	return a
}

func firstNonEmpty(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
