package copier

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
	"github.com/ulikunitz/xz"
)

// compression is one format that archives come in.
type compression struct {
	name  string
	magic []byte
	// open gives the plain stream and what ends its helpers. careful means that
	// only the beginning will be read.
	open func(r io.Reader, careful bool) (io.Reader, func(), error)
}

var compressions = []compression{
	{"gzip", []byte{0x1f, 0x8b, 0x08}, openGzip},
	{"bzip2", []byte("BZh"), func(r io.Reader, _ bool) (io.Reader, func(), error) { return bzip2.NewReader(r), func() {}, nil }},
	{"xz", []byte{0xfd, '7', 'z', 'X', 'Z', 0}, func(r io.Reader, _ bool) (io.Reader, func(), error) {
		plain, err := xz.NewReader(r)
		return plain, func() {}, err
	}},
	{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}, openZstd},
}

// openGzip inflates beside the reader of what comes out.
func openGzip(r io.Reader, careful bool) (io.Reader, func(), error) {
	if careful {
		plain, err := gzip.NewReader(r)
		return plain, func() {}, err
	}
	plain, err := pgzip.NewReaderN(r, 256<<10, 4)
	if err != nil {
		return nil, nil, err
	}
	return plain, func() { _ = plain.Close() }, nil
}

func openZstd(r io.Reader, careful bool) (io.Reader, func(), error) {
	const window = 128 << 20 // as much as zstd itself takes without being told
	helpers := 2
	if careful {
		helpers = 1
	}
	plain, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(helpers), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, nil, err
	}
	return plain, plain.Close, nil
}

// decompress tells the compression of a stream by its first bytes and undoes it.
// The caller calls done.
func decompress(r io.Reader, careful bool) (plain io.Reader, done func(), err error) {
	size := 256 << 10
	if careful {
		size = 4 << 10
	}
	buffered := bufio.NewReaderSize(r, size)
	start, err := buffered.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	for _, c := range compressions {
		if !bytes.HasPrefix(start, c.magic) {
			continue
		}
		plain, done, err := c.open(buffered, careful)
		if err != nil {
			return nil, nil, fmt.Errorf("decompressing %s: %w", c.name, err)
		}
		return plain, done, nil
	}
	return buffered, func() {}, nil
}

// IsArchive tells by the content whether a file is a tar archive with at least
// one entry, plain or compressed with gzip, bzip2, xz or zstd. An error means
// that the file could not be read.
func IsArchive(r io.ReaderAt) (bool, error) {
	raw := &failing{r: io.NewSectionReader(r, 0, math.MaxInt64)}
	plain, done, err := decompress(raw, true)
	if err != nil {
		return false, raw.err
	}
	defer done()
	// One entry may have some megabytes of extended headers in front.
	const enough = 8 << 20
	_, err = tar.NewReader(io.LimitReader(plain, enough)).Next()
	return err == nil || errors.Is(err, tar.ErrInsecurePath), raw.err
}

// failing remembers an error of reading, which decoders mix up with errors of format.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}
