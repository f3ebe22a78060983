package builder

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// A program that is being started has all our descriptors for a moment.
func TestStepLockEndsWhileAProgramStarts(t *testing.T) {
	t.Parallel()
	v := newScripts(t)
	release, ok, err := v.lockSteps("one", stepLock, unix.LOCK_EX)
	if err != nil || !ok {
		t.Fatalf("locking: %t, %v", ok, err)
	}
	fd := descriptorOf(t, v.stepLockPath("one", stepLock))
	started, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(started) })
	if _, ok, err := v.lockSteps("one", stepLock, unix.LOCK_EX); ok || err != nil {
		t.Fatalf("a second one at the same time: %t, %v", ok, err)
	}
	release()
	again, ok, err := v.lockSteps("one", stepLock, unix.LOCK_EX)
	if err != nil || !ok {
		t.Fatalf("the next step: %t, %v", ok, err)
	}
	again()
}

// descriptorOf finds a file that this process has open.
func descriptorOf(t *testing.T, path string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && name == path {
			fd, _ := strconv.Atoi(e.Name())
			return fd
		}
	}
	t.Fatalf("%q is not open", path)
	return -1
}
