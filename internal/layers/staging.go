package layers

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/store"
)

// staleAge is how old a staging directory is before it is looked at: storage locks
// it some instructions after it made it.
const staleAge = 5 * time.Second

// Tidy removes the staging directories of processes that were killed: storage
// looks for these only when it is shut down. What cannot be removed can stay.
func Tidy(s *store.Store) {
	home := s.Raw().ImageStore()
	if home == "" {
		home = s.GraphRoot()
	}
	tidyBelow(filepath.Join(home, s.Driver(), "staging"))
}

// tidyStaging removes what storage leaves of a staging directory whose content
// became a layer, and what Tidy does.
func tidyStaging(target string) {
	mine := filepath.Dir(target)
	_ = os.Remove(mine) // empty by now
	tidyBelow(filepath.Dir(mine))
}

func tidyBelow(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(base, e.Name())
		fi, err := e.Info()
		if err != nil || !fi.IsDir() || time.Since(fi.ModTime()) < staleAge || inUse(path) {
			continue
		}
		_ = os.RemoveAll(path)
	}
}

// inUse tells whether a process holds the lock of a staging directory. If it is
// this one the file must not be opened: POSIX has it that each close of a file
// ends all locks that the process has on it.
func inUse(path string) bool {
	path = filepath.Join(path, "staging.lock")
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil || bytes.Contains(locks, []byte(":"+strconv.FormatUint(st.Ino, 10)+" ")) {
		return true
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK} // one of another PID namespace is not listed
	err = unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock)
	return err != nil || lock.Type != unix.F_UNLCK
}
