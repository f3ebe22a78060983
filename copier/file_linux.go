package copier

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"path"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// worker copies regular files, one after the other.
type worker struct {
	run  *run
	data *dataCopier
	bufs buffers
}

// work takes jobs until there are no more.
func (w *worker) work(ctx context.Context) error {
	for j := range w.run.jobs {
		if err := ctx.Err(); err != nil {
			w.run.drop(j)
			return err
		}
		err := w.file(ctx, j)
		if j.entry.done != nil {
			close(j.entry.done)
		}
		if err != nil {
			j.dir.drop()
			return fmt.Errorf("copying %q to %q: %w", j.entry.path, path.Join(j.dir.where, j.name), err)
		}
		if err := j.dir.release(); err != nil {
			return err
		}
	}
	return nil
}

// file copies one file with all that belongs to it. It closes the job's source.
func (w *worker) file(ctx context.Context, j *job) error {
	src := j.fd
	if src < 0 {
		var err error
		if src, err = openAt(j.dir.src, j.from, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0); err != nil {
			return err
		}
	}
	defer closeFD(src)
	var st unix.Stat_t
	if err := unix.Fstat(src, &st); err != nil {
		return err
	}
	if !isType(&st, unix.S_IFREG) {
		return errors.New("it was exchanged while it was being copied")
	}
	xattrs, err := fdXattrs(src)
	if err != nil {
		return err
	}
	m, err := w.run.metaOf(&st, xattrs, j.entry)
	if err != nil {
		return err
	}
	e := j.entry
	err = createFile(j.dir.dst, j.name, m, func(dst int) (err error) {
		e.size, err = w.copy(ctx, dst, src, &st, &e.sum)
		return err
	})
	if err != nil {
		return err
	}
	w.run.files.Add(1)
	w.run.bytes.Add(e.size)
	return w.learn(src, &st, j.entry)
}

// learn remembers what was read, unless it was changed meanwhile.
func (w *worker) learn(src int, before *unix.Stat_t, e *entry) error {
	o := w.run.o
	if o.Sums == nil || o.NoDigest {
		return nil
	}
	var after unix.Stat_t
	if err := unix.Fstat(src, &after); err != nil {
		return err
	}
	if fileID(before) == fileID(&after) && e.size == after.Size {
		o.Sums.Learn(fileID(&after), Content{Sum: e.sum, Xattrs: len(e.xattrs) > 0})
	}
	return nil
}

// copy copies the content in the cheapest way that gives what is asked for, and
// its digest unless nobody wants it.
func (w *worker) copy(ctx context.Context, dst, src int, st *unix.Stat_t, sum *[sha256.Size]byte) (n int64, err error) {
	if st.Size < smallFile {
		return w.small(ctx, [2]int{dst, src}, st.Size, sum)
	}
	var h hash.Hash
	if !w.run.o.NoDigest {
		h = sha256.New()
		defer func() { h.Sum(sum[:0]) }()
	}
	if w.data.clone(dst, src) {
		// What is read back is what was cloned, even if the source changes now.
		if h == nil {
			return st.Size, nil
		}
		return w.bufs.pump(ctx, -1, dst, h)
	}
	unix.Fadvise(src, 0, 0, unix.FADV_SEQUENTIAL) //nolint:errcheck // only advice
	if st.Blocks*512 < st.Size {
		return w.sparse(ctx, dst, src, st.Size, h)
	}
	if h == nil {
		if n, done, err := w.data.inKernel(ctx, dst, src); done {
			return n, err
		}
	}
	return w.bufs.pump(ctx, dst, src, h)
}

const smallFile = 128 << 10

// small copies a file that fits into one buffer, with one read and one write.
func (w *worker) small(ctx context.Context, fds [2]int, size int64, sum *[sha256.Size]byte) (int64, error) {
	dst, src := fds[0], fds[1]
	buf, n := w.bufs.get(0), 0
	for n < len(buf) {
		more, err := readSome(src, buf[n:])
		if err != nil {
			return 0, err
		}
		// Asking again after the expected size would be one call for nothing.
		if n += more; more == 0 || int64(n) == size {
			break
		}
	}
	if n == len(buf) { // it has grown
		h := sha256.New()
		h.Write(buf)
		if err := writeAll(dst, buf); err != nil {
			return 0, err
		}
		total, err := w.bufs.pump(ctx, dst, src, h)
		h.Sum(sum[:0])
		return total + int64(n), err
	}
	if !w.run.o.NoDigest {
		*sum = sha256.Sum256(buf[:n])
	}
	return int64(n), writeAll(dst, buf[:n])
}

func readSome(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}

// sparse copies the parts of a file that have data and leaves holes where it has holes.
func (w *worker) sparse(ctx context.Context, dst, src int, size int64, h hash.Hash) (int64, error) {
	at := int64(0)
	for at < size {
		data, err := unix.Seek(src, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("looking for holes: %w", err)
		}
		end, err := unix.Seek(src, data, unix.SEEK_HOLE)
		if err != nil {
			return 0, fmt.Errorf("looking for holes: %w", err)
		}
		end = min(end, size)
		if err := w.bufs.zeros(ctx, h, data-at); err != nil {
			return 0, err
		}
		if err := w.bufs.section(ctx, dst, src, [2]int64{data, end}, h); err != nil {
			return 0, err
		}
		at = end
	}
	if err := w.bufs.zeros(ctx, h, size-at); err != nil {
		return 0, err
	}
	return size, unix.Ftruncate(dst, size)
}

// dataCopier remembers what the file systems at hand cannot do.
type dataCopier struct{ noClone, noRange atomic.Bool }

// clone shares the blocks of src, where the file system can.
func (d *dataCopier) clone(dst, src int) bool {
	if d.noClone.Load() {
		return false
	}
	if unix.IoctlFileClone(dst, src) != nil {
		d.noClone.Store(true)
		return false
	}
	return true
}

// inKernel copies without bringing the data to user space; done is false where
// that is not to be had and nothing was copied.
func (d *dataCopier) inKernel(ctx context.Context, dst, src int) (total int64, done bool, err error) {
	for !d.noRange.Load() {
		if err := ctx.Err(); err != nil {
			return total, true, err
		}
		n, err := unix.CopyFileRange(src, nil, dst, nil, 64<<20, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil && total == 0:
			d.noRange.Store(true)
		case err != nil:
			return total, true, err
		case n == 0:
			// Some file systems copy nothing and call it the end.
			return total, total > 0, nil
		}
		total += int64(max(n, 0))
	}
	return 0, false, nil
}
