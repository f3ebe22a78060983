package layers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// staleAge is how old a staging directory is before it is looked at: a younger
// one may be about to be locked, and looking at one of this process would end its
// lock, as POSIX has it for every close of a file.
const staleAge = time.Hour

// tidyStaging removes what storage leaves of a staging directory whose content
// became a layer, and the directories of processes that were killed: storage
// looks for these only when it is shut down. What cannot be removed can stay.
func tidyStaging(target string) {
	mine := filepath.Dir(target)
	_ = os.Remove(mine) // empty by now
	base := filepath.Dir(mine)
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

// inUse tells whether a process holds the lock of a staging directory.
func inUse(path string) bool {
	f, err := os.OpenFile(filepath.Join(path, "staging.lock"), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	// of an open file description: it conflicts with a lock of this process too
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock)
	return err != nil || lock.Type != unix.F_UNLCK
}
