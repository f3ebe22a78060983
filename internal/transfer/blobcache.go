package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/pkg/compression"
	"go.podman.io/image/v5/types"
)

// blobCache is a directory of the user's with blobs as they were transferred, named by
// their digests. Beside them, notes say which are forms of the same layer: a file
// DIFFID.compressed has a line "DIGEST FORMAT" for each form, DIGEST.decompressed has
// the digest of the tar. Other tools with such a flag keep it in the same way. The
// zero value keeps nothing.
type blobCache struct{ dir string }

const (
	compressedNote   = ".compressed"
	decompressedNote = ".decompressed"
	noteMost         = 64 << 10 // bytes
)

func (c blobCache) path(d digest.Digest) string { return filepath.Join(c.dir, d.String()) }

// noted are the forms of a layer that are at hand.
func (c blobCache) noted(diffID digest.Digest) []blob {
	if c.dir == "" {
		return nil
	}
	f, err := os.Open(c.path(diffID) + compressedNote)
	if err != nil {
		return nil
	}
	defer f.Close()
	var list []blob
	for lines := bufio.NewScanner(io.LimitReader(f, noteMost)); lines.Scan(); {
		text, format, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		b := blob{Digest: digest.Digest(text), Format: compression.Gzip.Name()} // old notes have no format
		if format != "" {
			b.Format = format
		}
		if algorithm, err := b.algorithm(); err == nil {
			b.Format = algorithm.BaseVariantName() // what is more than that is not kept
		}
		if b.Digest.Validate() != nil {
			continue
		}
		if info, err := os.Stat(c.path(b.Digest)); err == nil {
			b.Size = info.Size()
		}
		if b.valid() {
			list = append(list, b)
		}
	}
	return list
}

// open opens a blob that is at hand, and looks as long as it should be; -1 is any size.
func (c blobCache) open(b blob) (*os.File, bool) {
	if c.dir == "" || b.Digest.Validate() != nil {
		return nil, false
	}
	f, err := os.Open(c.path(b.Digest))
	if err != nil {
		return nil, false
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || b.Size >= 0 && info.Size() != b.Size {
		f.Close()
		return nil, false
	}
	return f, true
}

// drop removes a damaged blob and what is said of it. A foreign manifest may have said
// the digest: what is none could lead out of the directory.
func (c blobCache) drop(d digest.Digest) {
	if d.Validate() != nil {
		return
	}
	os.Remove(c.path(d))
	os.Remove(c.path(d) + decompressedNote)
}

// keeping is a blob on its way to the destination that is kept, too. What cannot be
// kept is no error: it is only slower later.
type keeping struct {
	cache blobCache
	file  *os.File
	err   error
}

// keep gives a reader that keeps what is read from r until done.
func (c blobCache) keep(r io.Reader) (io.Reader, *keeping) {
	if c.dir == "" {
		return r, nil
	}
	k := &keeping{cache: c}
	if k.file, k.err = os.CreateTemp(c.dir, "new-*"); k.err != nil {
		return r, nil
	}
	return io.TeeReader(r, k), k
}

// Write never fails: the transfer goes on without.
func (k *keeping) Write(p []byte) (int, error) {
	if k.err == nil {
		_, k.err = k.file.Write(p)
	}
	return len(p), nil
}

// done puts the blob under its name, as a form of a layer; a blob without a digest is
// forgotten.
func (k *keeping) done(diffID digest.Digest, b blob) {
	if k == nil {
		return
	}
	err := errors.Join(k.err, k.file.Close())
	if err == nil && b.Digest != "" {
		err = os.Rename(k.file.Name(), k.cache.path(b.Digest))
	}
	if err != nil || b.Digest == "" {
		os.Remove(k.file.Name())
		return
	}
	forms := map[string]string{b.Digest.String(): b.Format}
	for _, have := range k.cache.noted(diffID) {
		forms[have.Digest.String()] = have.Format
	}
	forms[b.Digest.String()] = b.Format
	var text strings.Builder
	for d := range maps.Keys(forms) {
		fmt.Fprintf(&text, "%s %s\n", d, forms[d])
	}
	k.cache.note(k.cache.path(diffID)+compressedNote, text.String())
	k.cache.note(k.cache.path(b.Digest)+decompressedNote, diffID.String())
}

func (c blobCache) note(path, text string) {
	f, err := os.CreateTemp(c.dir, "new-*")
	if err != nil {
		return
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
}

// fromCache sends a layer as it lies in the cache, if it is there in a form that fits.
func (s *sender) fromCache(ctx context.Context, diffID digest.Digest) (blob, bool, error) {
	for _, b := range s.candidates(diffID) {
		f, ok := s.cache.open(b)
		if !ok {
			continue
		}
		defer f.Close()
		whole := newVerified(f, b.Digest)
		_, err := s.dest.PutBlob(ctx, whole, types.BlobInfo{Digest: b.Digest, Size: b.Size}, none.NoCache, false)
		if whole.wrong {
			s.cache.drop(b.Digest)
			continue
		}
		if err != nil {
			return blob{}, false, fmt.Errorf("writing layer %q: %w", diffID, err)
		}
		s.c.say(ctx, "Copying blob %s from the blob cache", b.Digest)
		return b, true, nil
	}
	return blob{}, false, nil
}

// mend removes damaged blobs of the image that is to be pulled: what the store takes
// from the cache, it does not check.
func (c blobCache) mend(ctx context.Context, sys *types.SystemContext, src types.ImageSource) error {
	instance, err := chooseInstance(ctx, sys, src)
	if err != nil {
		return err
	}
	data, mediaType, err := src.GetManifest(ctx, instance)
	if err != nil {
		return err
	}
	m, err := manifest.FromBlob(data, manifest.NormalizedMIMEType(mediaType))
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	for _, l := range m.LayerInfos() {
		if f, ok := c.open(blob{Digest: l.Digest, Size: l.Size}); ok {
			_, err := io.Copy(io.Discard, newVerified(f, l.Digest))
			f.Close()
			if err != nil {
				c.drop(l.Digest)
			}
			continue
		}
		c.drop(l.Digest) // of another size, or not there
	}
	return nil
}
