// Package compress turns a stream into gzip or zstd in blocks that are worked on
// in parallel, under one budget of memory for the whole process. The same input
// gives the same bytes, however many processors there are and whatever the budget.
package compress

import (
	"context"
	"fmt"
	"sync"

	"github.com/docker/go-units"
	"golang.org/x/sync/semaphore"
)

// DefaultMemory is the budget where nobody named one, in bytes.
const DefaultMemory = 32 << 20

// MinMemory is the smallest budget, in bytes: one block at a time.
const MinMemory = 4 << 20

// CheckMemory refuses budgets that are too small to work with.
func CheckMemory(bytes int64) error {
	if bytes < MinMemory {
		return fmt.Errorf("%s is too little for compressing: it takes at least %s", units.BytesSize(float64(bytes)), units.BytesSize(MinMemory))
	}
	return nil
}

// Budget is the memory that all streams of a process may take together. It is
// safe for use by several goroutines. A stream that gets none waits for others.
type Budget struct {
	total int64
	sem   *semaphore.Weighted

	mu   sync.Mutex
	free map[int][]*block // by the size of their buffers
}

// NewBudget makes a budget of so many bytes; 0 means DefaultMemory.
func NewBudget(bytes int64) *Budget {
	if bytes <= 0 {
		bytes = DefaultMemory
	}
	bytes = max(bytes, MinMemory)
	return &Budget{total: bytes, sem: semaphore.NewWeighted(bytes), free: map[int][]*block{}}
}

// Reserve takes a part of the budget for work that is done elsewhere, at most all
// of it, and gives what returns it.
func (b *Budget) Reserve(ctx context.Context, bytes int64) (release func(), err error) {
	bytes = min(bytes, b.total)
	if err := b.sem.Acquire(ctx, bytes); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { b.sem.Release(bytes) }), nil
}

// block is a part of a stream and what became of it.
type block struct {
	in   []byte // what was read; its capacity is the size of blocks
	dict []byte // what went before it
	out  []byte // what is to be written
	last bool
	err  error
	done chan struct{} // closed when out or err is set
}

// take gives a block once the budget has room for it.
func (b *Budget) take(ctx context.Context, c codec) (*block, error) {
	if err := b.sem.Acquire(ctx, min(c.weight(), b.total)); err != nil {
		return nil, err
	}
	size := c.blockSize()
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.free[size]
	if len(list) == 0 {
		return &block{in: make([]byte, 0, size), done: make(chan struct{})}, nil
	}
	k := list[len(list)-1]
	b.free[size] = list[:len(list)-1]
	*k = block{in: k.in[:0], dict: k.dict[:0], out: k.out[:0], done: make(chan struct{})}
	return k, nil
}

// give takes a block back. Nobody may use it any more.
func (b *Budget) give(k *block, c codec) {
	b.mu.Lock()
	b.free[c.blockSize()] = append(b.free[c.blockSize()], k)
	b.mu.Unlock()
	b.sem.Release(min(c.weight(), b.total))
}
