package builder

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/layers"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
)

// absent is what a state stands on that is not in the store: its image, and layers
// that others have. They are fetched once files are needed, or an image that others
// can see. It does not change; states on top of each other share it.
type absent struct {
	base   *awaited // an image whose layers are all absent; nil when bottom is there
	bottom string   // the layer that the first of layers stands on, "" for none
	layers []absentLayer
}

// awaited is an image of a registry of which only the configuration was read.
type awaited struct {
	name    string // as it was asked for
	exact   string // by digest
	id      string
	options transfer.PullOptions
}

// absentLayer is a layer of a step that another machine has carried out.
type absentLayer struct {
	buildcache.RemoteLayer
	repo *transfer.CacheRepo // nil when nobody says that it may be fetched
	tag  string
}

// LostLayerError is a layer of a cached step that cannot be had, although the step
// was taken from the cache.
type LostLayerError struct {
	Key   string // digest of the step's key
	Place string
	Err   error
}

func (l *LostLayerError) Error() string {
	return fmt.Sprintf("fetching a layer of a cached step from %q: %v", l.Place, l.Err)
}

func (l *LostLayerError) Unwrap() error { return l.Err }

// with is what a state stands on that has further layers.
func (a *absent) with(top string, more []absentLayer) *absent {
	next := absent{bottom: top}
	if a != nil {
		next = *a
	}
	next.layers = append(next.layers[:len(next.layers):len(next.layers)], more...)
	return &next
}

// Fetch brings the image of a state into the store, where it is not there.
func (e *Engine) Fetch(ctx context.Context, st State) (State, error) {
	a := st.absent
	if a == nil {
		return st, nil
	}
	e.fetching.Lock() // who wants the same finds it
	defer e.fetching.Unlock()
	bottom := a.bottom
	if a.base != nil {
		var err error
		if bottom, err = e.fetchBase(ctx, *a.base); err != nil {
			return st, err
		}
	}
	top, made, err := e.fetchLayers(ctx, bottom, a.layers)
	if err == nil {
		err = e.writeAbsent(&st, top)
	}
	if err != nil {
		return st, errors.Join(err, e.dropLayers(made))
	}
	st.TopLayer, st.absent = top, nil
	return st, nil
}

// writeAbsent writes the record of an image whose layers are there now.
func (e *Engine) writeAbsent(st *State, top string) error {
	if st.ImageID == "" {
		return nil
	}
	if _, err := e.Store.Image(st.ImageID); err == nil {
		return nil
	}
	image := store.NewImage{Config: st.Config, Manifest: st.Manifest, TopLayer: top}
	if created := st.Image.OCI.Created; created != nil {
		image.Created = *created
	}
	_, err := e.Store.CreateImage(image)
	return err
}

// dropLayers takes back layers, the last first.
func (e *Engine) dropLayers(ids []string) error {
	var errs []error
	for _, id := range slices.Backward(ids) {
		errs = append(errs, e.Store.DropLayer(id))
	}
	return errors.Join(errs...)
}

// fetchBase pulls an image whose configuration is known already, and gives its top
// layer. The name may lead to another one by now.
func (e *Engine) fetchBase(ctx context.Context, a awaited) (string, error) {
	var pulled transfer.Pulled
	for _, name := range []string{a.name, a.exact} {
		if _, err := e.Store.Image(a.id); err == nil {
			break // another stage was here
		}
		var err error
		if pulled, err = e.Images.Pull(ctx, name, a.options); err != nil {
			return "", err
		}
		if pulled.ID == a.id {
			break
		}
	}
	for _, text := range pulled.Warnings {
		e.warn("%s", text)
	}
	img, err := e.Store.Image(a.id)
	if err != nil {
		return "", fmt.Errorf("pulling %q: %w", a.exact, err)
	}
	return img.TopLayer, nil
}

// parallelFetches is how many layers are fetched at once.
const parallelFetches = 6

// fetchLayers brings layers into the store. It gives the one on top, and those that
// are new.
func (e *Engine) fetchLayers(ctx context.Context, bottom string, list []absentLayer) (top string, made []string, err error) {
	top, list = e.present(bottom, list)
	received := make([]*layers.Received, len(list))
	defer func() {
		for _, r := range received {
			if r != nil {
				err = errors.Join(err, r.Close())
			}
		}
	}()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelFetches)
	for i, l := range list {
		group.Go(func() (err error) {
			received[i], err = e.receive(groupCtx, l)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return "", nil, err
	}
	for i, l := range list {
		put, err := received[i].Put(ctx, e.Store, top)
		if err != nil {
			return "", made, err
		}
		l.repo.Remember(l.artifact())
		top, made = put.ID, append(made, put.ID)
	}
	return top, made, nil
}

// present leaves out the layers that the store has, from the first one on.
func (e *Engine) present(bottom string, list []absentLayer) (top string, rest []absentLayer) {
	for i, l := range list {
		id := layers.ChainID(bottom, l.DiffID)
		if layer, err := e.Store.Raw().Layer(id); err != nil || layer.ID != id {
			return bottom, list[i:]
		}
		bottom = id
	}
	return bottom, nil
}

// receive fetches one layer. What is wrong with this machine, or what the user has
// stopped, is not the other side's fault.
func (e *Engine) receive(ctx context.Context, l absentLayer) (*layers.Received, error) {
	lost := &LostLayerError{Key: l.tag, Place: "nowhere"}
	if l.repo == nil {
		lost.Err = errors.New("it is not in the store any more")
		return nil, lost
	}
	lost.Place = l.repo.Place().String()
	body, err := l.repo.Layer(ctx, l.tag, l.artifact())
	if err == nil {
		var r *layers.Received
		r, err = layers.Receive(ctx, e.Store, body, layers.Sent{Digest: l.Digest, Size: l.Size, DiffID: l.DiffID, Unpacked: l.Unpacked})
		_ = body.Close() // all that was needed has been read and checked
		if err == nil {
			return r, nil
		}
	}
	if ctx.Err() != nil || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return nil, fmt.Errorf("fetching a layer from %q: %w", lost.Place, err)
	}
	lost.Err = err
	return nil, lost
}

// artifact is the layer in the words of the place that it lies at.
func (l *absentLayer) artifact() transfer.ArtifactLayer {
	return transfer.ArtifactLayer{DiffID: l.DiffID, Digest: l.Digest, Size: l.Size, MediaType: l.MediaType}
}

// recallRemote goes on from what another machine has made of a step on st. It is false
// when that does not fit, or when layers are neither here nor to be had.
func (e *Engine) recallRemote(st State, r Recalled, parsed imageconfig.Image) (State, bool, error) {
	before, all := st.Image.OCI.RootFS.DiffIDs, parsed.OCI.RootFS.DiffIDs
	added := r.Remote.Layers
	if len(r.Remote.Manifest) == 0 || r.From.isRejected(r.Key) || len(all) != len(before)+len(added) || !slices.Equal(all[:len(before)], before) {
		return st, false, nil
	}
	top, more := st.TopLayer, make([]absentLayer, len(added))
	repo := r.From.repo(r.Remote.Place)
	for i, l := range added {
		if l.DiffID != all[len(before)+i] {
			return st, false, nil
		}
		more[i] = absentLayer{RemoteLayer: l, repo: repo, tag: r.Key}
		top = layers.ChainID(top, l.DiffID)
	}
	if _, missing := e.present(st.TopLayer, more); repo == nil && len(missing) > 0 {
		return st, false, nil
	}
	annotations, err := imageconfig.ParseAnnotations(r.Remote.Manifest)
	if err != nil {
		return st, false, fmt.Errorf("reading the manifest of a cached step: %w", err)
	}
	return State{
		ImageID: r.ID(), ImageDigest: digest.FromBytes(r.Remote.Manifest), TopLayer: top,
		Image: parsed, Annotations: annotations, Config: r.Config, Manifest: r.Remote.Manifest,
		NoHistory: st.NoHistory, transport: st.transport, absent: st.absent.with(st.TopLayer, more),
	}, true, nil
}

// peek is Base for an image of a registry whose files nobody may need: it reads the
// configuration only. false means that Base has to do it.
func (e *Engine) peek(ctx context.Context, image string, o transfer.PullOptions) (State, bool) {
	p, ok := e.Images.Peek(ctx, image, o)
	if !ok {
		return State{}, false
	}
	st, err := newState(p.Config, p.Manifest, p.MediaType)
	if err != nil {
		return State{}, false
	}
	st.ImageID, st.ImageName, st.ImageDigest = digest.FromBytes(p.Config).Encoded(), p.Name, p.ManifestDigest
	for _, id := range st.Image.OCI.RootFS.DiffIDs {
		st.TopLayer = layers.ChainID(st.TopLayer, id)
	}
	st.absent = &absent{base: &awaited{name: image, exact: p.Exact, id: st.ImageID, options: o}}
	st.setBaseAnnotations()
	return st, true
}
