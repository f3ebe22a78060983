package copier

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// run is one Copy under way. One goroutine walks the sources in sorted order,
// a few workers copy the files it finds, and one goroutine adds up the digest
// in the walker's order.
type run struct {
	to      Target
	src     *Root
	o       CopyOptions
	several bool
	lazy    int // items that are excluded but were looked through

	jobs    chan *job
	entries chan *entry // nil without a digest
	walker  *worker     // copies what must be finished before the walk goes on
	files   atomic.Int64
	bytes   atomic.Int64

	links map[inode]firstLink
	into  inode               // the destination directory, not to be copied into itself
	never inode               // see CopyOptions
	late  []lateDir           // directories whose metadata is due at the end
	known map[string]struct{} // parents that were made or found
}

type inode struct{ dev, ino uint64 }

func inodeOf(st *unix.Stat_t) inode { return inode{st.Dev, st.Ino} }

// lateDir is a directory of the destination that gets its metadata when nothing
// more is put into it.
type lateDir struct {
	path string
	meta *meta // only the time when mode is 0
}

// job is a regular file for a worker.
type job struct {
	dir   *dirNode // where it goes; one use of it is given back when the job is done
	name  string   // in the destination directory
	from  string   // its name in dir's source directory, unless fd is open
	fd    int      // its open source, or -1
	entry *entry
}

// window is how far workers may be behind the walker: it bounds memory and the
// number of open directories.
const window = 256

func newRun(to Target, src *Root, o CopyOptions) *run {
	if o.DstIDs == nil && to.Root != nil {
		o.DstIDs = to.Root.ids
	}
	if o.SrcIDs == nil && src != nil {
		o.SrcIDs = src.ids
	}
	r := &run{
		to: to, src: src, o: o,
		jobs:  make(chan *job, window),
		links: map[inode]firstLink{}, known: map[string]struct{}{},
	}
	r.walker = &worker{run: r, data: &dataCopier{}}
	if !o.NoDigest {
		r.entries = make(chan *entry, window)
	}
	var st unix.Stat_t
	if o.Never != "" && unix.Stat(o.Never, &st) == nil {
		r.never = inodeOf(&st)
	}
	return r
}

// enter refuses a directory that is not to be copied.
func (r *run) enter(dir int, name string) error {
	if r.never == (inode{}) {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return err
	}
	if inodeOf(&st) == r.never {
		return &ForbiddenError{Name: name}
	}
	return nil
}

// all copies the items and waits for everything to be in place.
func (r *run) all(ctx context.Context, items []item) (Result, error) {
	group, ctx := errgroup.WithContext(ctx)
	for range max(2, min(4, runtime.GOMAXPROCS(0))) {
		group.Go(func() error {
			w := &worker{run: r, data: r.walker.data}
			return w.work(ctx)
		})
	}
	sum := summary{each: r.o.each(items)}
	if r.entries != nil {
		group.Go(func() error { return sum.collect(ctx, r.entries) })
	}
	group.Go(func() error {
		defer r.closeQueues()
		return r.walk(ctx, items)
	})
	err := group.Wait()
	for j := range r.jobs { // those that an error left over
		r.drop(j)
	}
	if err == nil {
		err = r.finishLate()
	}
	if err != nil {
		return Result{}, err
	}
	result := sum.result()
	result.Files, result.Bytes = int(r.files.Load()), r.bytes.Load()
	return result, nil
}

func (r *run) closeQueues() {
	close(r.jobs)
	if r.entries != nil {
		close(r.entries)
	}
}

func (r *run) walk(ctx context.Context, items []item) error {
	d, err := r.destination()
	if err != nil {
		return err
	}
	defer d.close()
	for i := range items {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.put(ctx, i, items[i]); err != nil {
			return fmt.Errorf("copying %q: %w", items[i].name, err)
		}
	}
	return nil
}

// emit hands an entry to the digest.
func (r *run) emit(ctx context.Context, e *entry) error {
	if r.entries == nil {
		return nil
	}
	select {
	case r.entries <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// queue hands a file to the workers.
func (r *run) queue(ctx context.Context, j *job) error {
	j.dir.hold()
	if r.entries != nil {
		j.entry.done = make(chan struct{})
	}
	if err := r.emit(ctx, j.entry); err != nil {
		r.drop(j)
		return err
	}
	select {
	case r.jobs <- j:
		return nil
	case <-ctx.Done():
		r.drop(j)
		return ctx.Err()
	}
}

func (r *run) drop(j *job) {
	if j.fd >= 0 {
		closeFD(j.fd)
	}
	j.dir.drop()
}

func (r *run) note(format string, args ...any) {
	if r.o.Note != nil {
		r.o.Note(fmt.Sprintf(format, args...))
	}
}

// finishLate gives directories their metadata, inner ones first.
func (r *run) finishLate() error {
	for i := len(r.late) - 1; i >= 0; i-- {
		d := r.late[i]
		dir, err := r.to.Root.openDir(d.path)
		if err != nil {
			return err
		}
		if d.meta.mode == 0 {
			err = futimens(int(dir.Fd()), d.meta.mtime)
		} else {
			err = d.meta.applyTo(int(dir.Fd()))
		}
		dir.Close()
		if err != nil {
			return r.to.Root.fail("finishing the directory", d.path, err)
		}
	}
	return nil
}
