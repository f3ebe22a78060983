package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// lockPoll is how often a waiting pull looks whether the other one has ended.
const lockPoll = 100 * time.Millisecond

// lock holds back other processes and goroutines that transfer the same thing,
// so that they find it in the store instead of fetching it as well.
func (c *Client) lock(ctx context.Context, what string) (unlock func(), err error) {
	dir := filepath.Join(c.Store.RunRoot(), "buildah-locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("locking %q: %w", what, err)
	}
	path := filepath.Join(dir, "pull-"+digest.FromString(what).Encoded())
	for {
		f, err := lockFile(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("locking %q: %w", what, err)
		}
		if current(f, path) {
			return func() {
				os.Remove(path) // while it is held: whoever waits for it sees that it is gone
				f.Close()
			}, nil
		}
		f.Close()
	}
}

func lockFile(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

// current tells whether the name still leads to the file that is locked.
func current(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(held, named)
}
