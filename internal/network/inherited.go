package network

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// dropInherited closes what a caller further up had open, such as the lock of `flock
// FILE buildah ...` or the end of a pipe: the keeper outlives the command, and nobody
// shall wait for it. What this program opens itself is closed on exec.
func dropInherited() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // nothing can be known
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= wireFD {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
}
