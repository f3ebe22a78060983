package imagebuildah

import (
	"context"
	"errors"
	"fmt"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// storeEngine builds in a store, with the verbs of package builder.
type storeEngine struct{ *builder.Engine }

// Start opens a workspace on a state.
func (e storeEngine) Start(st builder.State, o builder.FromOptions, _ origin) workspace {
	st.Image = st.Image.Clone() // the same state may be the base of several stages
	return &session{engine: e.Engine, st: st, o: o}
}

// Cache is the store's.
func (e storeEngine) Cache() *buildcache.Cache { return buildcache.Open(e.Store.GraphRoot()) }

// CheckNames finds names that the result could not have.
func (e storeEngine) CheckNames(names []string) error {
	for i, name := range names {
		dest, tags := name, []string(nil)
		if i > 0 {
			dest, tags = "", []string{name}
		}
		if _, err := e.Destination(dest, tags); err != nil {
			for errors.Unwrap(err) != nil { // all that is around it says the name once more
				err = errors.Unwrap(err)
			}
			return fmt.Errorf("tag %s: %w", name, err)
		}
	}
	return nil
}

// Name gives a stored image its names, or copies it to another transport.
func (e storeEngine) Name(ctx context.Context, id string, names []string, o builder.CommitOptions) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	d, err := e.Destination(names[0], names[1:])
	if err != nil {
		return nil, err
	}
	if d.Push != "" {
		_, _, err := e.Push(ctx, id, d.Push, o.Push)
		return nil, err
	}
	if err := e.Tag(id, d.Names); err != nil {
		return nil, err
	}
	return d.Names, e.SignStored(ctx, d, id, o.Push)
}

// Images are the IDs of all images of the store.
func (e storeEngine) Images(_ context.Context) (map[string]bool, error) {
	list, err := e.Store.Images()
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	ids := make(map[string]bool, len(list))
	for _, img := range list {
		ids[img.ID] = true
	}
	return ids, nil
}

// Remove deletes unnamed images. The layers that other images have stay.
func (e storeEngine) Remove(ctx context.Context, ids []string) error {
	_, err := e.RemoveIntermediate(ctx, ids)
	return err
}

// session is a workspace in a store: a state, and a working container on it once
// a step needs files.
type session struct {
	engine  *builder.Engine
	st      builder.State
	o       builder.FromOptions
	b       *builder.Builder
	changed bool
	linked  bool
}

// Step is for those that write steps down.
func (s *session) Step(string, place) {}

// Image is the live configuration.
func (s *session) Image() *imageconfig.Image {
	if s.b != nil {
		return s.b.Image()
	}
	return &s.st.Image
}

// State is the image as it was last committed.
func (s *session) State() builder.State { return s.st }

// Changed tells whether files were changed since the last commit.
func (s *session) Changed() bool { return s.changed || s.linked }

// Linked tells whether it was an Add that makes a layer of its own.
func (s *session) Linked() bool { return s.linked }

// open starts the working container.
func (s *session) open(ctx context.Context) error {
	if s.b != nil {
		return nil
	}
	b, err := s.engine.Start(ctx, s.st, s.o)
	if err != nil {
		return err
	}
	s.b = b
	return nil
}

// Run runs a command in the container.
func (s *session) Run(ctx context.Context, argv []string, o builder.RunOptions) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	s.changed = true
	return s.b.Run(ctx, argv, o)
}

// Add copies files into the container.
func (s *session) Add(ctx context.Context, dest string, sources []string, o builder.AddOptions) (builder.Added, error) {
	if err := s.open(ctx); err != nil {
		return builder.Added{}, err
	}
	s.linked, s.changed = o.Link, !o.Link
	return s.b.Add(ctx, dest, sources, o)
}

// MakeDir makes a directory where it is missing. An owner that the container
// does not know is root.
func (s *session) MakeDir(ctx context.Context, path, owner string) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	created, err := s.b.EnsureDir(ctx, path, owner)
	s.changed = s.changed || created
	return err
}

// Scan lists what the files are.
func (s *session) Scan(ctx context.Context, o builder.ScanOptions) ([]builder.AddFile, func() error, error) {
	if err := s.open(ctx); err != nil {
		return nil, nil, err
	}
	return s.b.Scan(ctx, o)
}

// Commit makes an image and goes on from it.
func (s *session) Commit(ctx context.Context, dest string, o builder.CommitOptions) (builder.Committed, error) {
	var done builder.Committed
	var err error
	live := s.Image().Clone()
	had := live.OCI.Config.Labels
	if s.Changed() || o.Squash {
		o.OnlyLinked = s.linked
		if err := s.open(ctx); err != nil {
			return done, err
		}
		done, err = s.b.Commit(ctx, dest, o)
	} else {
		st := s.st
		st.Image = *s.Image()
		done, err = s.engine.CommitState(ctx, st, dest, o)
		if err == nil {
			err = s.Delete(ctx)
		}
	}
	if err != nil {
		return done, err
	}
	s.b, s.changed, s.linked = nil, false, false // deleted, or left behind as asked for
	s.st = done.State
	for _, text := range o.Metadata.LayerLabels {
		key, _ := imageconfig.KeyValue(text)
		if _, own := had[key]; !own {
			s.st.Image.UnsetLabel(key) // it is about that image, not about those on top of it
		}
	}
	keepShell(&s.st.Image, &live)
	s.st.ImageName = "" // the next entry of the history does not stand on a name
	return done, s.refresh(done)
}

// Adopt goes on from what a step has come to before.
func (s *session) Adopt(ctx context.Context, r builder.Recalled) (bool, error) {
	st := s.st
	st.Image = *s.Image()
	next, ok, err := s.engine.Recall(st, r)
	if err != nil || !ok {
		return false, err
	}
	keepShell(&next.Image, &st.Image)
	if err := s.Delete(ctx); err != nil {
		return false, err
	}
	s.st = next
	return true, nil
}

// keepShell leaves later steps the SHELL, which a committed image may not have:
// the OCI format lacks it.
func keepShell(img, live *imageconfig.Image) {
	if len(img.Docker.Config.Shell) == 0 {
		img.SetShell(live.Docker.Config.Shell)
	}
}

// Preview gives the ID and the configuration that Commit would give.
func (s *session) Preview(o builder.CommitOptions) (string, []byte, error) {
	st := s.st
	st.Image = *s.Image()
	return s.engine.PreviewState(st, o)
}

// refresh takes the history from what was written.
func (s *session) refresh(done builder.Committed) error {
	if len(s.st.Config) == 0 {
		return nil
	}
	written, err := imageconfig.Parse(s.st.Config, done.Manifest.MediaType)
	if err != nil {
		return fmt.Errorf("reading back image %q: %w", done.ID, err)
	}
	s.st.Image.OCI.History = written.OCI.History
	return nil
}

// Fetch brings the image of the state into the store.
func (s *session) Fetch(ctx context.Context) (err error) {
	s.st, err = s.engine.Fetch(ctx, s.st)
	return err
}

// Root lends the root file system.
func (s *session) Root(ctx context.Context) (*copier.Root, func(), error) {
	if s.b != nil {
		return s.b.Lend(ctx)
	}
	b, err := s.engine.Start(ctx, s.st, builder.FromOptions{Owned: true, Suffix: "lent"})
	if err != nil {
		return nil, nil, err
	}
	remove := func() {
		if err := b.Delete(context.WithoutCancel(ctx)); err != nil && s.engine.Warn != nil {
			s.engine.Warn("removing the container of a source: %v", err)
		}
	}
	root, done, err := b.Lend(ctx)
	if err != nil {
		remove()
		return nil, nil, err
	}
	return root, func() { done(); remove() }, nil
}

// Keep leaves the working container to the user.
func (s *session) Keep(hint string) (string, error) {
	if s.b == nil {
		return "", nil
	}
	b := s.b
	if err := b.Keep(hint); err != nil {
		return "", err
	}
	s.b, s.changed = nil, false
	return b.Name(), nil
}

// Delete takes the working container away.
func (s *session) Delete(ctx context.Context) error {
	if s.b == nil {
		return nil
	}
	b := s.b
	s.b, s.changed = nil, false
	return b.Delete(ctx)
}

func parsePlatform(text string) (imageconfig.Platform, error) { return imageconfig.ParsePlatform(text) }
