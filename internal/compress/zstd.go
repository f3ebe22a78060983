package compress

import (
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const zstdBlock = 2 << 20

// zstdCodec writes a frame for each block; a stream of frames is as valid as one
// frame (RFC 8878, 3).
type zstdCodec struct {
	level    zstd.EncoderLevel
	encoders sync.Pool // of *zstd.Encoder
}

func newZstd(level int) *zstdCodec {
	return &zstdCodec{level: zstd.EncoderLevelFromZstd(level)}
}

func (c *zstdCodec) blockSize() int { return zstdBlock }

// weight counts the tables of the encoder, which depend on the level.
func (c *zstdCodec) weight() int64 {
	const buffers = 2*zstdBlock + 1<<20
	switch c.level {
	case zstd.SpeedBetterCompression:
		return buffers + 8<<20
	case zstd.SpeedBestCompression:
		return buffers + 40<<20
	default:
		return buffers + 2<<20
	}
}

func (c *zstdCodec) header() []byte             { return nil }
func (c *zstdCodec) note([]byte)                {}
func (c *zstdCodec) trailer() []byte            { return nil }
func (c *zstdCodec) dictionary(_ []byte) []byte { return nil }

func (c *zstdCodec) encode(k *block) error {
	if len(k.in) == 0 && !k.last {
		return nil
	}
	e, ok := c.encoders.Get().(*zstd.Encoder)
	if !ok {
		var err error
		e, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(c.level), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(zstdBlock), zstd.WithZeroFrames(true))
		if err != nil {
			return fmt.Errorf("compressing: %w", err)
		}
	}
	defer c.encoders.Put(e)
	k.out = e.EncodeAll(k.in, slices.Grow(k.out[:0], e.MaxEncodedSize(len(k.in))))
	return nil
}
