package testenv

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"go.podman.io/storage/pkg/reexec"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/store"
)

// Main is for the TestMain of packages whose tests write layers: storage unpacks
// in a re-executed copy of this program, which must not run the tests again.
func Main(m *testing.M) {
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

// Store opens a temporary store with a driver, "vfs" or "overlay" ("" means
// overlay for root). Whatever is mounted below it is unmounted with the test.
func Store(t testing.TB, driver string) *store.Store {
	t.Helper()
	if driver == "" {
		driver = "overlay"
	}
	if driver == "overlay" {
		NeedRoot(t)
	}
	return storeIn(t, driver, t.TempDir())
}

// MemoryStore is a temporary overlay store in memory, where the machine has a place for
// it: for tests of many small steps, each of which would wait for the disk.
func MemoryStore(t testing.TB) *store.Store {
	t.Helper()
	NeedRoot(t)
	dir, err := os.MkdirTemp("/dev/shm", "buildah-test-")
	if err != nil {
		return Store(t, "overlay")
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return storeIn(t, "overlay", dir)
}

func storeIn(t testing.TB, driver, root string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{
		GraphRoot: root + "/root",
		RunRoot:   root + "/run",
		Driver:    driver,
		// An empty option would leave those of the host's storage.conf in force.
		DriverOptions: driverOptions(driver),
	})
	if err != nil {
		t.Fatalf("opening a temporary store: %v", err)
	}
	t.Cleanup(func() {
		// Refuses while an image is mounted: what it leaves is unmounted next.
		_, _ = s.Raw().Shutdown(true)
		unmountBelow(t, root)
	})
	return s
}

func driverOptions(driver string) []string {
	if driver == "overlay" {
		return []string{"overlay.mountopt=nodev"}
	}
	return nil
}

// unmountBelow unmounts everything below dir, the innermost first.
func unmountBelow(t testing.TB, dir string) {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		t.Errorf("listing mounts below %q: %v", dir, err)
		return
	}
	slices.SortFunc(mounts, func(a, b *mountinfo.Info) int { return strings.Compare(b.Mountpoint, a.Mountpoint) })
	for _, m := range mounts {
		if err := unix.Unmount(m.Mountpoint, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %q: %v", m.Mountpoint, err)
		}
	}
}
