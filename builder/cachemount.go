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

// cacheLocks is the directory beside the caches that says which are in use.
const cacheLocks = "buildah-cache-lockfiles"

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
	name, err := m.shareCache(ctx, cacheName(m.o.Mounts.CacheNamespace+mf.Identity()+m.idText()), mf)
	if err != nil {
		return err
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
	owner, err := m.onDisk(mf.Cache.UID, mf.Cache.GID)
	if err != nil {
		return err
	}
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
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh, err := os.MkdirTemp(top, ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(fresh)
	if err := os.Chown(fresh, owner.UID, owner.GID); err != nil {
		return err
	}
	if err := unix.Chmod(fresh, mf.Cache.Mode); err != nil { // as it was typed: the sticky bit is not where os.Chmod wants it
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_NOREPLACE)
	if errors.Is(err, fs.ErrExist) { // another command was faster
		return nil
	}
	return err
}

// maxPrivate bounds the caches that are made because others are busy.
const maxPrivate = 1000

// shareCache opens the cache, or with sharing=private one beside it that nobody
// uses, and gives its name. The locks last as long as the run.
func (m *mounting) shareCache(ctx context.Context, name string, mf mountflag.Mount) (string, error) {
	if had := m.caches[name]; had != "" {
		return had, nil // this command uses it already, at another target
	}
	chosen := name
	for i := 1; ; i++ {
		if err := m.openCache(chosen, mf); err != nil {
			return "", fmt.Errorf("opening the cache: %w", err)
		}
		got, err := m.lockCache(ctx, chosen, mf.Cache.Sharing)
		switch {
		case err != nil:
			return "", fmt.Errorf("locking the cache: %w", err)
		case got:
			m.caches[name] = chosen
			return chosen, nil
		case i == maxPrivate:
			return "", fmt.Errorf("%d commands use caches of this name: take another id", maxPrivate)
		}
		chosen = name + "-" + strconv.Itoa(i)
	}
}

// lockCache waits until no other command uses a locked cache, and tells whether a
// private one is free. One that is shared is noted as used; it never waits.
func (m *mounting) lockCache(ctx context.Context, name string, sharing mountflag.Sharing) (bool, error) {
	dir := filepath.Join(m.engine.cacheRoot(), cacheLocks, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "buildah-cache-lockfile"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return false, err
	}
	m.undo = append(m.undo, f.Close)
	kind := unix.LOCK_EX
	if sharing == mountflag.SharingShared {
		kind = unix.LOCK_SH
	}
	for {
		err := unix.Flock(int(f.Fd()), kind|unix.LOCK_NB)
		switch {
		case !errors.Is(err, unix.EWOULDBLOCK):
			return err == nil, err
		case sharing != mountflag.SharingLocked:
			return sharing == mountflag.SharingShared, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
