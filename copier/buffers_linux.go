package copier

import (
	"context"
	"errors"
	"hash"

	"golang.org/x/sys/unix"
)

// buffers are a worker's own, made when first needed and used again for every file.
type buffers struct {
	first []byte
	large [3][]byte
}

const largeBuffer = 512 << 10

// get gives the buffer for small files (0) or one of the large ones (1 to 3).
func (b *buffers) get(n int) []byte {
	if n == 0 {
		if b.first == nil {
			b.first = make([]byte, smallFile)
		}
		return b.first
	}
	if b.large[n-1] == nil {
		b.large[n-1] = make([]byte, largeBuffer)
	}
	return b.large[n-1]
}

// pump reads src to its end, writes it to dst unless that is negative, and
// hashes it unless h is nil. Hashing runs beside reading and writing.
func (b *buffers) pump(ctx context.Context, dst, src int, h hash.Hash) (total int64, err error) {
	full := make(chan []byte, len(b.large))
	free := make(chan struct{}, len(b.large))
	if h != nil {
		go func() {
			defer close(free)
			for part := range full {
				h.Write(part)
				free <- struct{}{}
			}
		}()
		defer func() { // the sum is complete when this returns
			close(full)
			for range free { // wait for the end
			}
		}()
	}
	for turn := 0; ; turn++ {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		if h != nil && turn >= len(b.large) {
			<-free
		}
		buf := b.get(1 + turn%len(b.large))
		n, err := readSome(src, buf)
		if n == 0 || err != nil {
			return total, err
		}
		if h != nil {
			full <- buf[:n]
		}
		if dst >= 0 {
			if err := writeAll(dst, buf[:n]); err != nil {
				return total, err
			}
		}
		total += int64(n)
	}
}

// section copies bytes span[0] to span[1] of src to the same place of dst.
func (b *buffers) section(ctx context.Context, dst, src int, span [2]int64, h hash.Hash) error {
	buf := b.get(1)
	for at := span[0]; at < span[1]; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buf[:min(int64(len(buf)), span[1]-at)]
		n, err := unix.Pread(src, part, at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 { // it was cut meanwhile: what is missing reads as zeros
			return b.zeros(ctx, h, span[1]-at)
		}
		if h != nil {
			h.Write(part[:n])
		}
		if err := pwriteAll(dst, part[:n], at); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

func pwriteAll(fd int, data []byte, at int64) error {
	for len(data) > 0 {
		n, err := unix.Pwrite(fd, data, at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		data, at = data[n:], at+int64(n)
	}
	return nil
}

// zeros hashes a hole.
func (b *buffers) zeros(ctx context.Context, h hash.Hash, n int64) error {
	if h == nil {
		return nil
	}
	buf := b.get(2)
	clear(buf)
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buf[:min(int64(len(buf)), n)]
		h.Write(part)
		n -= int64(len(part))
	}
	return nil
}
