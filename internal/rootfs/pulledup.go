package rootfs

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/store"
)

// recordParents records the directories of the base that overlay will copy up
// because something is made below them. They stay in the upper directory when
// what was made is gone, so this record stays, too. A directory that is in the
// upper one already is content of the container, or recorded before.
func (p *targetPlan) recordParents(recordDir string) error {
	upper := upperDir(p.root.Path())
	if upper == "" {
		return nil
	}
	seen := map[string]bool{}
	var parents []store.Stub
	for _, s := range p.missing {
		for dir := path.Dir(s.Path); dir != "."; dir = path.Dir(dir) {
			if seen[dir] || p.planned[dir] {
				continue
			}
			seen[dir] = true
			if inUpper(upper, dir) {
				break
			}
			info, err := p.root.Lstat(dir)
			if err != nil {
				return fmt.Errorf("making mount targets: %w", err)
			}
			parents = append(parents, store.Stub{
				Path: dir, Mode: statMode(info), UID: info.UID, GID: info.GID, ModTime: info.ModTime.UnixNano(),
			})
		}
	}
	if len(parents) == 0 {
		return nil
	}
	_, err := store.WriteStubs(recordDir, store.StubPulledUp, parents)
	return err
}

// inUpper tells whether a path without links is in the upper directory.
func inUpper(upper, name string) bool {
	dir, err := unix.Open(upper, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true // then nothing is recorded: an entry too many is better than a change lost
	}
	defer func() { _ = unix.Close(dir) }()
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err == nil {
		_ = unix.Close(fd)
	}
	return err != unix.ENOENT
}

// upperDir is the directory of an overlay mount that takes the changes; "" if
// root is none, or it cannot be found.
func upperDir(root string) string {
	mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(root))
	if err != nil || len(mounts) == 0 || mounts[0].FSType != "overlay" {
		return ""
	}
	for option := range strings.SplitSeq(mounts[0].VFSOptions, ",") {
		upper, ok := strings.CutPrefix(option, "upperdir=")
		if !ok {
			continue
		}
		if filepath.IsAbs(upper) {
			return upper
		}
		// The storage library mounts from the driver's directory when the list of
		// lower directories would be too long.
		return filepath.Join(filepath.Dir(filepath.Dir(root)), upper)
	}
	return ""
}
