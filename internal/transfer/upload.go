package transfer

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/pkg/compression"
	"go.podman.io/image/v5/types"

	"github.com/projectatomic/buildah/internal/compress"
)

// chunkedMemory is what the library's writer of zstd:chunked takes of the budget.
const chunkedMemory = 24 << 20

// upload compresses a layer into the destination.
func (s *sender) upload(ctx context.Context, diffID digest.Digest) (blob, error) {
	id := s.src.layers[diffID]
	stored, err := s.src.stream(id)
	if err != nil {
		return blob{}, fmt.Errorf("reading layer %q: %w", id, err)
	}
	defer stored.Close()
	plain := newVerified(stored, diffID)
	bar := s.bars.add(diffID, s.size(id))
	plain.note = bar.note
	if s.bars == nil {
		s.c.say(ctx, "Copying blob %s", diffID)
	}
	b := blob{Format: cmp.Or(s.o.Compression.Format, string(compress.Gzip)), Level: new(int)}
	*b.Level = defaultLevel(b.Format)
	if s.o.Compression.Level != nil {
		*b.Level = *s.o.Compression.Level
	}
	packed, annotations, err := s.pack(ctx, plain, b)
	if err != nil {
		return blob{}, err
	}
	kept, keeping := s.cache.keep(packed)
	info, err := s.dest.PutBlob(ctx, kept, types.BlobInfo{Size: -1}, none.NoCache, false)
	packed.Close() // before the annotations are read: it waits for the writer
	if err != nil {
		keeping.done(diffID, blob{})
		return blob{}, fmt.Errorf("writing layer %q: %w", diffID, err)
	}
	bar.done()
	b.Digest, b.Size, b.Annotations = info.Digest, info.Size, maps.Clone(annotations)
	keeping.done(diffID, b)
	return b, nil
}

func (s *sender) size(id string) int64 {
	layer, err := s.src.raw.Layer(id)
	if err != nil {
		return 0
	}
	return layer.UncompressedSize
}

func defaultLevel(format string) int {
	if format == string(compress.Gzip) {
		return compress.DefaultGzipLevel
	}
	return compress.DefaultZstdLevel
}

// pack gives the compressed form of a stream. The annotations are complete once it
// was read and closed.
func (s *sender) pack(ctx context.Context, plain io.Reader, b blob) (io.ReadCloser, map[string]string, error) {
	if b.Format != compression.ZstdChunked.Name() {
		r, err := s.c.budget().Reader(ctx, plain, compress.Format(b.Format), *b.Level)
		return r, nil, err
	}
	release, err := s.c.budget().Reserve(ctx, chunkedMemory)
	if err != nil {
		return nil, nil, err
	}
	annotations := map[string]string{}
	pr, pw := io.Pipe()
	p := &packer{PipeReader: pr, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		defer release()
		_ = pw.CloseWithError(packChunked(pw, plain, annotations, *b.Level))
	}()
	return p, annotations, nil
}

func packChunked(w io.Writer, plain io.Reader, annotations map[string]string, level int) error {
	packed, err := compression.CompressStreamWithMetadata(w, annotations, compression.ZstdChunked, &level)
	if err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{packed}, plain, make([]byte, 256<<10))
	if closed := packed.Close(); err == nil {
		err = closed
	}
	return err
}

// packer is the reading end of a goroutine that compresses.
type packer struct {
	*io.PipeReader
	ended chan struct{}
}

func (p *packer) Close() error {
	err := p.PipeReader.Close()
	<-p.ended
	return err
}

// budget is the process-wide one, or one for this client where nobody made one.
func (c *Client) budget() *compress.Budget {
	c.budgetOnce.Do(func() {
		if c.Budget == nil {
			c.Budget = compress.NewBudget(0)
		}
	})
	return c.Budget
}
