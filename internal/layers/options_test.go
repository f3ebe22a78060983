package layers

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/idtools"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/store"
)

// wayMerged compares mounted trees; it names what is deleted one by one.
const wayMerged = "merged"

// ways are the paths, each taken on purpose.
func ways() map[string]func(*testing.T, *freezer) (Layer, error) {
	at := func(f *freezer) place {
		p, ok, err := f.overlay()
		if err != nil || !ok {
			panic("not the directory of an overlay")
		}
		return p
	}
	return map[string]func(*testing.T, *freezer) (Layer, error){
		PathPlain:  func(t *testing.T, f *freezer) (Layer, error) { return f.plain(t.Context(), f.fromUpper(at(f))) },
		wayMerged:  func(t *testing.T, f *freezer) (Layer, error) { return f.plain(t.Context(), f.fromMerged) },
		PathClone:  func(t *testing.T, f *freezer) (Layer, error) { return f.clone(t.Context(), at(f)) },
		PathRename: func(t *testing.T, f *freezer) (Layer, error) { return f.rename(t.Context(), at(f)) },
	}
}

// eachWay freezes a container of its own in each way, and wants one digest of all
// that read the upper directory.
func eachWay(t *testing.T, o Options, work func(s *store.Store, c store.Container), check func(t *testing.T, s *store.Store, l Layer)) {
	t.Helper()
	s := newStore(t, "overlay")
	base := image(t, s, baseTree(t))
	digests := map[digest.Digest][]string{}
	for name, way := range ways() {
		c, err := s.CreateContainer(store.NewContainer{NameHint: name, ImageID: base})
		must(t, err)
		work(s, c)
		f, err := newFreezer(s, c.ID, o)
		must(t, err)
		l, err := way(t, f)
		must(t, err)
		if name != wayMerged {
			digests[l.DiffID] = append(digests[l.DiffID], name)
		}
		check(t, s, l)
		// gone, so that the next way makes it again
		must(t, s.DeleteContainer(c.ID))
		if err := s.Raw().DeleteLayer(l.ID); err != nil && !errors.Is(err, storage.ErrNotALayer) && !errors.Is(err, storage.ErrLayerUnknown) {
			t.Fatal(err)
		}
	}
	if len(digests) != 1 {
		t.Errorf("the ways differ: %v", digests)
	}
}

func TestClamp(t *testing.T) {
	t.Parallel()
	when := time.Unix(1_500_000_000, 0)
	for _, tc := range []struct {
		name  string
		clamp Clamp
		want  []int64
	}{
		{name: "set", clamp: Clamp{Mode: SetTo, Time: when}, want: []int64{when.Unix()}},
		{name: "clamped", clamp: Clamp{Mode: ClampTo, Time: when}, want: []int64{0, 1_000_000_000, when.Unix()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			work := func(s *store.Store, c store.Container) {
				edit(t, s, c.ID, func(root string) {
					must(t, write(root+"/early", "1"), write(root+"/late", "2"), os.Remove(root+"/todelete"))
					must(t, os.Mkdir(root+"/dir", 0o755), write(root+"/dir/in", "3"), os.Symlink("x", root+"/sym"))
					must(t, os.RemoveAll(root+"/replaced"), os.Mkdir(root+"/replaced", 0o755), write(root+"/replaced/z", "z"))
					must(t, os.Chtimes(root+"/early", time.Time{}, time.Unix(1_000_000_000, 7)))
				})
			}
			eachWay(t, Options{Clamp: tc.clamp}, work, func(t *testing.T, s *store.Store, l Layer) {
				var times []int64
				for r := tar.NewReader(bytes.NewReader(diff(t, s, l.ID))); ; {
					h, err := r.Next()
					if err != nil {
						break
					}
					times = append(times, h.ModTime.Unix())
				}
				slices.Sort(times)
				if d := cmp.Diff(tc.want, slices.Compact(times)); d != "" {
					t.Error(d)
				}
				c, err := s.CreateContainer(store.NewContainer{NameHint: "check", ImageID: record(t, s, l.ID)})
				must(t, err)
				edit(t, s, c.ID, func(root string) {
					for _, name := range []string{"late", "dir", "dir/in", "sym", "replaced"} {
						if fi, err := os.Lstat(root + "/" + name); err != nil || !fi.ModTime().Equal(when) {
							t.Errorf("%s on disk: %v, %v", name, fi.ModTime(), err)
						}
					}
				})
				must(t, s.DeleteContainer(c.ID), s.DeleteImage(c.ImageID, true))
			})
		})
	}
}

// TestStubs commits a container with mount stubs in it, as after a run that was killed.
func TestStubs(t *testing.T) {
	t.Parallel()
	stub := func(root, path string) store.Stub {
		var st unix.Stat_t
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(root, path), []unix.Timespec{{}, {}}, 0))
		must(t, unix.Lstat(filepath.Join(root, path), &st))
		return store.Stub{Path: path, Mode: st.Mode, UID: int(st.Uid), GID: int(st.Gid), ModTime: st.Mtim.Nano()}
	}
	work := func(s *store.Store, c store.Container) {
		var made, pulled []store.Stub
		edit(t, s, c.ID, func(root string) {
			var before unix.Stat_t
			must(t, unix.Lstat(root+"/etc", &before))
			must(t, os.MkdirAll(root+"/mnt/deep/er", 0o755), os.MkdirAll(root+"/used/dir", 0o755))
			for _, name := range []string{"/etc/resolv.conf", "/mnt/file", "/used/stub", "/used/dir/written", "/grown"} {
				must(t, write(root+name, ""))
			}
			for _, name := range []string{"mnt/deep/er", "mnt/deep", "mnt/file", "mnt", "etc/resolv.conf", "used/stub", "used/dir/written", "used/dir", "used", "grown"} {
				made = append(made, stub(root, name))
			}
			must(t, unix.UtimesNanoAt(unix.AT_FDCWD, root+"/etc", []unix.Timespec{before.Atim, before.Mtim}, 0))
			pulled = append(pulled, store.Stub{Path: "etc", Mode: before.Mode, ModTime: before.Mtim.Nano()})
			// what the command did itself
			must(t, write(root+"/used/dir/written", "content"), write(root+"/grown", "content"))
			must(t, os.Chtimes(root+"/used/dir/written", time.Time{}, time.Unix(9, 0)), os.Chtimes(root+"/grown", time.Time{}, time.Unix(9, 0)))
		})
		dir, err := s.ContainerDir(c.ID)
		must(t, err)
		_, err = store.WriteStubs(dir, store.StubMade, made)
		must(t, err)
		_, err = store.WriteStubs(dir, store.StubPulledUp, pulled)
		must(t, err)
	}
	eachWay(t, Options{}, work, func(t *testing.T, s *store.Store, l Layer) {
		var names []string
		for _, line := range entries(t, diff(t, s, l.ID)) {
			names = append(names, strings.Fields(line)[0])
		}
		if d := cmp.Diff([]string{"grown", "used/", "used/dir/", "used/dir/written"}, names); d != "" {
			t.Error(d)
		}
	})
}

// TestSquashKeepsDisturbed: an empty directory of the base in which a run had a stub is in the one layer.
func TestSquashKeepsDisturbed(t *testing.T) {
	t.Parallel()
	s := newStore(t, "overlay")
	c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: image(t, s, baseTree(t))})
	must(t, err)
	dir, err := s.ContainerDir(c.ID)
	must(t, err)
	edit(t, s, c.ID, func(root string) {
		var st unix.Stat_t
		must(t, os.Mkdir(root+"/run", 0o755), unix.Lstat(root+"/run", &st))
		_, err = store.WriteStubs(dir, store.StubPulledUp, []store.Stub{{Path: "run", Mode: st.Mode, ModTime: st.Mtim.Nano()}})
		must(t, err)
	})
	l, err := Squash(t.Context(), s, c.ID, Options{})
	must(t, err)
	if !slices.ContainsFunc(entries(t, diff(t, s, l.ID)), func(line string) bool { return strings.HasPrefix(line, "run/ ") }) {
		t.Error("the directory is gone")
	}
}

// TestStubOverDeleted: what the container deleted must not come back when the
// stub that stands in its place is left out.
func TestStubOverDeleted(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		s := newStore(t, driver)
		base := image(t, s, baseTree(t))
		for _, owned := range []bool{false, true} {
			c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: base})
			must(t, err)
			edit(t, s, c.ID, func(root string) {
				must(t, os.Remove(root+"/todelete"), write(root+"/todelete", ""), os.Chtimes(root+"/todelete", time.Time{}, time.Unix(0, 0)))
				must(t, os.RemoveAll(root+"/gone"), os.Mkdir(root+"/gone", 0o755), os.Chtimes(root+"/gone", time.Time{}, time.Unix(0, 0)))
			})
			dir, err := s.ContainerDir(c.ID)
			must(t, err)
			_, err = store.WriteStubs(dir, store.StubMade, []store.Stub{{Path: "todelete", Mode: unix.S_IFREG | 0o644}, {Path: "gone", Mode: unix.S_IFDIR | 0o755}})
			must(t, err)
			l, err := Freeze(t.Context(), s, c.ID, Options{Owned: owned})
			must(t, err)
			var names []string
			for _, line := range entries(t, diff(t, s, l.ID)) {
				names = append(names, strings.Fields(line)[0])
			}
			if d := cmp.Diff([]string{".wh.gone", ".wh.todelete"}, names); d != "" {
				t.Errorf("%s: %s", l.Path, d)
			}
			must(t, s.DeleteContainer(c.ID), s.Raw().DeleteLayer(l.ID))
		}
	}
}

// TestRootDirectory: the root of a layer is that of the layer below, whatever the
// container made of its own.
func TestRootDirectory(t *testing.T) {
	t.Parallel()
	s := newStore(t, "overlay")
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	must(t, tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o750, Uid: 5, Gid: 6}), tw.Close())
	base, err := AddTar(t.Context(), s, "", &buf)
	must(t, err)
	img := record(t, s, base.ID)
	for _, owned := range []bool{true, false} {
		c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: img})
		must(t, err)
		edit(t, s, c.ID, func(root string) {
			must(t, unix.Chown(root, 7, 8), os.Chmod(root, 0o777), unix.Setxattr(root, "user.x", []byte("x"), 0), write(root+"/"+c.ID, "x"))
		})
		l, err := Freeze(t.Context(), s, c.ID, Options{Owned: owned})
		must(t, err)
		d, err := s.Raw().GraphDriver()
		must(t, err)
		meta, err := d.Metadata(l.ID)
		must(t, err)
		var st unix.Stat_t
		must(t, unix.Stat(meta["UpperDir"], &st))
		if st.Mode&0o7777 != 0o750 || st.Uid != 5 || st.Gid != 6 {
			t.Errorf("%s: %o %d:%d", l.Path, st.Mode, st.Uid, st.Gid)
		}
		if names, err := listXattrs(meta["UpperDir"]); slices.Contains(names, "user.x") || err != nil {
			t.Errorf("%s: %q, %v", l.Path, names, err)
		}
	}
}

// TestForeignAttributes: what the tar cannot say is not in the layer.
func TestForeignAttributes(t *testing.T) {
	t.Parallel()
	const foreign = "user.overlay.foreign"
	work := func(s *store.Store, c store.Container) {
		edit(t, s, c.ID, func(root string) {
			must(t, write(root+"/x", "x"), os.Chtimes(root+"/x", time.Time{}, time.Unix(1, 0)))
			if err := unix.Setxattr(root+"/x", foreign, []byte("1"), 0); err != nil {
				t.Skipf("no such attributes here: %v", err)
			}
		})
	}
	eachWay(t, Options{}, work, func(t *testing.T, s *store.Store, l Layer) {
		if names, err := listXattrs(upperOf(t, s, l.ID) + "/x"); len(names) > 0 || err != nil {
			t.Errorf("%s: %q, %v", l.Path, names, err)
		}
	})
}

// upperOf is the directory of a layer.
func upperOf(t *testing.T, s *store.Store, layer string) string {
	t.Helper()
	d, err := s.Raw().GraphDriver()
	must(t, err)
	meta, err := d.Metadata(layer)
	must(t, err)
	return meta["UpperDir"]
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newStore(t, "overlay")
	c, err := s.CreateContainer(store.NewContainer{NameHint: "c"})
	must(t, err)
	edit(t, s, c.ID, func(root string) { must(t, write(root+"/.wh.real", "x"), write(root+"/ok", "x")) })
	for _, owned := range []bool{false, true} {
		if _, err := Freeze(t.Context(), s, c.ID, Options{Owned: owned}); err == nil || !strings.Contains(err.Error(), `".wh.real"`) {
			t.Errorf("a real file named as a whiteout: %v", err)
		}
	}
	if _, err := Squash(t.Context(), s, c.ID, Options{}); err == nil {
		t.Error("squashed")
	}
	edit(t, s, c.ID, func(root string) { must(t, os.Remove(root+"/.wh.real")) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, f := range []func(context.Context, *store.Store, string, Options) (Layer, error){Freeze, Squash} {
		if _, err := f(ctx, s, c.ID, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
	if _, err := Freeze(t.Context(), s, "nosuch", Options{}); !errors.Is(err, store.ErrContainerUnknown) {
		t.Errorf("unknown: %v", err)
	}
	if layers, err := s.Raw().Layers(); len(layers) != 1 || err != nil {
		t.Errorf("left %d layers, %v", len(layers), err)
	}
	noStaging(t, s)
}

// TestUnreadable: storage's own walk would log a line and leave the file out.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	d := newDigester(nil)
	defer d.abort()
	// its files say that they have 4096 bytes
	if err := newWalker(d, &reader{}).walk(t.Context(), "/sys/kernel/mm/transparent_hugepage"); err == nil {
		t.Error("no error")
	}
}

func TestUnusualOptions(t *testing.T) {
	t.Parallel()
	for option, want := range map[string]bool{
		"overlay.mountopt=nodev": false, "overlay.skip_mount_home=true": false, "overlay.force_mask=700": true, "force_mask=shared": true,
		"overlay.mount_program=/usr/bin/fuse-overlayfs": true, "overlay.mount_program=": false, "overlay.ignore_chown_errors=true": true,
		"overlay.ignore_chown_errors=false": false, "additionallayerstore=/x": true, "imagestore=/x": false, "overlay.use_composefs=true": true,
	} {
		if got := unusualOption([]string{option}); (got != "") != want {
			t.Errorf("%q: %q", option, got)
		}
	}
}

// TestMapped: a container with ID maps has its layer with the owners it sees.
func TestMapped(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, driver)
			base := image(t, s, baseTree(t))
			maps := []idtools.IDMap{{ContainerID: 0, HostID: 100_000, Size: 65536}}
			c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: base, Mapping: storage.IDMappingOptions{UIDMap: maps, GIDMap: maps}})
			must(t, err)
			edit(t, s, c.ID, func(root string) {
				must(t, write(root+"/mine", "x"), unix.Chown(root+"/mine", 100_012, 100_034))
			})
			for _, owned := range []bool{true, false} {
				l, err := Freeze(t.Context(), s, c.ID, Options{Owned: owned})
				must(t, err)
				img, err := s.Image(base)
				must(t, err)
				if l.Path != PathPlain || l.Parent != img.TopLayer {
					t.Errorf("made by %q on %q", l.Path, l.Parent)
				}
				lines := entries(t, diff(t, s, l.ID))
				if len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], "mine 0 644 12:34") {
					t.Errorf("entries %q", lines)
				}
			}
			sq, err := Squash(t.Context(), s, c.ID, Options{})
			must(t, err)
			if lines := entries(t, diff(t, s, sq.ID)); !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "mine 0 644 12:34") }) {
				t.Errorf("squashed %q", lines)
			}
		})
	}
}
