package builder

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// openSource opens the root that the sources are looked up in, and gives the
// sources as paths below it. The caller calls the function when it has copied.
func (a *adding) openSource(ctx context.Context, sources []string) (*copier.Root, []string, func(), error) {
	s := a.o.Source
	switch {
	case s.Root != nil:
		return s.Root, sources, func() {}, nil
	case s.From != "":
		root, done, err := a.openFrom(ctx)
		return root, sources, done, err
	case s.ContextDir != "":
		root, err := copier.OpenRoot(s.ContextDir)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("opening the context directory: %w", err)
		}
		return root, sources, func() { root.Close() }, nil
	}
	// Without a context the caller names files of the host, as with cp.
	root, err := copier.OpenRoot("/")
	if err != nil {
		return nil, nil, nil, err
	}
	absolute := make([]string, len(sources))
	for i, path := range sources {
		absolute[i] = path
		if !filepath.IsAbs(path) {
			absolute[i] = joinKeepingDot(s.Cwd, path)
		}
	}
	return root, absolute, func() { root.Close() }, nil
}

// joinKeepingDot joins without cleaning, so that a pivot "/./" of --parents stays.
func joinKeepingDot(dir, path string) string {
	return dir + "/" + path
}

// openFrom opens the root of another container or of an image. An image is
// mounted through a container that nobody else sees and that goes with done.
func (a *adding) openFrom(ctx context.Context) (*copier.Root, func(), error) {
	return a.engine.openRoot(ctx, a.o.Source.From, a.o.Source.Base)
}

// openRoot opens the root of a container, or else of an image.
func (e *Engine) openRoot(ctx context.Context, from string, o BaseOptions) (*copier.Root, func(), error) {
	other, err := Open(e, from)
	temporary := errors.Is(err, ErrNotFound)
	if temporary {
		other, err = e.lend(ctx, from, o)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("opening the source %q: %w", from, err)
	}
	root, done, err := other.Lend(ctx)
	if err != nil && temporary {
		err = errors.Join(err, other.Delete(ctx))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("opening the source %q: %w", from, err)
	}
	return root, func() {
		done()
		if temporary {
			if err := other.Delete(context.WithoutCancel(ctx)); err != nil {
				e.warn("removing the temporary container of %q: %v", from, err)
			}
		}
	}, nil
}

// lend makes a container on an image for the sake of its root file system.
func (e *Engine) lend(ctx context.Context, image string, o BaseOptions) (*Builder, error) {
	st, err := e.Base(ctx, image, o)
	if err != nil {
		return nil, err
	}
	return e.Start(ctx, st, FromOptions{Owned: true, Suffix: "lent"})
}

// Lend mounts the container and opens its root for reading; the caller calls
// finish when it is finished with it.
func (b *Builder) Lend(_ context.Context) (root *copier.Root, finish func(), err error) {
	release, err := b.hold()
	if err != nil {
		return nil, nil, err
	}
	path, done, err := b.engine.Store.Use(b.ID(), b.record.MountLabel)
	if err != nil {
		release()
		return nil, nil, fmt.Errorf("mounting %q: %w", b.Name(), err)
	}
	unmount := func() {
		defer release()
		if err := done(); err != nil {
			b.engine.warn("unmounting %q: %v", b.Name(), err)
		}
	}
	root, err = copier.OpenRoot(path)
	if err != nil {
		unmount()
		return nil, nil, fmt.Errorf("opening the root of %q: %w", b.Name(), err)
	}
	root.TranslateOwners(b.owners())
	return root, func() { root.Close(); unmount() }, nil
}

// SourceDigest is the digest of sources below Source.Root, as [Added] will have it,
// without reading what sums knows. Sources that are to be fetched are left out.
func (o AddOptions) SourceDigest(ctx context.Context, sources []string, sums copier.Sums) (string, error) {
	local, _ := splitSources(sources)
	if len(local) == 0 {
		return "", nil
	}
	options := o.copyOptions()
	options.Each, options.Never = o.Each, o.Source.Never
	result, err := copier.Digest(ctx, o.Source.Root, local, options, sums)
	return result.Sources, err
}

// copyOptions are the options of an add in the words of the copier.
func (a *adding) copyOptions() copier.CopyOptions {
	o := a.o.copyOptions()
	o.Never = a.engine.Store.GraphRoot()
	o.Chown, o.Chmod = a.owner, a.mode
	o.Note = func(text string) { a.engine.warn("%s", text) }
	return o
}

// copyOptions are those that need no container.
func (o AddOptions) copyOptions() copier.CopyOptions {
	s := o.Selection
	return copier.CopyOptions{
		Times:      o.Timestamp,
		KeepOwner:  o.Source.KeepOwner || o.Source.From != "",
		StripSetID: o.Ownership.StripSetID,
		Exclude:    s.Ignore, Parents: s.Parents, NoLinks: s.NoFollowSymlink, Whole: s.Whole,
		LiteralNames: s.Literal, AllowEmptyGlob: s.AllowEmptyGlob,
		Extract: o.Extract && o.Unpack != imageconfig.No,
	}
}
