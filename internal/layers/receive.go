package layers

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/pkg/compression"

	"github.com/projectatomic/buildah/internal/store"
)

// Sent is a layer as somebody else has it, and what must come of it.
type Sent struct {
	Digest   digest.Digest // of the bytes that are read
	Size     int64
	DiffID   digest.Digest // of the tar in them
	Unpacked int64         // size of the tar
}

// Received is a layer that waits to be stored. It was checked as a whole.
type Received struct{ spool *spool }

// Receive reads a layer, compressed or not, into a temporary file on the store's own
// file system. The caller closes what it gives.
func Receive(ctx context.Context, s *store.Store, body io.Reader, want Sent) (*Received, error) {
	spool, err := newSpool(s)
	if err != nil {
		return nil, err
	}
	if err := receive(ctx, spool, body, want); err != nil {
		return nil, errors.Join(err, spool.file.Close())
	}
	return &Received{spool: spool}, nil
}

func receive(ctx context.Context, spool *spool, body io.Reader, want Sent) error {
	packed := &counter{r: io.LimitReader(&ctxReader{ctx, body}, want.Size+1), digester: want.Digest.Algorithm().Digester()}
	err := spool.fill(func(to io.Writer) error {
		plain, _, err := compression.AutoDecompress(packed)
		if err != nil {
			return err
		}
		_, err = io.CopyBuffer(struct{ io.Writer }{to}, io.LimitReader(plain, want.Unpacked+1), make([]byte, chunkSize))
		return errors.Join(err, plain.Close())
	})
	if err == nil {
		_, err = io.Copy(io.Discard, packed) // what the decompressor did not need
	}
	switch {
	case err != nil:
		return err
	case packed.n != want.Size:
		return fmt.Errorf("it is not of the %d bytes that it should be: %d", want.Size, packed.n)
	case packed.digester.Digest() != want.Digest:
		return fmt.Errorf("its content is %q, not %q", packed.digester.Digest(), want.Digest)
	case spool.size != want.Unpacked || spool.sum != want.DiffID:
		return fmt.Errorf("its files are %q, not %q", spool.sum, want.DiffID)
	}
	return nil
}

// Put stores the layer on parent, "" for none, unless the store has it. The caller
// names it in an image or drops it.
func (r *Received) Put(ctx context.Context, s *store.Store, parent string) (Layer, error) {
	return r.spool.put(ctx, s, parent)
}

// Close gives the temporary file back.
func (r *Received) Close() error { return r.spool.file.Close() }

// counter hashes what is read through it.
type counter struct {
	r        io.Reader
	digester digest.Digester
	n        int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	_, _ = c.digester.Hash().Write(p[:n]) // a hash takes everything
	c.n += int64(n)
	return n, err
}
