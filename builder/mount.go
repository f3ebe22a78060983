package builder

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
)

// Mount mounts the root file system of the container, or counts one more use of
// it, and gives its path on the host.
func (b *Builder) Mount(_ context.Context) (string, error) {
	release, err := b.hold()
	if err != nil {
		return "", err
	}
	defer release()
	if err := b.LeaveCache("it was mounted"); err != nil {
		return "", err
	}
	path, err := b.engine.Store.Mount(b.ID(), b.record.MountLabel)
	if err != nil {
		return "", fmt.Errorf("mounting %q: %w", b.Name(), err)
	}
	b.record.MountPoint = path
	if err := b.Save(); err != nil {
		return "", err
	}
	return path, nil
}

// MountAt mounts the root file system of the container and binds it to the
// directory at path, which must exist.
func (b *Builder) MountAt(ctx context.Context, path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("mounting %q at %q: the path is not absolute", b.Name(), path)
	}
	root, err := b.Mount(ctx)
	if err != nil {
		return err
	}
	if err := unix.Mount(root, path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		if _, undo := b.Unmount(ctx); undo != nil {
			b.engine.warn("undoing the mount of %q: %v", b.Name(), undo)
		}
		return fmt.Errorf("mounting %q at %q: %w", b.Name(), path, err)
	}
	return nil
}

// Unmount gives one use of the mount back. It tells whether the container was
// mounted at all; the record forgets the path when nobody uses it any more.
func (b *Builder) Unmount(_ context.Context) (bool, error) {
	count, err := b.engine.Store.MountCount(b.ID())
	if err != nil {
		return false, fmt.Errorf("unmounting %q: %w", b.Name(), err)
	}
	if count == 0 {
		return false, b.forgetMount()
	}
	if count == 1 {
		if err := unbindAll(b.record.MountPoint); err != nil {
			return false, fmt.Errorf("unmounting %q: %w", b.Name(), err)
		}
	}
	still, err := b.engine.Store.Unmount(b.ID())
	if err != nil {
		return false, fmt.Errorf("unmounting %q: %w", b.Name(), err)
	}
	if still {
		return true, nil
	}
	return true, b.forgetMount()
}

// Mounted gives the path that the container is mounted at, "" when it is not.
// A record that says otherwise, as after a reboot, is mended.
func (b *Builder) Mounted() (string, error) {
	count, err := b.engine.Store.MountCount(b.ID())
	if err != nil {
		return "", fmt.Errorf("looking for the mount of %q: %w", b.Name(), err)
	}
	if count == 0 {
		return "", b.forgetMount()
	}
	path, err := b.engine.Store.MountPoint(b.ID())
	if err != nil {
		return "", fmt.Errorf("looking for the mount of %q: %w", b.Name(), err)
	}
	if b.record.MountPoint == path {
		return path, nil
	}
	b.record.MountPoint = path
	return path, b.Save()
}

func (b *Builder) forgetMount() error {
	if b.record.MountPoint == "" {
		return nil
	}
	b.record.MountPoint = ""
	return b.Save()
}

// withRoot mounts the container for the time of work. The use that a user's own
// mount has is left alone.
func (b *Builder) withRoot(work func(root *copier.Root) error) (err error) {
	release, err := b.hold()
	if err != nil {
		return err
	}
	defer release()
	path, done, err := b.engine.Store.Use(b.ID(), b.record.MountLabel)
	if err != nil {
		return fmt.Errorf("mounting %q: %w", b.Name(), err)
	}
	defer func() {
		if undo := done(); undo != nil && err == nil {
			err = fmt.Errorf("unmounting %q: %w", b.Name(), undo)
		}
	}()
	root, err := copier.OpenRoot(path)
	if err != nil {
		return fmt.Errorf("opening the root of %q: %w", b.Name(), err)
	}
	defer root.Close()
	root.TranslateOwners(b.owners())
	return work(root)
}

// detach gives back every use of a container's mount.
func (e *Engine) detach(id string) error {
	path, err := e.Store.MountPoint(id)
	if err != nil {
		return err
	}
	if err := unbindAll(path); err != nil {
		return err
	}
	for {
		still, err := e.Store.Unmount(id)
		if err != nil || !still {
			return err
		}
	}
}
