package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/runner/oci"
)

// bundleMark is the source, as the mount table has it, of file systems that we
// make in bundles.
const bundleMark = "buildah-run"

// bundlePrefix begins the names of bundles: the next command finds by it what a
// killed one has left mounted.
const bundlePrefix = "buildah"

// bundleLock is a file in a bundle that its process has locked for as long as it
// lives. It says which directory the OCI runner has for the run, if it has one.
const bundleLock = "owner"

// markBundle makes the bundle one that is swept when we are killed. It comes before
// the first marked mount.
func (x *execution) markBundle() error {
	if x.marked {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(x.bundle, bundleLock), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	x.undo = append(x.undo, f.Close)
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("locking %q: %w", f.Name(), err)
	}
	x.marked = true
	_, err = f.WriteString(filepath.Join(x.engine.Host.RuntimeDir, filepath.Base(x.bundle)))
	return err
}

// memory gives a directory of this run that is in memory only, where the kernel
// can do so also when memory is short. It goes with the run.
func (x *execution) memory() (string, error) {
	if x.private != "" {
		return x.private, nil
	}
	if err := x.markBundle(); err != nil {
		return "", err
	}
	at := filepath.Join(x.bundle, "memory")
	if err := os.Mkdir(at, 0o700); err != nil {
		return "", err
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV
	err := unix.Mount(bundleMark, at, "tmpfs", flags, "mode=0700,noswap")
	if err != nil { // an older kernel, or not the host's root
		err = unix.Mount(bundleMark, at, "tmpfs", flags, "mode=0700")
	}
	if err != nil {
		return "", fmt.Errorf("mounting a tmpfs: %w", err)
	}
	x.undo = append(x.undo, func() error { return unmountPin(at) })
	if err := unix.Mount("", at, "", unix.MS_PRIVATE, ""); err != nil {
		return "", fmt.Errorf("mounting a tmpfs: %w", err)
	}
	x.private = at
	return at, nil
}

// sweepOnce sweeps for this process. What cannot be swept keeps nobody from running.
func (e *Engine) sweepOnce(ctx context.Context) {
	e.swept.Do(func() {
		if err := sweepBundles(); err != nil {
			e.warn("cleaning up after killed commands: %v", err)
		}
		e.sweepNetworks(ctx)
	})
}

// sweepBundles clears away what killed commands have left mounted, secrets among it.
// Runs whose supervisor is still at work are left to it.
func sweepBundles() error {
	bundles := map[string]bool{}
	_, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		// It is mounted in the bundle, or one directory further down.
		dir := filepath.Dir(m.Mountpoint)
		for _, dir := range []string{dir, filepath.Dir(dir)} {
			if strings.HasPrefix(filepath.Base(dir), bundlePrefix) {
				bundles[dir] = true
			}
		}
		return true, false
	})
	if err != nil {
		return fmt.Errorf("reading the mount table: %w", err)
	}
	var errs []error
	for dir := range bundles {
		if abandoned(dir) {
			errs = append(errs, oci.RemoveBundle(dir))
		}
	}
	return errors.Join(errs...)
}

// abandoned tells whether a directory is a bundle that nobody looks after.
func abandoned(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, bundleLock), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil || int(st.Uid) != os.Geteuid() { // somebody else's, in a directory for all
		return false
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return false
	}
	state := make([]byte, unix.PathMax)
	n, err := f.Read(state)
	if err != nil {
		return true // killed before it wrote anything there
	}
	_, err = os.Lstat(string(state[:n]))
	return err != nil
}
