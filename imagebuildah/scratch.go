package imagebuildah

import (
	"context"
	"sync"

	"github.com/projectatomic/buildah/copier"
)

// scratch is the context as the steps of a build see it, once one of them writes
// to it: the caller's directory stays as it is.
type scratch struct {
	mu   sync.Mutex
	root *copier.Root // nil while nothing was written
}

// contextRoot is the context as the next step sees it.
func (b *build) contextRoot() *copier.Root {
	b.scratch.mu.Lock()
	defer b.scratch.mu.Unlock()
	if b.scratch.root != nil {
		return b.scratch.root
	}
	return b.context
}

// openScratch makes the context one that can be written to.
func (b *build) openScratch() error {
	b.scratch.mu.Lock()
	defer b.scratch.mu.Unlock()
	if b.scratch.root != nil {
		return nil
	}
	root, finish, err := b.engine.Scratch(b.context)
	if err != nil {
		return err
	}
	b.scratch.root = root
	b.later(func(context.Context) error { return finish() })
	return nil
}
