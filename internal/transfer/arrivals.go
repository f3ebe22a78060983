package transfer

import (
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/types"
)

// arrivals notes which blobs a copier has begun to read.
type arrivals struct {
	mu    sync.Mutex
	blobs map[digest.Digest]bool
}

// noted lets the copier tell of blobs while copying goes on.
func (a *arrivals) noted(o *copy.Options, copying func() error) error {
	told := make(chan types.ProgressProperties)
	over := make(chan struct{})
	go func() {
		for {
			select {
			case p := <-told:
				a.note(p.Artifact.Digest)
			case <-over:
				return
			}
		}
	}()
	defer close(over)
	// Each blob is told of when it begins and ends; in between nobody asks.
	o.Progress, o.ProgressInterval = told, 24*time.Hour
	return copying()
}

func (a *arrivals) note(d digest.Digest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.blobs == nil {
		a.blobs = map[digest.Digest]bool{}
	}
	a.blobs[d] = true
}

func (a *arrivals) all() map[digest.Digest]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.blobs
}
