package userns

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/ownthread"
)

// Rights is what a process like us may do. Nil errors mean yes.
type Rights struct {
	Mount  error // what running commands takes
	Chroot error // what unpacking layers takes
}

// TryRights finds out by trying, in a thread that ends afterwards and takes everything
// with it. Something is mounted at dir.
func TryRights(dir string) Rights {
	var r Rights
	_ = ownthread.Do(func() error {
		r = tryRights(dir)
		return nil
	})
	return r
}

func tryRights(dir string) (r Rights) {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		r.Mount = fmt.Errorf("making a mount namespace: %w", err)
		r.Chroot = r.Mount
		return r
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		r.Mount = fmt.Errorf("keeping mounts to ourselves: %w", err)
	} else if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=4k"); err != nil {
		r.Mount = fmt.Errorf("mounting: %w", err)
	}
	if err := unix.Chroot("/"); err != nil {
		r.Chroot = fmt.Errorf("changing the root: %w", err)
	}
	return r
}
