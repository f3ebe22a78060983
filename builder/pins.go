package builder

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/opencontainers/selinux/go-selinux/label"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/mountflag"
)

// openHostSource opens a file that the user named on the host.
func openHostSource(path string, noFollow bool) (*os.File, error) {
	flags := unix.O_PATH | unix.O_CLOEXEC
	if noFollow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Open(path, flags, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func fdPath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// place makes an empty file or directory in the bundle to mount a source on.
func (m *mounting) place(dir bool) (string, error) {
	at := filepath.Join(m.bundle, "mount-"+strconv.Itoa(len(m.undo)))
	if dir {
		return at, os.Mkdir(at, 0o700)
	}
	return at, os.WriteFile(at, nil, 0o600)
}

// pin mounts an opened source in the bundle and gives that path: whoever mounts
// it from there, mounts what was opened, whatever its name leads to by then.
func (m *mounting) pin(src *os.File, flat bool) (string, error) {
	info, err := src.Stat()
	if err != nil {
		return "", err
	}
	if err := m.markBundle(); err != nil {
		return "", err
	}
	at, err := m.place(info.IsDir())
	if err != nil {
		return "", err
	}
	flags := uintptr(unix.MS_BIND | unix.MS_REC)
	if flat {
		flags = unix.MS_BIND
	}
	if err := unix.Mount(fdPath(src), at, "", flags, ""); err != nil {
		return "", fmt.Errorf("mounting %q: %w", src.Name(), err)
	}
	m.undo = append(m.undo, func() error { return unmountPin(at) })
	if err := unix.Mount("", at, "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return "", fmt.Errorf("mounting %q: %w", src.Name(), err)
	}
	return at, nil
}

// ownTmpfs mounts a tmpfs in the bundle. Some runtimes give the one that they
// mount the mode of what is below it, whatever was asked for.
func (m *mounting) ownTmpfs(o mountflag.TmpfsOptions) (string, error) {
	if err := m.markBundle(); err != nil {
		return "", err
	}
	at, err := m.place(true)
	if err != nil {
		return "", err
	}
	options := "mode=" + o.Mode
	if o.Size > 0 {
		options += ",size=" + strconv.FormatInt(o.Size, 10)
	}
	if err := unix.Mount(bundleMark, at, "tmpfs", 0, options); err != nil {
		return "", fmt.Errorf("mounting a tmpfs: %w", err)
	}
	m.undo = append(m.undo, func() error { return unmountPin(at) })
	return at, nil
}

func unmountPin(at string) error {
	if err := unix.Unmount(at, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return fmt.Errorf("unmounting %q: %w", at, err)
	}
	return nil
}

// overlay mounts a source so that writes go to upper, or are thrown away. A
// single file is taken from an overlay of its directory.
func (m *mounting) overlay(src *os.File, upper, work string) (string, error) {
	info, err := src.Stat()
	if err != nil {
		return "", err
	}
	name := ""
	lower := src
	if !info.IsDir() {
		path, err := os.Readlink(fdPath(src))
		if err != nil {
			return "", err
		}
		if lower, err = openHostSource(filepath.Dir(path), false); err != nil {
			return "", err
		}
		defer lower.Close()
		name = filepath.Base(path)
	}
	if err := m.markBundle(); err != nil {
		return "", err
	}
	base, err := m.place(true)
	if err != nil {
		return "", err
	}
	merged := filepath.Join(base, "merged")
	dirs := []string{merged}
	if upper == "" {
		upper, work = filepath.Join(base, "upper"), filepath.Join(base, "work")
		dirs = append(dirs, upper, work)
	}
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return "", err
		}
	}
	if err := m.mountOverlay(lower, upper, work, merged); err != nil {
		return "", err
	}
	m.undo = append(m.undo, func() error { return unmountPin(merged) })
	return filepath.Join(merged, name), nil
}

// mountOverlay names the directories by descriptors, so that no character in
// their names has a meaning in the mount options.
func (m *mounting) mountOverlay(lower *os.File, upper, work, merged string) error {
	up, err := openHostSource(upper, false)
	if err != nil {
		return err
	}
	defer up.Close()
	wk, err := openHostSource(work, false)
	if err != nil {
		return err
	}
	defer wk.Close()
	if info, err := lower.Stat(); err == nil {
		if st, ok := info.Sys().(*unixStat); ok {
			// The root of the overlay looks like the source.
			if err := os.Chown(upper, int(st.Uid), int(st.Gid)); err != nil {
				return err
			}
			if err := os.Chmod(upper, info.Mode()); err != nil {
				return err
			}
		}
	}
	options := "lowerdir=" + fdPath(lower) + ",upperdir=" + fdPath(up) + ",workdir=" + fdPath(wk)
	if m.engine.Host.Rootless {
		options += ",userxattr"
	}
	if err := unix.Mount(bundleMark, merged, "overlay", 0, options); err != nil {
		return fmt.Errorf("making %q writable by an overlay: %w", lower.Name(), err)
	}
	return nil
}

// prepareSource relabels a source, or gives it to the user of the process, where
// that was asked for.
func (m *mounting) prepareSource(src *os.File, a mountflag.Attributes) error {
	if a.IDMap != "" {
		return fmt.Errorf("the option %q is not supported in this version: use U to give the source to the user of the command", a.IDMap)
	}
	if a.Relabel != mountflag.RelabelNone {
		if err := label.Relabel(fdPath(src), m.record.MountLabel, a.Relabel == mountflag.RelabelShared); err != nil {
			return fmt.Errorf("relabelling: %w", err)
		}
	}
	if !a.Chown {
		return nil
	}
	owner, err := m.onDisk(int(m.user.UID), int(m.user.GID))
	if err != nil {
		return err
	}
	return chownTree(src, owner.UID, owner.GID)
}

// chownTree gives an opened file, or a tree without following links in it, to a user.
func chownTree(src *os.File, uid, gid int) error {
	if err := unix.Fchownat(int(src.Fd()), "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
		return &fs.PathError{Op: "chown", Path: src.Name(), Err: err}
	}
	info, err := src.Stat()
	if err != nil || !info.IsDir() {
		return err
	}
	root, err := os.OpenRoot(fdPath(src))
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(name, uid, gid)
	})
}
