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

// source gives a tar stream of what a container changed. The caller closes it.
type source func(ctx context.Context) (io.ReadCloser, error)

// storeDiff is the source that every driver has.
func (f *freezer) storeDiff(context.Context) (io.ReadCloser, error) {
	none := archive.Uncompressed
	return f.store.Raw().Diff("", f.layer.ID, &storage.DiffOptions{Compression: &none})
}

// mergedDiff is the source for an upper directory that refers to lower ones, as
// after a mount with redirect_dir or metacopy: storage would take it at its word,
// so the mounted trees are compared.
func (f *freezer) mergedDiff(context.Context) (io.ReadCloser, error) {
	merged, err := f.store.Mount(f.container.ID, f.container.MountLabel)
	if err != nil {
		return nil, err
	}
	done := func() error { _, err := f.store.Unmount(f.container.ID); return err }
	base, doneBase, err := f.mountParent()
	if err != nil {
		return nil, errors.Join(err, done())
	}
	undo := func() error { return errors.Join(doneBase(), done()) }
	changes, err := archive.ChangesDirs(merged, &idtools.IDMappings{}, base, &idtools.IDMappings{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("comparing %q with its base: %w", f.container.ID, err), undo())
	}
	diff, err := archive.ExportChanges(merged, changes, nil, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the changes of %q: %w", f.container.ID, err), undo())
	}
	return &closer{ReadCloser: diff, then: undo}, nil
}

// mountParent mounts what the container stands on; nothing when it is scratch.
func (f *freezer) mountParent() (path string, done func() error, err error) {
	raw := f.store.Raw()
	if f.layer.Parent == "" {
		dir, err := os.MkdirTemp("", "buildah-empty-")
		return dir, func() error { return os.Remove(dir) }, err
	}
	path, err = raw.Mount(f.layer.Parent, "")
	if err != nil {
		return "", nil, fmt.Errorf("mounting the base of %q: %w", f.container.ID, err)
	}
	return path, func() error { _, err := raw.Unmount(f.layer.Parent, false); return err }, nil
}

// closer does one thing more when it is closed.
type closer struct {
	io.ReadCloser
	then func() error
}

func (c *closer) Close() error { return errors.Join(c.ReadCloser.Close(), c.then()) }

// plain makes the layer by way of a tar stream.
func (f *freezer) plain(ctx context.Context, from source) (Layer, error) {
	spool, err := newSpool(f.store)
	if err != nil {
		return Layer{}, err
	}
	defer spool.file.Close()
	diff, err := from(ctx)
	if err != nil {
		return Layer{}, fmt.Errorf("reading the changes: %w", err)
	}
	// storage keeps its layers locked until the stream is closed
	err = spool.fill(ctx, diff)
	if err = errors.Join(err, diff.Close()); err != nil {
		return Layer{}, fmt.Errorf("reading the changes: %w", err)
	}
	rw, err := f.rewriting(spool)
	if err != nil {
		return Layer{}, err
	}
	return spool.put(ctx, f.store, f.parent, rw)
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

// fill takes the stream in, and hashes it on the way.
func (s *spool) fill(ctx context.Context, r io.Reader) error {
	d := newDigester(nil)
	defer d.abort()
	_, err := io.CopyBuffer(io.MultiWriter(s.file, d), &ctxReader{ctx, r}, make([]byte, chunkSize))
	if err != nil {
		return err
	}
	s.size = d.size
	s.sum, err = d.finish()
	return err
}

// stream begins to read from the start; rw may be nil. The file can be read by
// one stream at a time.
func (s *spool) stream(ctx context.Context, rw *rewriter) (io.ReadCloser, error) {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var r io.Reader = &ctxReader{ctx, s.file}
	if rw == nil {
		return io.NopCloser(r), nil
	}
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pw.CloseWithError(rw.rewrite(pw, r))
	}()
	return &closer{ReadCloser: pr, then: func() error { <-done; return nil }}, nil
}

// rehash computes digest and size of the stream as rw makes it.
func (s *spool) rehash(ctx context.Context, rw *rewriter) error {
	r, err := s.stream(ctx, rw)
	if err != nil {
		return err
	}
	d := newDigester(nil)
	defer d.abort()
	_, err = io.CopyBuffer(struct{ io.Writer }{d}, r, make([]byte, chunkSize))
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	s.size = d.size
	s.sum, err = d.finish()
	return err
}

// put stores the stream as a layer on parent, unless the store has it.
func (s *spool) put(ctx context.Context, st *store.Store, parent string, rw *rewriter) (Layer, error) {
	if rw != nil {
		if err := s.rehash(ctx, rw); err != nil {
			return Layer{}, fmt.Errorf("hashing the layer: %w", err)
		}
	}
	l := Layer{ID: ChainID(parent, s.sum), DiffID: s.sum, Size: s.size, Parent: parent, Path: PathPlain}
	unlock, err := st.LockLayer(l.ID)
	if err != nil {
		return Layer{}, err
	}
	defer unlock()
	l, found, err := existing(st, l)
	if err != nil || found {
		return l, err
	}
	r, err := s.stream(ctx, rw)
	if err != nil {
		return Layer{}, fmt.Errorf("storing layer %q: %w", l.ID, err)
	}
	stored, _, err := st.Raw().PutLayer(l.ID, parent, nil, "", false, unmapped(), r)
	closed := r.Close()
	if errors.Is(err, storage.ErrDuplicateID) {
		l.Reused = true // another tool, which knows nothing of our lock, was faster
		return l, nil
	}
	if err = errors.Join(err, closed); err != nil {
		return Layer{}, fmt.Errorf("storing layer %q: %w", l.ID, err)
	}
	if stored.UncompressedDigest != l.DiffID {
		err = fmt.Errorf("storing layer %q: it was read back as %q, not %q", l.ID, stored.UncompressedDigest, l.DiffID)
		return Layer{}, errors.Join(err, st.Raw().DeleteLayer(l.ID))
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

// rewriting gives what has to be changed in the stream, nil when nothing.
func (f *freezer) rewriting(s *spool) (*rewriter, error) {
	rw := &rewriter{clamp: f.opts.Clamp}
	if !f.stubs.empty() {
		maps := idtools.NewIDMappingsFromMaps(f.container.UIDMap, f.container.GIDMap)
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		drop, err := f.stubs.inStream(s.file, maps)
		if err != nil {
			return nil, fmt.Errorf("looking for mount stubs: %w", err)
		}
		rw.drop = drop
	}
	if rw.clamp.Mode == Keep && len(rw.drop) == 0 {
		return nil, nil //nolint:nilnil // nothing to rewrite is no error
	}
	return rw, nil
}
