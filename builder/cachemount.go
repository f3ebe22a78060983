package builder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/mountflag"
)

type unixStat = syscall.Stat_t

// cacheRoot is where the cache mounts of a user lie.
func (e *Engine) cacheRoot() string {
	return filepath.Join(e.Host.TempDir, "buildah-cache-"+strconv.Itoa(e.Host.UID))
}

// PruneCaches removes what cache mounts have kept.
func (e *Engine) PruneCaches() error {
	if err := os.RemoveAll(e.cacheRoot()); err != nil {
		return fmt.Errorf("removing cache mounts: %w", err)
	}
	return nil
}

// cache takes a cache: a directory of the host that is named by an ID and kept,
// or with from= a directory of an image, whose changes are thrown away.
func (m *mounting) cache(ctx context.Context, mf mountflag.Mount) error {
	if mf.From != "" {
		return m.bindMount(ctx, mf)
	}
	name := cacheName(mf.Identity())
	if err := m.openCache(name, mf); err != nil {
		return fmt.Errorf("opening the cache: %w", err)
	}
	if mf.Cache.Locked {
		if err := m.lockCache(ctx, name); err != nil {
			return fmt.Errorf("locking the cache: %w", err)
		}
	}
	root, err := copier.OpenRoot(filepath.Join(m.engine.cacheRoot(), name))
	if err != nil {
		return fmt.Errorf("opening the cache: %w", err)
	}
	defer root.Close()
	src, err := root.OpenPath(firstNonEmpty(mf.Source, "/"))
	if err != nil {
		return fmt.Errorf("opening the cache: %w", err)
	}
	defer src.Close()
	if err := m.prepareSource(src, mf.Attributes); err != nil {
		return err
	}
	source, err := m.pin(src, false)
	if err != nil {
		return err
	}
	return m.take(specs.Mount{Destination: mf.Target, Type: "bind", Source: source, Options: append([]string{"rbind"}, mf.Options()...)})
}

// cacheName hashes an identity, so that no ID leads out of the caches.
func cacheName(identity string) string {
	sum := sha256.Sum256([]byte(identity))
	return hex.EncodeToString(sum[:])[:16]
}

// openCache makes the directory when it is used for the first time.
func (m *mounting) openCache(name string, mf mountflag.Mount) error {
	top := m.engine.cacheRoot()
	if err := os.MkdirAll(top, 0o700); err != nil {
		return err
	}
	// Whoever made it first may have been somebody else, in a directory for all.
	info, err := os.Lstat(top)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*unixStat); !ok || !info.IsDir() || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%q is not a directory of ours: remove it", top)
	}
	dir := filepath.Join(top, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	if err := os.Chown(dir, mf.Cache.UID, mf.Cache.GID); err != nil {
		return err
	}
	return unix.Chmod(dir, mf.Cache.Mode) // as it was typed: the sticky bit is not where os.Chmod wants it
}

// lockCache waits until no other command uses the cache; the lock lasts as long
// as the run.
func (m *mounting) lockCache(ctx context.Context, name string) error {
	dir := filepath.Join(m.engine.cacheRoot(), "buildah-cache-lockfiles", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "buildah-cache-lockfile"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	m.undo = append(m.undo, f.Close)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
