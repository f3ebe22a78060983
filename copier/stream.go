package copier

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"path"
	"time"
)

// StreamFile is a file that does not come from a directory: a download, or a
// here-document of a Dockerfile.
type StreamFile struct {
	Name    string       // that it gets in a directory
	Content io.Reader    // read to its end
	Mode    Mode         // 0 means 0644
	Owner   *Owner       // also of directories made for it; nil means 0:0
	ModTime time.Time    // zero means now
	Workdir string       // what a relative destination is relative to; "" means "/"
	Verify  func() error // asked when all was read, before the file gets its name; nil accepts
	IDs     IDMap        // translates the owner
}

// CopyStream writes one file by the rules of Copy. It appears whole or not at all.
// The digest is the sha256 of the content.
func CopyStream(ctx context.Context, dst *Root, dest string, f StreamFile) (Result, error) {
	owner := Owner{}
	if f.Owner != nil {
		owner = *f.Owner
	}
	r := newRun(Target{Root: dst, Path: dest, Workdir: f.Workdir}, nil, CopyOptions{Chown: &owner, DstIDs: f.IDs, NoDigest: true})
	name := path.Base(path.Clean("/" + f.Name))
	d, err := r.destination()
	if err != nil {
		return Result{}, err
	}
	defer d.close()
	dir, base, err := d.place(ctx, 0, item{name: name}, false)
	if err != nil {
		return Result{}, err
	}
	defer dir.drop()
	if base == "/" || base == "." {
		return Result{}, fmt.Errorf("copying to %q: the file has no name", d.path)
	}
	m := &meta{mode: uint32(f.Mode)}
	if m.mode == 0 {
		m.mode = 0o644
	}
	if !f.ModTime.IsZero() {
		m.setTime(&f.ModTime)
	}
	if m.owner, err = r.onDisk(owner); err != nil {
		return Result{}, err
	}
	w := &streamWriter{ctx: ctx, hash: sha256.New()} //nolint:contextcheck // see streamWriter
	err = replaceFile(dir.dst, base, m, func(fd int) error {
		w.fd = fd
		if _, err := io.CopyBuffer(w, onlyReader{f.Content}, make([]byte, smallFile)); err != nil {
			return err
		}
		if f.Verify == nil {
			return nil
		}
		return f.Verify()
	})
	if err != nil {
		return Result{}, fmt.Errorf("writing %q: %w", path.Join(dir.where, base), err)
	}
	return Result{Digest: hex.EncodeToString(w.hash.Sum(nil)), Files: 1, Bytes: w.total}, nil
}

// streamWriter writes and hashes.
type streamWriter struct {
	ctx   context.Context //nolint:containedctx // lives as long as one call of CopyStream
	fd    int
	hash  hash.Hash
	total int64
}

func (w *streamWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	w.hash.Write(p)
	w.total += int64(len(p))
	return len(p), writeAll(w.fd, p)
}

// onlyReader hides a WriterTo, so that the buffer is ours.
type onlyReader struct{ io.Reader }
