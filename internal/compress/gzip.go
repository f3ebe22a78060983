package compress

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"slices"
	"sync"

	"github.com/klauspost/compress"
	"github.com/klauspost/compress/flate"
)

const (
	gzipBlock  = 512 << 10
	gzipWeight = 5 * gzipBlock // in, out and an encoder
	window     = 32 << 10      // of deflate
	storedMax  = 65535         // bytes in a stored block of deflate
	sampleSize = 40 << 10      // more than a window, so that repetition shows
)

// gzipCodec writes one member whose blocks end at byte boundaries, so that they
// can be made apart from each other (RFC 1951, 3.2.4 and RFC 1952).
type gzipCodec struct {
	level    int
	encoders sync.Pool // of *flate.Writer
	sampler  sync.Pool // of *flate.Writer, the fastest
	crc      hash.Hash32
	size     uint32
}

func newGzip(level int) *gzipCodec {
	return &gzipCodec{level: level, crc: crc32.NewIEEE()}
}

func (c *gzipCodec) blockSize() int { return gzipBlock }
func (c *gzipCodec) weight() int64  { return gzipWeight }

// header has no name and no time, so that equal layers give equal blobs.
func (c *gzipCodec) header() []byte { return []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255} }

func (c *gzipCodec) note(in []byte) {
	_, _ = c.crc.Write(in)
	c.size += uint32(len(in)) //nolint:gosec // the format wants it modulo 2^32
}

func (c *gzipCodec) trailer() []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, c.crc.Sum32()), c.size)
}

func (c *gzipCodec) dictionary(in []byte) []byte { return in[max(0, len(in)-window):] }

// encode compresses a block, or stores it when there is nothing to gain.
func (c *gzipCodec) encode(k *block) error {
	k.out = slices.Grow(k.out[:0], len(k.in)+len(k.in)/1024+64) // the worst case, so that it is the last time
	if c.level == 0 || c.random(k.in) {
		k.out = store(k.out, k.in, k.last)
		return nil
	}
	w, ok := c.encoders.Get().(*flate.Writer)
	if !ok {
		var err error
		if w, err = flate.NewWriter(nil, c.level); err != nil {
			return fmt.Errorf("compressing: %w", err)
		}
	}
	defer c.encoders.Put(w)
	out := bytes.NewBuffer(k.out[:0])
	w.ResetDict(out, k.dict)
	if _, err := w.Write(k.in); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	end := w.Flush
	if k.last {
		end = w.Close
	}
	if err := end(); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	k.out = out.Bytes()
	return nil
}

// random tells whether a block looks like what was compressed or encrypted
// already. Statistics of small samples come first, as they cost next to nothing; a
// larger sample is then compressed for real.
func (c *gzipCodec) random(in []byte) bool {
	const probes, probe = 4, 2 << 10
	if len(in) < 2*sampleSize {
		return false
	}
	for i := range probes {
		at := i * (len(in) - probe) / (probes - 1)
		if compress.Estimate(in[at:at+probe]) > 0.05 {
			return false
		}
	}
	w, ok := c.sampler.Get().(*flate.Writer)
	if !ok {
		w, _ = flate.NewWriter(nil, flate.BestSpeed)
	}
	defer c.sampler.Put(w)
	var n counter
	w.Reset(&n)
	at := (len(in) - sampleSize) / 2
	_, _ = w.Write(in[at : at+sampleSize])
	_ = w.Close()
	return int(n) > sampleSize-sampleSize/50
}

type counter int

func (n *counter) Write(p []byte) (int, error) {
	*n += counter(len(p))
	return len(p), nil
}

// store writes stored blocks of deflate.
func store(out, in []byte, last bool) []byte {
	for len(in) > 0 || last {
		n := min(len(in), storedMax)
		final := byte(0)
		if last && n == len(in) {
			final = 1
		}
		out = append(out, final, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		out = append(out, in[:n]...)
		in = in[n:]
		if final == 1 {
			break
		}
	}
	return out
}
