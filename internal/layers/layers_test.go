package layers

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/reexec"
	"go.podman.io/storage/pkg/unshare"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/store"
)

func TestMain(m *testing.M) {
	if reexec.Init() {
		return
	}
	// Storage keeps what it found out about a disk in variables of the process, which
	// stores that are opened beside each other race for.
	if err := flag.Set("test.parallel", "1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// newStore opens a store of its own.
func newStore(t testing.TB, driver string, options ...string) *store.Store {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	if driver == "overlay" {
		options = append(options, "overlay.skip_mount_home=true")
	}
	s, err := store.Open(store.Options{GraphRoot: filepath.Join(dir, "g"), RunRoot: filepath.Join(dir, "r"), Driver: driver, DriverOptions: options})
	if err != nil {
		t.Skipf("driver %s does not work here: %v", driver, err)
	}
	t.Cleanup(func() {
		merged, err := filepath.Glob(s.GraphRoot() + "/overlay/*/merged")
		if err != nil {
			t.Error(err)
		}
		for _, path := range merged {
			_ = unix.Unmount(path, unix.MNT_DETACH) // most are not mounted
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// edit mounts a container while work changes it.
func edit(t testing.TB, s *store.Store, id string, work func(root string)) {
	t.Helper()
	root, err := s.Mount(id, "")
	if err != nil {
		t.Fatal(err)
	}
	work(root)
	if _, err := s.Unmount(id); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// image commits a base image with one layer and gives its ID.
func image(t testing.TB, s *store.Store, work func(root string)) string {
	t.Helper()
	c, err := s.CreateContainer(store.NewContainer{NameHint: "base"})
	must(t, err)
	edit(t, s, c.ID, work)
	l, err := Freeze(t.Context(), s, c.ID, Options{})
	must(t, err)
	id := record(t, s, l.ID)
	must(t, s.DeleteContainer(c.ID))
	return id
}

func record(t testing.TB, s *store.Store, topLayer string) string {
	t.Helper()
	config := fmt.Appendf(nil, `{"top":%q}`, topLayer)
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"config":{"digest":%q}}`, digest.FromBytes(config))
	id, err := s.CreateImage(store.NewImage{Config: config, Manifest: manifest, TopLayer: topLayer})
	must(t, err)
	return id
}

func write(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }

func baseTree(t testing.TB) func(string) {
	return func(root string) {
		for _, d := range []string{"etc", "full/sub", "gone", "replaced/x"} {
			must(t, os.MkdirAll(filepath.Join(root, d), 0o755))
		}
		must(t, write(root+"/etc/passwd", "root:x:0:0\n"), write(root+"/full/a", "a"), write(root+"/full/sub/b", "b"),
			write(root+"/gone/c", "c"), write(root+"/replaced/x/y", "y"), write(root+"/todelete", "d"), write(root+"/todelete2", "d"))
	}
}

// changes makes one of everything that a layer can hold.
func changes(t testing.TB) func(string) {
	return func(root string) {
		must(t, os.RemoveAll(root+"/todelete"), os.RemoveAll(root+"/todelete2"), os.RemoveAll(root+"/gone"))
		// an opaque directory
		must(t, os.RemoveAll(root+"/replaced"), os.Mkdir(root+"/replaced", 0o700), write(root+"/replaced/new", "new"))
		must(t, os.Chmod(root+"/full/a", 0o600))
		must(t, os.MkdirAll(root+"/d/e/f", 0o750), write(root+"/d/file", strings.Repeat("x", 300_000)))
		must(t, os.Chown(root+"/d/file", 12, 34), unix.Chmod(root+"/d/file", 0o4755))
		must(t, os.Link(root+"/d/file", root+"/d/hard"), os.Link(root+"/d/file", root+"/a-hard"))
		must(t, os.Symlink("../../etc/passwd", root+"/d/sym"), os.Symlink("/nowhere", root+"/d/dangling"))
		must(t, os.Lchown(root+"/d/sym", 7, 8))
		must(t, unix.Mkfifo(root+"/d/fifo", 0o622))
		if !unshare.IsRootless() { // only root makes devices
			must(t, unix.Mknod(root+"/d/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
		}
		must(t, unix.Setxattr(root+"/d/e", "user.dir", []byte("1"), 0), unix.Setxattr(root+"/full/a", "user.file", []byte{0, 1, 2}, 0))
		caps := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		must(t, unix.Setxattr(root+"/d/file", "security.capability", caps, 0))
		sparse, err := os.Create(root + "/d/sparse")
		must(t, err, sparse.Truncate(5<<20))
		_, err = sparse.WriteAt([]byte("middle"), 2<<20)
		must(t, err, sparse.Close())
		must(t, write(root+"/d/"+strings.Repeat("long", 40), "long name"), write(root+"/d/empty", ""), write(root+"/d/ü\xff", "not text"))
		must(t, os.Chtimes(root+"/d/empty", time.Time{}, time.Unix(1_000_000_000, 999_999_999)))
		must(t, unix.Chmod(root+"/d/e/f", 0o1777), os.Chtimes(root+"/d/e", time.Time{}, time.Unix(12345, 6)))
		must(t, unix.Mknod(root+"/d/s", unix.S_IFSOCK|0o755, 0))
	}
}

func diff(t testing.TB, s *store.Store, layer string) []byte {
	t.Helper()
	none := archive.Uncompressed
	r, err := s.Raw().Diff("", layer, &storage.DiffOptions{Compression: &none})
	must(t, err)
	data, err := io.ReadAll(r)
	must(t, err, r.Close())
	return data
}

// entries describes a tar, one line an entry.
func entries(t testing.TB, data []byte) []string {
	t.Helper()
	var lines []string
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		must(t, err)
		body, err := io.ReadAll(r)
		must(t, err)
		if strings.HasPrefix(filepath.Base(h.Name), archive.WhiteoutPrefix) {
			h.ModTime = time.Unix(0, 0) // vfs gives them the time at which it compares
		}
		lines = append(lines, fmt.Sprintf("%s %c %o %d:%d %s %d %s %v", h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, h.ModTime.Unix(), digest.FromBytes(body).Encoded()[:8], h.PAXRecords))
	}
}

// TestPaths freezes the same container in each way and compares with storage's own diff.
func TestPaths(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, driver, want string
		owned              bool
		prepare            func(t *testing.T, s *store.Store, c store.Container) func()
	}{
		{name: "owned", driver: "overlay", owned: true, want: PathRename},
		{name: "user's", driver: "overlay", want: PathClone},
		{name: "owned but mounted", driver: "overlay", owned: true, want: PathClone, prepare: mounted},
		{name: "owned but held open", driver: "overlay", owned: true, want: PathClone, prepare: heldOpen},
		{name: "vfs", driver: "vfs", want: PathPlain},
		{name: "owned on vfs", driver: "vfs", owned: true, want: PathPlain},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, tc.driver)
			base := image(t, s, baseTree(t))
			c, err := s.CreateContainer(store.NewContainer{NameHint: "work", ImageID: base})
			must(t, err)
			edit(t, s, c.ID, changes(t))
			want := diff(t, s, c.LayerID)
			if tc.prepare != nil {
				defer tc.prepare(t, s, c)()
			}
			l, err := Freeze(t.Context(), s, c.ID, Options{Owned: tc.owned})
			must(t, err)
			checkLayer(t, s, l, want)
			if tc.driver == "overlay" && !bytes.Equal(diff(t, s, l.ID), want) {
				t.Error("the tar is not byte for byte that of the store")
			}
			if l.Path != tc.want {
				t.Errorf("made by %q, want %q", l.Path, tc.want)
			}
			checkMounted(t, s, l)
			if tc.want == PathRename {
				must(t, s.DeleteContainer(c.ID))
				return
			}
			if d := cmp.Diff(entries(t, want), entries(t, diff(t, s, c.LayerID))); d != "" {
				t.Errorf("the container changed:\n%s", d)
			}
			noStaging(t, s)
			if tc.driver == "vfs" {
				return
			}
			again, err := Freeze(t.Context(), s, c.ID, Options{Owned: tc.owned})
			must(t, err)
			if !again.Reused || again.ID != l.ID {
				t.Errorf("the second time: %+v, want %s reused", again, l.ID)
			}
			noStaging(t, s)
		})
	}
}

func mounted(t *testing.T, s *store.Store, c store.Container) func() {
	_, err := s.Mount(c.ID, "")
	must(t, err)
	return func() { _, err := s.Unmount(c.ID); must(t, err) }
}

func heldOpen(t *testing.T, s *store.Store, c store.Container) func() {
	root, err := s.Mount(c.ID, "")
	must(t, err)
	f, err := os.Open(root)
	must(t, err)
	_, err = s.Unmount(c.ID)
	must(t, err)
	return func() { f.Close() }
}

// noStaging checks that nothing half-made is left.
func noStaging(t *testing.T, s *store.Store) {
	t.Helper()
	left, err := filepath.Glob(s.GraphRoot() + "/overlay/staging/*")
	must(t, err)
	tmp, err := filepath.Glob(s.GraphRoot() + "/.layer-*")
	must(t, err)
	if len(left)+len(tmp) > 0 {
		t.Errorf("left behind: %q %q", left, tmp)
	}
}

// checkLayer recomputes what the layer says of itself.
func checkLayer(t *testing.T, s *store.Store, l Layer, want []byte) {
	t.Helper()
	got := diff(t, s, l.ID)
	if d := cmp.Diff(entries(t, want), entries(t, got)); d != "" {
		t.Errorf("content (-want +got):\n%s", d)
	}
	if d := digest.FromBytes(got); l.DiffID != d {
		t.Errorf("digest %s, want %s", l.DiffID, d)
	}
	if l.Size != int64(len(got)) {
		t.Errorf("size %d, want %d", l.Size, len(got))
	}
	if id := ChainID(l.Parent, l.DiffID); l.ID != id {
		t.Errorf("ID %s, want %s", l.ID, id)
	}
	raw, err := s.Raw().Layer(l.ID)
	must(t, err)
	if raw.UncompressedDigest != l.DiffID || raw.UncompressedSize != l.Size || raw.Parent != l.Parent || raw.CompressedDigest != l.DiffID {
		t.Errorf("recorded as %+v", raw)
	}
}

// checkMounted looks at a container on the new layer.
func checkMounted(t *testing.T, s *store.Store, l Layer) {
	t.Helper()
	c, err := s.CreateContainer(store.NewContainer{NameHint: "check", ImageID: record(t, s, l.ID)})
	must(t, err)
	edit(t, s, c.ID, func(root string) {
		for _, gone := range []string{"todelete", "todelete2", "gone", "replaced/x", "d/s"} {
			if _, err := os.Lstat(filepath.Join(root, gone)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is there: %v", gone, err)
			}
		}
		for _, there := range []string{"etc/passwd", "full/sub/b", "replaced/new", "d/hard"} {
			if _, err := os.Lstat(filepath.Join(root, there)); err != nil {
				t.Error(err)
			}
		}
		fi, err := os.Stat(root + "/d/file")
		must(t, err)
		if fi.Mode() != 0o755|os.ModeSetuid {
			t.Errorf("mode %v", fi.Mode())
		}
		var st unix.Stat_t
		must(t, unix.Stat(root+"/d/sparse", &st))
		if l.Path != PathPlain && st.Blocks*512 > 1<<20 {
			t.Errorf("the sparse file takes %d bytes", st.Blocks*512)
		}
		if st.Size != 5<<20 {
			t.Errorf("the sparse file has %d bytes", st.Size)
		}
		var rootStat unix.Stat_t
		must(t, unix.Stat(root, &rootStat))
		if rootStat.Mode&0o7777 != 0o555 || rootStat.Uid != 0 {
			t.Errorf("the root is %o of %d", rootStat.Mode, rootStat.Uid)
		}
	})
	must(t, s.DeleteContainer(c.ID))
}

func TestChainID(t *testing.T) {
	t.Parallel()
	first, second := digest.FromString("1"), digest.FromString("2")
	if got := ChainID("", first); got != first.Encoded() {
		t.Error(got)
	}
	want := digest.FromString(first.Encoded() + "+" + second.Encoded()).Encoded()
	if got := ChainID(first.Encoded(), second); got != want {
		t.Error(got)
	}
}
