package builder

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/layers"
)

// hasSteps tells whether steps have put layers on the base.
func (b *Builder) hasSteps() bool { return b.record.Steps != nil && b.record.Steps.Layers > 0 }

// TakeUp makes what the container holds besides steps a step, so that the steps after
// the commit that follows come from the cache again. A container that somebody is
// using is left as it is.
func (b *Builder) TakeUp(ctx context.Context) error {
	if b.engine.Steps == nil || b.owned {
		return nil
	}
	release, ok, err := b.engine.lockSteps(b.ID(), stepLock, unix.LOCK_EX)
	if err != nil || !ok {
		return err
	}
	defer release()
	switch reason, err := b.whyNoStep(); {
	case err != nil:
		return fmt.Errorf("taking the cache of %q up again: %w", b.Name(), err)
	case reason != "":
		b.engine.info("the cache of %q is not taken up: %s", b.Name(), reason)
		return nil
	}
	if !b.record.Steps.alive() {
		if b.record.Steps == nil {
			b.startChain()
		}
		b.record.Steps.Ended = ""
		if err := b.Save(); err != nil {
			return err
		}
		b.seal = b.record.Steps.Sum
	}
	_, err = b.keep(ctx, nil, History{CreatedBy: firstNonEmpty(b.record.CreatedBy, b.image.ShellText()), Comment: b.record.HistoryComment})
	return err
}

// whyNoStep tells why what the container holds cannot be a step.
func (b *Builder) whyNoStep() (string, error) {
	c, err := b.engine.Store.Container(b.ID())
	if err != nil {
		return "", err
	}
	if c.Metadata != "" {
		return "another program has made it", nil
	}
	if reason := b.whyNever(); reason != "" {
		return reason, nil
	}
	return b.inUse()
}

// onlySteps tells whether the container holds nothing besides steps, whose layers
// are all that a commit needs.
func (b *Builder) onlySteps(o CommitOptions) (bool, error) {
	if !b.hasSteps() || o.Squash || len(o.AddFiles) > 0 {
		return false, nil
	}
	if err := b.sweepStubs(); err != nil {
		return false, err
	}
	return layers.Unchanged(b.engine.Store, b.ID())
}

// pushSteps gives the state of a container that holds nothing besides steps.
func (b *Builder) pushSteps(ctx context.Context, st *State, o CommitOptions) error {
	if err := b.redate(ctx, st, 0, o); err != nil {
		return err
	}
	return b.pushMore(ctx, st, o)
}

// redate gives the layers of steps the times that the commit asks for, which were not
// known when they were made. more is the number of layers on top of those of steps.
func (b *Builder) redate(ctx context.Context, st *State, more int, o CommitOptions) error {
	clamp := o.Times.clamp()
	if clamp.Mode == layers.Keep || o.Squash || !b.hasSteps() {
		return nil
	}
	n := b.record.Steps.Layers + more
	chain, err := b.engine.Store.LayerChain(st.TopLayer)
	if err != nil || len(chain) < n {
		return err
	}
	base := len(chain) - n
	ids := st.Image.OCI.RootFS.DiffIDs[:base:base]
	st.Image.OCI.RootFS.DiffIDs, st.Image.Docker.RootFS.DiffIDs, st.TopLayer = ids, ids, ""
	if base > 0 {
		st.TopLayer = chain[base-1].ID
	}
	for _, l := range chain[base:] {
		dated, err := b.redated(ctx, st.TopLayer, l.ID, clamp)
		if err != nil {
			return err
		}
		st.push(dated, false)
	}
	return nil
}

// redated makes a layer with other times, or finds the one that was made before.
func (b *Builder) redated(ctx context.Context, parent, id string, clamp layers.Clamp) (layers.Layer, error) {
	var k buildcache.Key
	k.Add("version", "times "+stepVersion)
	k.Add("parent", parent)
	k.Add("layer", id)
	k.Add("times", strconv.Itoa(int(clamp.Mode))+" "+clamp.Time.UTC().Format(time.RFC3339))
	s, cache := b.engine.Store, b.engine.Steps
	if e, known := cache.Find(k); known && s.Claim(e.Layer) == nil { // until an image names it
		if chain, err := s.LayerChain(e.Layer); err == nil && len(chain) > 0 {
			top := chain[len(chain)-1]
			return layers.Layer{ID: top.ID, DiffID: top.DiffID, Size: top.Size, Parent: top.Parent, Reused: true}, nil
		}
		s.Release(e.Layer)
	}
	l, err := layers.Redate(ctx, s, parent, id, clamp)
	if err != nil {
		return l, err
	}
	return l, cache.Keep(k, buildcache.Entry{Layer: l.ID})
}

// stepHistory is the history of the base and of the steps on it: with the time that
// the commit asks for, and with what is said of the container's layer said of the last.
func (b *Builder) stepHistory(last bool, o CommitOptions) []History {
	history := append([]History(nil), b.image.OCI.History...)
	if fixed := o.Times.Fixed(); fixed != nil {
		created := fixed.UTC()
		for i := b.record.Steps.History; i < len(history); i++ {
			history[i].Created = &created
		}
	}
	if n := len(history); last && n > b.record.Steps.History {
		h := &history[n-1]
		h.CreatedBy = firstNonEmpty(o.CreatedBy, b.record.CreatedBy, h.CreatedBy)
		h.Comment = firstNonEmpty(o.Comment, b.record.HistoryComment, h.Comment)
	}
	return history
}

// commitKey gathers all that the image of a commit follows from. Nil means that it
// cannot be told.
func (b *Builder) commitKey(d Destination, o CommitOptions) (buildcache.Key, error) {
	r := &b.record
	if b.engine.Steps == nil || b.owned || !r.Steps.alive() || d.Push != "" || o.List != "" || o.Squash || len(o.AddFiles) > 0 {
		return nil, nil
	}
	if len(o.Metadata.Changes)+len(o.Metadata.Config) > 0 {
		return nil, nil // they may ask the environment
	}
	if reason, err := b.whyNot(); err != nil || reason != "" {
		return nil, err
	}
	k := b.stepKey("commit")
	k.Add("format", string(b.formatOf(o)))
	k.Add("options", textOf(o.OnlyLinked, o.OmitEmpty, o.Times, o.Metadata, o.CreatedBy, o.Comment, o.Pending, b.engine.Host.Version))
	k.Add("record", textOf(r.Annotations, r.CreatedBy, r.HistoryComment, r.AppendedEmptyLayers, b.image.Docker.Comment))
	return k, nil
}

// knownImage gives the image that the same commit has made before its names.
func (e *Engine) knownImage(key buildcache.Key, d Destination) (done Committed, known bool, err error) {
	if key == nil {
		return done, false, nil
	}
	entry, known := e.Steps.Find(key)
	if !known {
		return done, false, nil
	}
	r := Recalled{Config: entry.Config, MediaType: entry.MediaType, Layer: entry.Layer}
	st, known, err := e.Recall(State{}, r)
	if err != nil || !known {
		return done, false, err
	}
	if len(d.Names) > 0 {
		if err := e.Store.AddImageName(st.ImageID, d.Names...); err != nil {
			return done, false, err
		}
	}
	e.info("commit: image %s is known", st.ImageID)
	return Committed{ID: st.ImageID, Names: d.Names, State: st, Manifest: Descriptor{
		MediaType: entry.MediaType, Digest: st.ImageDigest, Size: int64(len(st.Manifest)),
	}}, true, nil
}

// keepImage remembers what a commit has come to.
func (e *Engine) keepImage(key buildcache.Key, f Format, st State) error {
	if key == nil {
		return nil
	}
	return e.Steps.Keep(key, buildcache.Entry{Config: st.Config, MediaType: f.MediaType(), Layer: st.TopLayer})
}
