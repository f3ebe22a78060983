// Package layers turns what a working container changed into a read-only layer:
// it freezes the container's own directory where that is possible, copies it
// where it is not, and computes the digests that images name layers by.
package layers

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/store"
)

// Options adjusts [Freeze] and [Squash].
type Options struct {
	// Owned is a container that nobody but the caller knows, which will be
	// deleted next, and whose processes are all gone: every command that ran in
	// it had a PID namespace of its own. Its upper directory may become the layer.
	// False clones the directory, and leaves the container whole.
	Owned bool
	Clamp Clamp // of modification times; zero keeps them
	// Extra writes further entries into the one layer of Squash, with their times
	// clamped; nil has none.
	Extra func(w *tar.Writer, clamp func(time.Time) time.Time) error
}

// Clamp changes the modification times of what goes into a layer.
type Clamp struct {
	Mode ClampMode
	Time time.Time
}

// ClampMode is what a [Clamp] does.
type ClampMode int

const (
	// Keep leaves times alone.
	Keep ClampMode = iota
	// SetTo gives every entry the time: --timestamp.
	SetTo
	// ClampTo gives the time to what is later: --source-date-epoch with --rewrite-timestamp.
	ClampTo
)

// apply gives the time that t becomes.
func (c Clamp) apply(t time.Time) time.Time {
	if c.Mode == SetTo || (c.Mode == ClampTo && t.After(c.Time)) {
		t = c.Time
	}
	return storable(t)
}

// storable is the nearest time that a pull leaves on disk. A tar has whole seconds
// here, and storage gives what is before 1970 or after 2262 the time 0: the layer
// would differ from its own tar wherever it is pulled.
func storable(t time.Time) time.Time {
	first, last := time.Unix(0, 0), time.Unix(0, math.MaxInt64)
	if t.Before(first) {
		return first
	}
	if t.After(last) {
		t = last
	}
	return t.Truncate(time.Second)
}

// The ways in which a layer came to be.
const (
	PathRename = "rename" // the container's directory was renamed; its container is of no more use
	PathClone  = "clone"  // copied and hashed in one pass
	PathPlain  = "plain"  // a tar stream through a temporary file
)

// Layer is a read-only layer in the store.
type Layer struct {
	ID     string
	DiffID digest.Digest // of the uncompressed tar
	Size   int64         // of the uncompressed tar
	Parent string        // "" when it is the first
	Path   string        // PathRename, PathClone or PathPlain
	Reused bool          // the store had it already
	Slow   string        // the setting of the store that rules the fast ways out, "" when none does
}

// emptyTar is the size of an archive that holds nothing: two blocks of zeros.
const emptyTar = 1024

// Empty tells whether the layer changes no file.
func (l *Layer) Empty() bool { return l.Size <= emptyTar }

// ChainID is the ID of a layer in the store. It is the one that containers/image
// gives to a layer that it pulls, so that the same layer is stored once.
func ChainID(parent string, diffID digest.Digest) string {
	if parent == "" {
		return diffID.Encoded()
	}
	return digest.Canonical.FromString(parent + "+" + diffID.Encoded()).Encoded()
}

// errNeedsPlain is a directory that says something only the mounted file system
// can answer.
var errNeedsPlain = errors.New("the directory alone does not tell the content")

// Freeze makes a layer of what the container changed, on top of its image's top
// layer. A layer that the store has already is reused.
//
// Killed at any instruction it leaves a store that can be used: a layer is
// recorded as incomplete before anything is put in its place, and storage removes
// it when it is next opened; staging directories and temporary files belong to
// nobody. Only an owned container may lose its content on the way.
func Freeze(ctx context.Context, s *store.Store, containerID string, o Options) (Layer, error) {
	f, err := newFreezer(s, containerID, o)
	if err != nil {
		return Layer{}, fmt.Errorf("freezing container %q: %w", containerID, err)
	}
	l, err := f.freeze(ctx)
	if err != nil {
		return Layer{}, fmt.Errorf("freezing container %q: %w", containerID, err)
	}
	return l, nil
}

// freezer is one Freeze.
type freezer struct {
	store     *store.Store
	container store.Container
	layer     *storage.Layer // the container's
	parent    string         // of the new layer
	opts      Options
	stubs     stubSet
}

func newFreezer(s *store.Store, containerID string, o Options) (*freezer, error) {
	c, err := s.Container(containerID)
	if err != nil {
		return nil, err
	}
	layer, err := s.Raw().Layer(c.LayerID)
	if err != nil {
		return nil, err
	}
	dir, err := s.ContainerDir(c.ID)
	if err != nil {
		return nil, err
	}
	stubs, err := readStubs(dir)
	if err != nil {
		return nil, err
	}
	f := &freezer{store: s, container: c, layer: layer, parent: layer.Parent, opts: o, stubs: stubs}
	if c.ImageID != "" {
		// A container with ID maps may stand on a mapped copy of the image's layer.
		if img, err := s.Raw().Image(c.ImageID); err == nil {
			f.parent = img.TopLayer
		}
	}
	return f, nil
}

func (f *freezer) freeze(ctx context.Context) (Layer, error) {
	place, ok, err := f.overlay()
	switch {
	case err != nil:
		return Layer{}, err
	case !ok:
		return f.plain(ctx, f.fromMerged)
	case f.mapped():
		return f.plain(ctx, f.fromUpper(place))
	}
	if f.mayRename(place) {
		l, err := f.rename(ctx, place)
		switch {
		case errors.Is(err, errNeedsPlain):
			return f.plain(ctx, f.fromMerged)
		case !errors.Is(err, unix.EXDEV):
			return l, err
		}
		// Another file system or another quota: the directory is where it was.
	}
	l, err := f.clone(ctx, place)
	if errors.Is(err, errNeedsPlain) {
		return f.plain(ctx, f.fromMerged)
	}
	return l, err
}

// existing looks for a layer that was made before. The caller holds its lock.
func existing(s *store.Store, l Layer) (Layer, bool, error) {
	have, err := s.Raw().Layer(l.ID)
	if errors.Is(err, storage.ErrLayerUnknown) {
		return l, false, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("looking up layer %q: %w", l.ID, err)
	}
	if have.ID != l.ID {
		return l, false, nil // a prefix or a name
	}
	l.Reused = true
	return l, true, nil
}
