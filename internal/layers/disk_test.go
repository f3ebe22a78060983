package layers

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/store"
)

// tmpfs mounts a file system of its own, so that nobody else uses its space.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("no tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func used(t *testing.T, dir string) int64 {
	t.Helper()
	var st unix.Statfs_t
	must(t, unix.Statfs(dir, &st))
	return int64(st.Blocks-st.Bfree) * st.Bsize
}

// TestPeakDisk measures what a layer of 64 MiB needs besides itself.
func TestPeakDisk(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	for path, most := range map[string]int64{PathRename: 1 << 20, PathClone: size + 1<<20, PathPlain: 2*size + 1<<20} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			dir := tmpfs(t, "size=300m")
			driver := "overlay"
			if path == PathPlain {
				driver = "vfs"
			}
			s := storeIn(t, dir, driver)
			c, err := s.CreateContainer(store.NewContainer{NameHint: "c"})
			must(t, err)
			edit(t, s, c.ID, func(root string) { must(t, os.WriteFile(root+"/big", make([]byte, size), 0o600)) })
			before, peak := used(t, dir), int64(0)
			done := make(chan struct{})
			watched := make(chan struct{})
			go func() {
				defer close(watched)
				for {
					peak = max(peak, used(t, dir)-before)
					select {
					case <-done:
						return
					case <-time.After(time.Millisecond):
					}
				}
			}()
			l, err := Freeze(t.Context(), s, c.ID, Options{Owned: path == PathRename})
			close(done)
			<-watched
			must(t, err)
			if l.Path != path || peak > most {
				t.Errorf("made by %q with %d bytes more at times, want %d at most", l.Path, peak, most)
			}
		})
	}
}

func storeIn(t *testing.T, dir, driver string) *store.Store {
	t.Helper()
	o := store.Options{GraphRoot: filepath.Join(dir, "g"), RunRoot: filepath.Join(dir, "r"), Driver: driver}
	if driver == "overlay" {
		o.DriverOptions = []string{"overlay.skip_mount_home=true"}
	}
	s, err := store.Open(o)
	if err != nil {
		t.Skipf("driver %s does not work here: %v", driver, err)
	}
	return s
}

// tinyEnv tells the child of TestTemporaryFiles where its store is.
const tinyEnv = "BUILDAH_TEST_TINY"

// TestTemporaryFiles: none is outside of the store's file system, however little
// room there is in the directory of temporary files.
func TestTemporaryFiles(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(tinyEnv); dir != "" {
		freezeLarge(t, dir)
		return
	}
	tiny, dir := tmpfs(t, "size=64k,nr_inodes=3"), t.TempDir()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestTemporaryFiles$")
	cmd.Env = append(os.Environ(), "TMPDIR="+tiny, tinyEnv+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func freezeLarge(t *testing.T, dir string) {
	for path, driver := range map[string]string{PathRename: "overlay", PathClone: "overlay", PathPlain: "vfs"} {
		s := storeIn(t, filepath.Join(dir, path), driver)
		c, err := s.CreateContainer(store.NewContainer{NameHint: "c"})
		must(t, err)
		edit(t, s, c.ID, func(root string) { must(t, os.WriteFile(root+"/big", make([]byte, 8<<20), 0o600)) })
		l, err := Freeze(t.Context(), s, c.ID, Options{Owned: path == PathRename})
		must(t, err)
		if l.Path != path {
			t.Errorf("made by %q", l.Path)
		}
		on, err := s.CreateContainer(store.NewContainer{NameHint: "on", ImageID: record(t, s, l.ID)})
		must(t, err)
		edit(t, s, on.ID, func(root string) { must(t, os.WriteFile(root+"/more", make([]byte, 8<<20), 0o600)) })
		_, err = Freeze(t.Context(), s, on.ID, Options{Owned: path == PathRename})
		must(t, err)
		if path == PathRename {
			continue // there is nothing left of it
		}
		_, err = Squash(t.Context(), s, on.ID, Options{})
		must(t, err)
	}
	if entries, err := os.ReadDir(os.TempDir()); len(entries) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
