package copier

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// putArchive extracts an item that is an archive; false means that it is none.
// Owners and modes are the archive's own.
func (d *destination) putArchive(ctx context.Context, number int, it item, fd int) (bool, error) {
	file, err := os.OpenFile(procPath(fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if is, err := IsArchive(file); err != nil || !is {
		return false, err
	}
	if err := d.enter(); err != nil {
		return true, err
	}
	where := d.into.where
	if d.o.Parents {
		dir, err := d.parents(ctx, number, it, path.Dir(it.kept))
		if err != nil {
			return true, err
		}
		where = dir.where
		dir.drop()
	}
	raw := io.Reader(file)
	h := sha256.New()
	if !d.o.NoDigest {
		raw = io.TeeReader(file, h)
	}
	count, err := extract(ctx, d.to.Root, where, raw, ExtractOptions{Times: d.o.Times, IDs: d.o.DstIDs, Note: d.o.Note})
	if err != nil {
		return true, err
	}
	if _, err := io.Copy(io.Discard, raw); err != nil { // what follows the end of the archive
		return true, err
	}
	d.files.Add(int64(count.files))
	d.bytes.Add(count.bytes)
	e := &entry{item: number, kind: "file", typ: 'f', path: path.Base(it.name)}
	h.Sum(e.sum[:0])
	return true, d.emit(ctx, e)
}
