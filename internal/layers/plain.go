package layers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/idtools"

	"github.com/projectatomic/buildah/internal/store"
)

// plain makes the layer by way of a tar stream in a temporary file, which write
// fills by walking once. The store unpacks it in a second go, as its locks are
// not held while a container's tree is read.
func (f *freezer) plain(ctx context.Context, write func(context.Context, *walker) error) (Layer, error) {
	spool, err := newSpool(f.store)
	if err != nil {
		return Layer{}, err
	}
	defer spool.file.Close()
	err = spool.fill(func(to io.Writer) error {
		w := newWalker(to, &reader{})
		w.stubs, w.clamp = &f.stubs, f.opts.Clamp
		return write(ctx, w)
	})
	if err != nil {
		return Layer{}, err
	}
	l, err := spool.put(ctx, f.store, f.parent)
	l.Slow = f.slowOption()
	return l, err
}

// fromUpper walks the upper directory of an overlay whose owners on disk are not
// those of the container.
func (f *freezer) fromUpper(p place) func(context.Context, *walker) error {
	return func(ctx context.Context, w *walker) error {
		w.convert, w.lowers = archive.GetWhiteoutConverter(archive.OverlayWhiteoutFormat, p.lowers), p.lowers
		w.ids = idtools.NewIDMappingsFromMaps(f.layer.UIDMap, f.layer.GIDMap)
		return w.walk(ctx, p.upper)
	}
}

// spool is a tar stream in an unlinked file on the store's own file system.
type spool struct {
	file *os.File
	sum  digest.Digest
	size int64
}

func newSpool(s *store.Store) (*spool, error) {
	file, err := unlinked(s.GraphRoot())
	return &spool{file: file}, err
}

// fill takes the stream in that write makes, and hashes it on the way.
func (s *spool) fill(write func(io.Writer) error) error {
	d := newDigester(nil)
	defer d.abort()
	err := write(io.MultiWriter(s.file, d))
	if err != nil {
		return err
	}
	s.size = d.size
	s.sum, err = d.finish()
	return err
}

// put stores the stream as a layer on parent, unless the store has it. Nobody
// else can write to the spool, so its digest is not computed again.
func (s *spool) put(ctx context.Context, st *store.Store, parent string) (Layer, error) {
	l := Layer{ID: ChainID(parent, s.sum), DiffID: s.sum, Size: s.size, Parent: parent, Path: PathPlain}
	if err := st.Claim(l.ID); err != nil { // until an image names it
		return Layer{}, err
	}
	unlock, err := st.LockLayer(l.ID)
	if err != nil {
		return Layer{}, err
	}
	defer unlock()
	l, found, err := existing(st, l)
	if err != nil || found {
		return l, err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return Layer{}, fmt.Errorf("storing layer %q: %w", l.ID, err)
	}
	o := unmapped()
	o.OriginalDigest, o.OriginalSize, o.UncompressedDigest = s.sum, &s.size, s.sum
	_, _, err = st.Raw().PutLayer(l.ID, parent, nil, "", false, o, &ctxReader{ctx, s.file})
	if errors.Is(err, storage.ErrDuplicateID) {
		l.Reused = true // another tool, which knows nothing of our lock, was faster
		return l, nil
	}
	if err != nil {
		return Layer{}, fmt.Errorf("storing layer %q: %w", l.ID, err)
	}
	return l, nil
}

// ctxReader stops reading when the context ends.
type ctxReader struct {
	ctx context.Context //nolint:containedctx // lives as long as one copy
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
