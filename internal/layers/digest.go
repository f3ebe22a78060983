package layers

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	"github.com/vbatts/tar-split/tar/asm"
	tarsplit "github.com/vbatts/tar-split/tar/storage"
	"golang.org/x/sys/unix"
)

const (
	chunkSize = 256 << 10
	chunks    = 4 // in flight: 1 MiB, whatever the size of the layer
)

// digester hashes a tar stream that is written to it, and notes how to make the
// stream again from the files (tar-split). Both are as expensive as reading, so
// each has a goroutine.
type digester struct {
	free   chan []byte
	hash   chan []byte
	split  chan []byte // nil when nothing is noted
	buf    []byte
	size   int64
	sum    chan digest.Digest
	noted  chan error
	closed bool
}

// newDigester begins; notes may be nil. The caller must call finish or abort.
func newDigester(notes io.Writer) *digester {
	d := &digester{
		free: make(chan []byte, chunks), hash: make(chan []byte, chunks),
		sum: make(chan digest.Digest, 1), noted: make(chan error, 1),
	}
	for range chunks {
		d.free <- nil // made when they are needed: most layers are small
	}
	if notes != nil {
		d.split = make(chan []byte, chunks)
		go d.note(notes)
	}
	go d.hashAll()
	d.next()
	return d
}

func (d *digester) hashAll() {
	h := digest.Canonical.Digester()
	for chunk := range d.hash {
		_, _ = h.Hash().Write(chunk) // a hash takes everything
		d.handOver(chunk)
	}
	d.sum <- h.Digest()
}

// handOver passes a hashed chunk on to the notes, or back to the writer.
func (d *digester) handOver(chunk []byte) {
	if d.split == nil {
		d.free <- chunk
		return
	}
	d.split <- chunk
}

// note runs tar-split. It never stops before the stream does, or the writer
// would wait for ever.
func (d *digester) note(notes io.Writer) {
	src := &chunkReader{from: d.split, back: d.free}
	out, done, err := asm.NewInputTarStreamWithDone(src, tarsplit.NewJSONPacker(notes), nil)
	if err == nil {
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, out, make([]byte, chunkSize))
		err = errors.Join(err, <-done)
	}
	_, _ = io.Copy(io.Discard, src) // cannot fail
	d.noted <- err
}

// Write takes the next bytes of the stream.
func (d *digester) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n := copy(d.buf[len(d.buf):cap(d.buf)], p)
		d.buf = d.buf[:len(d.buf)+n]
		p = p[n:]
		if len(d.buf) == cap(d.buf) {
			d.flush()
		}
	}
	d.size += int64(total)
	return total, nil
}

func (d *digester) flush() {
	d.hash <- d.buf
	d.next()
}

// next takes an empty chunk.
func (d *digester) next() {
	if d.buf = <-d.free; d.buf == nil {
		d.buf = make([]byte, chunkSize)
	}
	d.buf = d.buf[:0]
}

// finish gives the digest of the stream once the notes are complete.
func (d *digester) finish() (digest.Digest, error) {
	err := d.stop()
	return <-d.sum, err
}

// abort ends the goroutines of a stream that will not be completed. After finish
// it does nothing.
func (d *digester) abort() {
	if !d.closed {
		_ = d.stop() // the error that led here says more
	}
}

func (d *digester) stop() error {
	d.closed = true
	d.hash <- d.buf
	close(d.hash)
	sum := <-d.sum
	d.sum <- sum
	if d.split == nil {
		return nil
	}
	close(d.split)
	if err := <-d.noted; err != nil {
		return fmt.Errorf("noting how to make the tar again: %w", err)
	}
	return nil
}

// chunkReader reads chunks and gives them back.
type chunkReader struct {
	from <-chan []byte
	back chan<- []byte
	now  []byte
	rest []byte
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.now != nil {
			r.back <- r.now
			r.now = nil
		}
		chunk, ok := <-r.from
		if !ok {
			return 0, io.EOF
		}
		r.now, r.rest = chunk, chunk
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// unlinked makes a file without a name on the file system of dir: nobody has to
// clean up after it.
func unlinked(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir), nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("making a temporary file in %q: %w", dir, err)
	}
	f, err := os.CreateTemp(dir, ".layer-*")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unlinking a temporary file: %w", err), f.Close())
	}
	return f, nil
}
