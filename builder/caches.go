package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/mountflag"
)

type unixStat = syscall.Stat_t

// cacheRoot is where the cache mounts of a user lie.
func (e *Engine) cacheRoot() string {
	return filepath.Join(e.Host.TempDir, "buildah-cache-"+strconv.Itoa(e.Host.UID))
}

const (
	// cacheLocks is the directory beside the caches that says which are in use by
	// commands that want them for themselves.
	cacheLocks = "buildah-cache-lockfiles"
	// goneCache begins the names of caches that are being removed.
	goneCache = ".gone-"
)

// guardCaches keeps those who remove caches, LOCK_EX, apart from those who begin to
// use one, LOCK_SH. It is held for moments only.
func (e *Engine) guardCaches(how int, then func(top string) error) error {
	for {
		gone, err := e.guardOnce(how, then)
		if err != nil || !gone {
			return err
		}
	}
}

// guardOnce does it, unless the directory was removed while it waited.
func (e *Engine) guardOnce(how int, then func(top string) error) (gone bool, err error) {
	top := e.cacheRoot()
	if err := os.MkdirAll(top, 0o700); err != nil {
		return false, err
	}
	f, err := os.OpenFile(top, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return false, notOurs(top)
	case err != nil:
		return false, err
	}
	defer f.Close()
	if err := flock(f, how); err != nil {
		return false, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Nlink == 0 {
		return true, err
	}
	// Whoever made it first may have been somebody else, in a directory for all.
	if int(st.Uid) != os.Geteuid() {
		return false, notOurs(top)
	}
	return false, then(top)
}

func notOurs(top string) error { return fmt.Errorf("%q is not a directory of ours: remove it", top) }

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// PruneCaches removes what cache mounts have kept. A cache that a command uses at
// this time stays.
func (e *Engine) PruneCaches() error {
	if _, err := os.Lstat(e.cacheRoot()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := e.guardCaches(unix.LOCK_EX, func(top string) error {
		entries, err := os.ReadDir(top)
		for _, entry := range entries {
			if name := entry.Name(); name != cacheLocks && !strings.HasPrefix(name, goneCache) {
				err = errors.Join(err, setAside(top, name))
			}
		}
		return err
	})
	aside, globErr := filepath.Glob(filepath.Join(e.cacheRoot(), goneCache+"*"))
	err = errors.Join(err, globErr)
	for _, dir := range aside {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err == nil {
		err = e.guardCaches(unix.LOCK_EX, func(top string) error {
			_ = os.Remove(filepath.Join(top, cacheLocks)) // where nothing is in use
			_ = os.Remove(top)
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("removing cache mounts: %w", err)
	}
	return nil
}

// setAside renames a cache that nobody uses, so that it can be removed in peace.
func setAside(top, name string) error {
	f, err := os.OpenFile(filepath.Join(top, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	} else if err != nil {
		return err
	}
	err = os.Rename(filepath.Join(top, name), filepath.Join(top, goneCache+name+"-"+strconv.FormatInt(time.Now().UnixNano(), 36)))
	return errors.Join(err, os.RemoveAll(filepath.Join(top, cacheLocks, name)))
}

// useCache opens a cache, which is made when it is used for the first time, and keeps
// it from being pruned until the file is closed.
func (m *mounting) useCache(name string, mf mountflag.Mount) (note *os.File, err error) {
	err = m.engine.guardCaches(unix.LOCK_SH, func(top string) error {
		if err := m.makeCache(top, name, mf); err != nil {
			return err
		}
		note, err = os.OpenFile(filepath.Join(top, name), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		return flock(note, unix.LOCK_SH|unix.LOCK_NB)
	})
	if err != nil && note != nil {
		note.Close()
	}
	return note, err
}

func (m *mounting) makeCache(top, name string, mf mountflag.Mount) error {
	owner, err := m.onDisk(mf.Cache.UID, mf.Cache.GID)
	if err != nil {
		return err
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
		note, err := m.useCache(chosen, mf)
		if err != nil {
			return "", fmt.Errorf("opening the cache: %w", err)
		}
		got, err := m.lockCache(ctx, chosen, mf.Cache.Sharing)
		if err != nil || !got {
			note.Close()
		}
		switch {
		case err != nil:
			return "", fmt.Errorf("locking the cache: %w", err)
		case got:
			m.undo = append(m.undo, note.Close)
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
		err := flock(f, kind|unix.LOCK_NB)
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
