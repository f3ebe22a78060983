package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
)

// assembly is what a new image's configuration and manifest are made of, once
// its layers are in the store.
type assembly struct {
	engine      *Engine
	options     CommitOptions
	image       imageconfig.Image // with the new layers' digests
	topLayer    string
	baseHistory []History
	annotations map[string]string
	baseName    string // for the history; "" when the base has none
	noHistory   bool   // the base's history is missing, so none is written
	containerID string
	squash      bool
	pending     []History
	layerEntry  *History // nil when there is no layer of the container
	trailing    []History
	linked      []History // of layers on top of all others
	unsized     bool      // layers need not be looked at, and may be absent
}

// Destination is where a commit goes.
type Destination struct {
	Names []string // in the store
	Push  string   // reference of another transport, "" for the store
}

// Destination checks and resolves where a commit goes before any work is done:
// dest may be of any transport, tags are further names in the store.
func (e *Engine) Destination(dest string, tags []string) (Destination, error) {
	var d Destination
	if dest != "" {
		ref, err := e.Images.ParseDestination(dest)
		if err != nil {
			return d, err
		}
		if !ref.Store {
			d.Push = dest
			if len(tags) > 0 {
				e.warn("don't know how to add tags to images stored in %q transport: %q", ref.Transport, tags)
			}
			return d, nil
		}
		d.Names = append(d.Names, ref.Name)
	}
	for _, name := range tags {
		full, err := e.Images.NormalizeTag(name)
		if err != nil {
			return d, fmt.Errorf("tag %s: %w", name, err)
		}
		d.Names = append(d.Names, full)
	}
	return d, nil
}

// publish writes the image into the store and, where asked for, from there to
// the destination; an image that was only needed for the way is taken away again.
func (e *Engine) publish(ctx context.Context, st State, d Destination, a assembly) (Committed, error) {
	created := a.created()
	built, err := a.build(created)
	if err != nil {
		return Committed{}, err
	}
	config, manifest, err := imageconfig.Render(built)
	if err != nil {
		return Committed{}, err
	}
	id := digest.FromBytes(config).Encoded()
	_, lookup := e.Store.Image(id)
	existed := lookup == nil
	id, err = e.Store.CreateImage(store.NewImage{
		Config: config, Manifest: manifest, TopLayer: st.TopLayer, Names: d.Names, Created: created,
	})
	if err != nil {
		return Committed{}, err
	}
	if st.Image, err = imageconfig.Parse(config, built.Format.MediaType()); err != nil {
		return Committed{}, err
	}
	st.ImageID, st.Annotations = id, built.Annotations
	st.Config, st.Manifest, st.ImageDigest = config, manifest, digest.FromBytes(manifest)
	written := st.written
	st.written = 0
	done := Committed{ID: id, Names: d.Names, State: st, Written: written, Manifest: Descriptor{
		MediaType: built.Format.MediaType(), Digest: digest.FromBytes(manifest), Size: int64(len(manifest)),
	}}
	if d.Push == "" {
		return done, nil
	}
	pushed, err := e.Images.Push(ctx, id, d.Push, a.options.Push)
	if !existed {
		err = errors.Join(err, e.Store.DeleteImage(id, true))
	}
	if err != nil {
		return Committed{}, err
	}
	done.Manifest = describe(pushed)
	return done, nil
}

// created is the time of the image.
func (a *assembly) created() time.Time {
	if fixed := a.options.Times.Fixed(); fixed != nil {
		return fixed.UTC()
	}
	return time.Now().UTC()
}

// describe tells what manifest a push wrote.
func describe(p transfer.Pushed) Descriptor {
	var m struct {
		MediaType string `json:"mediaType"`
	}
	// A manifest that was just written is JSON; the oldest kind has no media type.
	if json.Unmarshal(p.Manifest, &m) != nil || m.MediaType == "" {
		m.MediaType = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	}
	return Descriptor{MediaType: m.MediaType, Digest: p.ManifestDigest, Size: int64(len(p.Manifest))}
}

// build applies what the options ask for to the configuration and gives what is rendered.
func (a *assembly) build(created time.Time) (imageconfig.Build, error) {
	m := a.options.Metadata
	img := a.image.Clone()
	for _, key := range m.UnsetEnv {
		img.UnsetEnv(key)
	}
	if err := img.Override(m.Config, m.Changes, a.engine.Host.Lookup); err != nil {
		return imageconfig.Build{}, err
	}
	fixed := a.options.Times.Fixed() != nil
	a.label(&img, fixed)
	b := imageconfig.Build{
		Format: a.options.Format.OrDefault(), Image: img, Created: created, FixedTime: fixed, ContainerID: a.containerID,
		History: a.history(created), Annotations: a.annotate(created),
	}
	if a.unsized {
		for _, id := range img.OCI.RootFS.DiffIDs {
			b.Layers = append(b.Layers, imageconfig.Layer{Digest: id})
		}
		return b, nil
	}
	layers, err := a.engine.layerList(img.OCI.RootFS.DiffIDs, a.topLayer)
	b.Layers = layers
	return b, err
}

// layerList describes the layers up to top, which have these digests.
func (e *Engine) layerList(diffIDs []digest.Digest, top string) ([]imageconfig.Layer, error) {
	chain, err := e.Store.LayerChain(top)
	if err != nil {
		return nil, err
	}
	if len(chain) != len(diffIDs) {
		return nil, fmt.Errorf("the configuration names %d layers, but the store has %d up to %q", len(diffIDs), len(chain), top)
	}
	list := make([]imageconfig.Layer, len(chain))
	for i, l := range chain {
		list[i] = imageconfig.Layer{Digest: diffIDs[i], Size: l.Size}
	}
	return list, nil
}

// label sets and drops labels: fill-ins first, then our own, then what is to go.
func (a *assembly) label(img *imageconfig.Image, fixed bool) {
	m := a.options.Metadata
	for _, text := range m.LayerLabels {
		key, value := imageconfig.KeyValue(text)
		if _, set := img.OCI.Config.Labels[key]; !set {
			img.SetLabel(key, value)
		}
	}
	if m.Identity == imageconfig.Yes || (m.Identity == imageconfig.Default && !fixed) {
		img.SetLabel("io.buildah.version", a.engine.Host.Version)
	}
	for _, key := range m.UnsetLabels {
		img.UnsetLabel(key)
	}
}

const annotationCreated = "org.opencontainers.image.created"

// annotate gives the annotations of the manifest, in the order of spec record.md 5.5.
func (a *assembly) annotate(created time.Time) map[string]string {
	m := a.options.Metadata
	all := map[string]string{}
	for k, v := range a.annotations {
		all[k] = v
	}
	delete(all, annotationCreated)
	if m.CreatedAnnotation != imageconfig.No {
		all[annotationCreated] = created.Format(time.RFC3339Nano)
	}
	for _, key := range m.UnsetAnnotations {
		delete(all, key)
	}
	for _, text := range m.Annotations {
		key, value := imageconfig.KeyValue(text)
		all[key] = value
	}
	return all
}

// history gives the entries of the new image, in the order of spec record.md 5.4.
func (a *assembly) history(created time.Time) []History {
	if a.options.Metadata.OmitHistory {
		return nil
	}
	if a.noHistory && !a.squash {
		return a.baseHistory
	}
	var added []History
	added = append(added, a.pending...)
	for i := range added {
		added[i].EmptyLayer = true
	}
	if a.layerEntry != nil {
		added = append(added, *a.layerEntry)
	}
	if len(a.options.AddFiles) > 0 && !a.squash {
		added = append(added, History{CreatedBy: a.addFileText()})
	}
	for _, h := range a.trailing {
		h.EmptyLayer = true
		added = append(added, h)
	}
	added = append(added, a.linked...)
	a.date(added, created)
	if a.squash {
		return added
	}
	return append(a.baseHistory[:len(a.baseHistory):len(a.baseHistory)], added...)
}

// date fills the entries' times, and names the base in the first of them.
func (a *assembly) date(entries []History, created time.Time) {
	fixed := a.options.Times.Fixed() != nil
	for i := range entries {
		if entries[i].Created == nil || fixed {
			entries[i].Created = &created
		}
	}
	if a.baseName == "" || len(entries) == 0 {
		return
	}
	text := "FROM " + a.baseName
	if c := entries[0].Comment; c != "" {
		text = c + " " + text
	}
	entries[0].Comment = text
}

// addFileText is the created_by of the layer of --add-file. The stray end is
// what other readers of such histories expect.
func (a *assembly) addFileText() string {
	ids := a.image.OCI.RootFS.DiffIDs
	return "/bin/sh -c #(nop) ADD dir:" + ids[len(ids)-1-len(a.linked)].Encoded() + " in /\","
}

// historyTime is the time for entries of the record.
func historyTime() *time.Time {
	now := time.Now().UTC()
	return &now
}
