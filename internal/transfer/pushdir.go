package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/types"
	"golang.org/x/sys/unix"
)

// stage arranges that a destination in the file system appears whole or not at all. The
// caller tells finish how the copy has ended.
func (j *pushJob) stage(ctx context.Context) (finish func(error) error, err error) {
	switch j.dest.Transport().Name() {
	case archiveTransport, "oci-archive":
		return removeHalf(j.dest), nil
	case directory.Transport.Name():
		return j.stageDir(ctx)
	}
	return func(err error) error { return err }, nil
}

// removeHalf removes the archive file which a failed push has begun, if there was none
// before.
func removeHalf(ref types.ImageReference) func(error) error {
	file, _, _ := strings.Cut(ref.StringWithinTransport(), ":")
	_, before := os.Lstat(file)
	return func(err error) error {
		if err != nil && errors.Is(before, fs.ErrNotExist) {
			os.Remove(file)
		}
		return err
	}
}

const (
	dirVersion     = "version" // the file that "dir:" is completed with
	dirVersionLine = "Directory Transport Version: 1."
)

// stageDir lets a push to "dir:" write beside its destination, and put it in its place in
// one rename. The library erases what is there before it begins.
func (j *pushJob) stageDir(ctx context.Context) (func(error) error, error) {
	final, err := filepath.Abs(j.dest.StringWithinTransport())
	if err != nil {
		return nil, err
	}
	if resolved, err := filepath.EvalSymlinks(final); err == nil {
		final = resolved
	}
	if err := checkDir(final); err != nil {
		return nil, err
	}
	if pinned(final) {
		return clearHalf(final), nil
	}
	temp, remove, err := j.c.tempDirIn(ctx, filepath.Dir(final))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return clearHalf(final), nil
	}
	if err != nil {
		return nil, err
	}
	staged := filepath.Join(temp, "image")
	ref, err := directory.NewReference(staged)
	if err != nil {
		remove()
		return nil, err
	}
	j.dest = ref
	return func(err error) error {
		defer remove() // and with it what was there before
		if err == nil {
			err = putInPlace(staged, final)
		}
		return err
	}, nil
}

// checkDir refuses to overwrite what is no image, as the library does.
func checkDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	version, err := os.ReadFile(filepath.Join(dir, dirVersion))
	if err != nil || !strings.HasPrefix(string(version), dirVersionLine) {
		return fmt.Errorf("%w: %q", directory.ErrNotContainerImageDir, dir)
	}
	return nil
}

// pinned tells that nothing can take the place of a directory: something is mounted on it,
// or it is the current one, perhaps of the caller's shell, too.
func pinned(dir string) bool {
	if cwd, err := os.Getwd(); err == nil && cwd == dir {
		return true
	}
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, dir, 0, unix.STATX_BASIC_STATS, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// clearHalf removes what a failed push has begun in a directory that stays where it is.
func clearHalf(dir string) func(error) error {
	return func(err error) error {
		if _, done := os.Lstat(filepath.Join(dir, dirVersion)); err == nil || done == nil {
			return err // it is whole, or was not touched
		}
		entries, listing := os.ReadDir(dir)
		if listing != nil {
			return err
		}
		for _, e := range entries {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
		return err
	}
}

// putInPlace moves a new directory to where it belongs. What was there lies beside it then,
// where the caller removes it.
func putInPlace(staged, final string) error {
	was, err := os.Stat(final)
	if errors.Is(err, fs.ErrNotExist) {
		return os.Rename(staged, final)
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(staged, was.Mode().Perm()); err != nil {
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, staged, unix.AT_FDCWD, final, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // not every file system can
		if err := os.Rename(final, staged+".old"); err != nil {
			return err
		}
		return os.Rename(staged, final)
	}
	if err != nil {
		return fmt.Errorf("putting the image in the place of %q: %w", final, err)
	}
	return nil
}
