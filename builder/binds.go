package builder

import (
	"fmt"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// unbindAll undoes the binds that [Builder.MountAt] made of the directory at
// root. They are found by device and inode, so that no list of them has to be
// kept: a list would be wrong after a reboot or a manual umount.
func unbindAll(root string) error {
	var st unix.Stat_t
	if root == "" {
		return nil
	}
	if err := unix.Stat(root, &st); err != nil {
		return nil //nolint:nilerr // it is not mounted here, so nothing is bound
	}
	all, err := mountinfo.GetMounts(nil)
	if err != nil {
		return fmt.Errorf("reading the mount table: %w", err)
	}
	major, minor := int(unix.Major(st.Dev)), int(unix.Minor(st.Dev))
	for i := len(all) - 1; i >= 0; i-- { // the last mount is the topmost
		m := all[i]
		if m.Major != major || m.Minor != minor || m.Mountpoint == root || !sameFile(m.Mountpoint, &st) {
			continue
		}
		if err := unix.Unmount(m.Mountpoint, unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmounting %q: %w", m.Mountpoint, err)
		}
	}
	return nil
}

// sameFile tells whether path is the file that st describes.
func sameFile(path string, st *unix.Stat_t) bool {
	var other unix.Stat_t
	return unix.Stat(path, &other) == nil && other.Dev == st.Dev && other.Ino == st.Ino
}
