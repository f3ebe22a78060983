package compress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
)

// Format is how a stream is compressed.
type Format string

// The formats that are written here.
const (
	Gzip Format = "gzip"
	Zstd Format = "zstd"
)

// The levels that are meant when none is given.
const (
	DefaultGzipLevel = 6
	DefaultZstdLevel = 3
)

// codec makes the parts of a compressed stream. note is called for each block in
// order, encode by several goroutines at once.
type codec interface {
	blockSize() int
	weight() int64 // the memory of one block in work
	header() []byte
	note(in []byte)
	encode(k *block) error
	dictionary(in []byte) []byte // what the block after in may refer to
	trailer() []byte
}

// CheckLevel refuses levels that a format does not have.
func CheckLevel(f Format, level int) error {
	low, high := 0, 9
	if f == Zstd {
		low, high = 1, 22
	}
	if level < low || level > high {
		return fmt.Errorf("compression level %d: %s has the levels %d to %d", level, f, low, high)
	}
	return nil
}

func newCodec(f Format, level int) (codec, error) {
	if err := CheckLevel(f, level); err != nil {
		return nil, err
	}
	switch f {
	case Gzip:
		return newGzip(level), nil
	case Zstd:
		return newZstd(level), nil
	}
	return nil, fmt.Errorf("compression format %q cannot be written", f)
}

// stream is the compressed form of a source, read in order.
type stream struct {
	ctx    context.Context //nolint:containedctx // ends the work when the reader is closed
	cancel context.CancelFunc
	budget *Budget
	codec  codec
	blocks chan *block   // in the order of the source
	ended  chan struct{} // closed when nothing of src is read any more

	current *block // whose output is being read
	rest    []byte
	err     error // what Read says for ever
}

// Reader gives src compressed. What is read ahead of the caller is bounded by the
// budget, and by the number of processors. The caller closes it; src is not read any
// more after that.
func (b *Budget) Reader(ctx context.Context, src io.Reader, f Format, level int) (io.ReadCloser, error) {
	c, err := newCodec(f, level)
	if err != nil {
		return nil, err
	}
	s := &stream{budget: b, codec: c, ended: make(chan struct{}), rest: c.header()}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.blocks = make(chan *block, runtime.GOMAXPROCS(0)+1)
	go s.split(src)
	return s, nil
}

// split reads the source block by block and sets workers on them.
func (s *stream) split(src io.Reader) {
	defer close(s.ended)
	defer close(s.blocks)
	var before []byte // a copy: the block it is from goes its own way
	for {
		k, err := s.budget.take(s.ctx, s.codec)
		if err != nil {
			return // Read finds the context's error
		}
		n, err := io.ReadFull(src, k.in[:cap(k.in)])
		k.in = k.in[:n]
		k.last = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		stop := err != nil // k is the worker's or the reader's once it is handed on
		if stop && !k.last {
			k.err = err
			close(k.done)
		} else {
			s.codec.note(k.in)
			k.dict = append(k.dict[:0], before...)
			before = append(before[:0], s.codec.dictionary(k.in)...)
			go s.work(k)
		}
		select {
		case s.blocks <- k:
		case <-s.ctx.Done():
			<-k.done
			s.budget.give(k, s.codec)
			return
		}
		if stop {
			return
		}
	}
}

func (s *stream) work(k *block) {
	defer close(k.done)
	k.err = s.codec.encode(k)
}

func (s *stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.next()
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// next sets rest to what comes next, or err.
func (s *stream) next() {
	last := false
	if k := s.current; k != nil {
		last = k.last
		s.current = nil
		s.budget.give(k, s.codec)
	}
	if last {
		s.rest, s.err = s.codec.trailer(), io.EOF
		return
	}
	k, ok := <-s.blocks
	if !ok {
		if s.err = s.ctx.Err(); s.err == nil {
			s.err = io.ErrUnexpectedEOF
		}
		return
	}
	<-k.done
	s.current, s.rest = k, k.out
	if k.err != nil {
		s.rest, s.err = nil, k.err
	}
}

// Close ends the work and waits for it.
func (s *stream) Close() error {
	s.cancel()
	if s.current != nil {
		s.budget.give(s.current, s.codec)
		s.current = nil
	}
	for k := range s.blocks {
		<-k.done
		s.budget.give(k, s.codec)
	}
	<-s.ended
	s.rest, s.err = nil, errors.New("reading a closed stream")
	return nil
}
