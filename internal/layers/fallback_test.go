package layers

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/store"
)

// childEnv marks the process of TestSlowOptions that does the work, with the options.
const childEnv = "BUILDAH_TEST_OPTIONS"

// TestSlowOptions runs each case in a process of its own: the storage library
// decides only once whether its diffs are native.
func TestSlowOptions(t *testing.T) {
	t.Parallel()
	if options := os.Getenv(childEnv); options != "" {
		freezeSlowly(t, strings.Fields(options))
		return
	}
	for _, options := range []string{
		"overlay.mountopt=metacopy=on",
		"overlay.mountopt=redirect_dir=on",
		"overlay.ignore_chown_errors=true",
		"overlay.mount_program=/usr/bin/fuse-overlayfs",
		"overlay.force_mask=700 overlay.mount_program=/usr/bin/fuse-overlayfs",
	} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestSlowOptions$", "-test.v")
			cmd.Env = append(os.Environ(), childEnv+"="+options)
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "--- SKIP") {
				t.Skipf("%s", out)
			}
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// freezeSlowly wants the plain path, and the option named that is the reason.
func freezeSlowly(t *testing.T, options []string) {
	for _, o := range options {
		if program, ok := strings.CutPrefix(o, "overlay.mount_program="); ok {
			if _, err := os.Stat(program); err != nil {
				t.Skip(err)
			}
			if _, err := os.Stat("/dev/fuse"); err != nil {
				t.Skip(err)
			}
		}
	}
	s := newStore(t, "overlay", options...)
	base := image(t, s, baseTree(t))
	c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: base})
	must(t, err)
	edit(t, s, c.ID, func(root string) { must(t, os.Chmod(root+"/full/a", 0o640)) })
	for _, owned := range []bool{true, false} {
		l, err := Freeze(t.Context(), s, c.ID, Options{Owned: owned})
		must(t, err)
		if l.Path != PathPlain || l.Slow != options[0] {
			t.Errorf("made by %q, because of %q", l.Path, l.Slow)
		}
		checkChmod(t, s, l)
	}
}

// checkChmod wants the file full/a with its content.
func checkChmod(t *testing.T, s *store.Store, l Layer) {
	t.Helper()
	want := "full/a 0 640 0:0"
	content := " " + digest.FromString("a").Encoded()[:8] + " "
	lines := entries(t, diff(t, s, l.ID))
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, want) && strings.Contains(line, content) }) {
		t.Errorf("entries %q", lines)
	}
}

// TestRedirect: a directory that was renamed under redirect_dir=on refers to the
// lower one by an attribute; only the mounted tree has its content.
func TestRedirect(t *testing.T) {
	t.Parallel()
	for _, owned := range []bool{true, false} {
		s := newStore(t, "overlay")
		base := image(t, s, baseTree(t))
		c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: base})
		must(t, err)
		f, err := newFreezer(s, c.ID, Options{})
		must(t, err)
		p, ok, err := f.overlay()
		must(t, err)
		if !ok {
			t.Fatal("no native overlay")
		}
		merged := t.TempDir()
		opts := "redirect_dir=on,upperdir=" + p.upper + ",workdir=" + filepath.Dir(p.upper) + "/work,lowerdir=" + strings.Join(p.lowers, ":")
		if err := unix.Mount("overlay", merged, "overlay", 0, opts); err != nil {
			t.Skipf("no redirect_dir here: %v", err)
		}
		err = os.Rename(merged+"/full", merged+"/moved")
		must(t, unix.Unmount(merged, 0), err)
		l, err := Freeze(t.Context(), s, c.ID, Options{Owned: owned})
		must(t, err)
		if l.Path != PathPlain {
			t.Errorf("made by %q", l.Path)
		}
		var names []string
		for _, line := range entries(t, diff(t, s, l.ID)) {
			names = append(names, strings.Fields(line)[0])
		}
		slices.Sort(names)
		if d := cmp.Diff([]string{".wh.full", "moved/", "moved/a", "moved/sub/", "moved/sub/b"}, names); d != "" {
			t.Error(d)
		}
		if n, err := s.MountCount(c.ID); n != 0 || err != nil {
			t.Errorf("left mounted: %d, %v", n, err)
		}
		noStaging(t, s)
	}
}

// TestOtherDevice: images that live on another file system are not renamed to.
func TestOtherDevice(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	images, err := os.MkdirTemp("/dev/shm", "buildah-test-")
	if err != nil || sameDevice(dir, images) {
		t.Skipf("no second file system: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(images) })
	s, err := store.Open(store.Options{
		GraphRoot: dir + "/g", RunRoot: dir + "/r", ImageStore: images, Driver: "overlay",
		DriverOptions: []string{"overlay.skip_mount_home=true"},
	})
	if err != nil {
		t.Skipf("no overlay with an image store: %v", err)
	}
	base := image(t, s, baseTree(t))
	c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: base})
	must(t, err)
	edit(t, s, c.ID, func(root string) { must(t, os.Chmod(root+"/full/a", 0o640)) })
	f, err := newFreezer(s, c.ID, Options{Owned: true})
	must(t, err)
	p, ok, err := f.overlay()
	must(t, err)
	if !ok || f.mayRename(p) {
		t.Errorf("overlay %v, renamed across devices", ok)
	}
	// even if it were tried, the container keeps its content
	if _, err := f.rename(t.Context(), p); !errors.Is(err, unix.EXDEV) {
		t.Errorf("renaming across devices: %v", err)
	}
	l, err := Freeze(t.Context(), s, c.ID, Options{Owned: true})
	must(t, err)
	if l.Path != PathClone {
		t.Errorf("made by %q", l.Path)
	}
	checkChmod(t, s, l)
}

func TestSquash(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, driver)
			base := image(t, s, baseTree(t))
			c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: base})
			must(t, err)
			edit(t, s, c.ID, changes(t))
			// a user has it mounted
			_, err = s.Mount(c.ID, "")
			must(t, err)
			l, err := Squash(t.Context(), s, c.ID, Options{})
			must(t, err)
			if n, err := s.MountCount(c.ID); n != 1 || err != nil {
				t.Errorf("mounts %d, %v", n, err)
			}
			_, err = s.Unmount(c.ID)
			must(t, err)
			if l.Parent != "" || l.ID != l.DiffID.Encoded() {
				t.Errorf("got %+v", l)
			}
			if d := digest.FromBytes(diff(t, s, l.ID)); d != l.DiffID {
				t.Errorf("digest %s, want %s", l.DiffID, d)
			}
			checkMounted(t, s, l)
			again, err := Squash(t.Context(), s, c.ID, Options{})
			must(t, err)
			if !again.Reused || again.ID != l.ID {
				t.Errorf("the second time: %+v", again)
			}
		})
	}
}

func TestAddTar(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, driver)
			var buf bytes.Buffer
			tw := tar.NewWriter(&buf)
			must(t, tw.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeReg, Mode: 0o644, Size: 1}))
			_, err := tw.Write([]byte("x"))
			must(t, err, tw.Close())
			data := buf.Bytes()
			first, err := AddTar(t.Context(), s, "", bytes.NewReader(data))
			must(t, err)
			second, err := AddTar(t.Context(), s, first.ID, bytes.NewReader(data))
			must(t, err)
			want := Layer{ID: ChainID(first.ID, digest.FromBytes(data)), DiffID: digest.FromBytes(data), Size: int64(len(data)), Parent: first.ID, Path: PathPlain}
			if d := cmp.Diff(want, second); d != "" {
				t.Error(d)
			}
			checkLayer(t, s, second, data)
			if _, err := AddTar(t.Context(), s, "", strings.NewReader("not a tar, but longer than a header of 512 bytes"+strings.Repeat("!", 1024))); err == nil {
				t.Error("text is taken for a tar")
			}
			if _, err := AddTar(t.Context(), s, "nosuch", bytes.NewReader(data)); err == nil {
				t.Error("on a parent that is not there")
			}
			if list, err := s.Raw().Layers(); len(list) != 2 || err != nil {
				t.Errorf("left %d layers, %v", len(list), err)
			}
		})
	}
}

// TestKilled makes what a kill leaves in the midst of a clone: nothing that the
// next one minds, and the container as it was.
func TestKilled(t *testing.T) {
	t.Parallel()
	s := newStore(t, "overlay")
	base := image(t, s, baseTree(t))
	c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: base})
	must(t, err)
	edit(t, s, c.ID, func(root string) { must(t, os.Chmod(root+"/full/a", 0o640)) })
	want := diff(t, s, c.LayerID)
	staging := filepath.Join(s.GraphRoot(), "overlay", "staging")
	for _, name := range []string{"killed", "young", "busy"} {
		dir := filepath.Join(staging, name)
		must(t, os.MkdirAll(dir+"/dir/half", 0o755), write(dir+"/dir/half/made", "x"), write(dir+"/staging.lock", ""))
		if name != "young" {
			old := time.Now().Add(-2 * staleAge)
			must(t, os.Chtimes(dir, old, old))
		}
	}
	lock, err := os.OpenFile(staging+"/busy/staging.lock", os.O_RDWR, 0)
	must(t, err)
	defer lock.Close()
	must(t, unix.FcntlFlock(lock.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	l, err := Freeze(t.Context(), s, c.ID, Options{})
	must(t, err)
	checkLayer(t, s, l, want)
	if !bytes.Equal(diff(t, s, c.LayerID), want) {
		t.Error("the container changed")
	}
	left, err := os.ReadDir(staging)
	must(t, err)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if d := cmp.Diff([]string{"busy", "young"}, names); d != "" {
		t.Error(d)
	}
}
