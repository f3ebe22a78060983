package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.podman.io/storage/pkg/reexec"
	"go.podman.io/storage/types"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

func newStore(t testing.TB, driver string) *Store {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	o := Options{GraphRoot: filepath.Join(dir, "g"), RunRoot: filepath.Join(dir, "r"), Driver: driver}
	if driver == "overlay" {
		o.DriverOptions = []string{"overlay.skip_mount_home=true"}
	}
	s, err := Open(o)
	if err != nil {
		t.Skipf("driver %s does not work here: %v", driver, err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	configured := types.StoreOptions{GraphRoot: "/g", RunRoot: "/r", GraphDriverName: "overlay", GraphDriverPriority: []string{"vfs"}, GraphDriverOptions: []string{"overlay.mountopt=nodev"}}
	for _, tc := range []struct {
		name    string
		o       Options
		want    func(*types.StoreOptions)
		wantErr bool
	}{
		{name: "nothing given", want: func(*types.StoreOptions) {}},
		{name: "root alone", o: Options{GraphRoot: "/x"}, want: func(s *types.StoreOptions) { s.GraphRoot = "/x" }},
		{name: "runroot alone", o: Options{RunRoot: "/x"}, want: func(s *types.StoreOptions) { s.RunRoot = "/x" }},
		{name: "a driver discards options", o: Options{Driver: "vfs"}, want: func(s *types.StoreOptions) {
			s.GraphDriverName, s.GraphDriverOptions, s.GraphDriverPriority = "vfs", nil, nil
		}},
		{name: "options replace", o: Options{DriverOptions: []string{"a=b"}}, want: func(s *types.StoreOptions) { s.GraphDriverOptions = []string{"a=b"} }},
		{name: "an empty option is ignored", o: Options{DriverOptions: []string{""}}, want: func(*types.StoreOptions) {}},
		{name: "driver and options", o: Options{Driver: "vfs", DriverOptions: []string{"a=b"}}, want: func(s *types.StoreOptions) {
			s.GraphDriverName, s.GraphDriverOptions, s.GraphDriverPriority = "vfs", []string{"a=b"}, nil
		}},
		{name: "image store in the graph root", o: Options{ImageStore: "/g/"}, wantErr: true},
		{name: "transient", o: Options{TransientStore: true}, want: func(s *types.StoreOptions) { s.TransientStore = true }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.o.apply(configured)
			if tc.wantErr {
				if err == nil {
					t.Fatal("no error")
				}
				return
			}
			must(t, err)
			want := configured
			tc.want(&want)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestContainerNames(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	var got []string
	for range 3 {
		c, err := s.CreateContainer(NewContainer{NameHint: "working-container"})
		must(t, err)
		got = append(got, c.Names...)
	}
	if d := cmp.Diff([]string{"working-container", "working-container-1", "working-container-2"}, got); d != "" {
		t.Error(d)
	}
	c, err := s.CreateContainer(NewContainer{Name: "exact"})
	must(t, err)
	if _, err := s.CreateContainer(NewContainer{Name: "exact"}); !errors.Is(err, ErrNameInUse) {
		t.Errorf("a second one: %v", err)
	}
	if err := s.RenameContainer(c.ID, "working-container"); !errors.Is(err, ErrNameInUse) {
		t.Errorf("taking a name: %v", err)
	}
	must(t, s.RenameContainer(c.ID, "other"))
	for _, name := range []string{c.ID, "other", c.ID[:30]} {
		found, err := s.Container(name)
		must(t, err)
		if found.ID != c.ID || !slices.Equal(found.Names, []string{"other"}) {
			t.Errorf("%q found %+v", name, found)
		}
	}
	must(t, s.DeleteContainer(c.ID))
	for _, name := range []string{"other", "nosuch", ""} {
		if _, err := s.Container(name); !errors.Is(err, ErrContainerUnknown) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := s.DeleteContainer(c.ID); !errors.Is(err, ErrContainerUnknown) {
		t.Errorf("deleting again: %v", err)
	}
}

func TestContainerIsVolatile(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	for name, private := range map[string]bool{"containers.json": false, "volatile-containers.json": true} {
		c, err := s.CreateContainer(NewContainer{NameHint: "c", Private: private})
		must(t, err)
		list, err := os.ReadFile(filepath.Join(s.GraphRoot(), "vfs-containers", name))
		must(t, err)
		if !strings.Contains(string(list), c.ID) || !strings.Contains(string(list), `"Volatile":true`) {
			t.Errorf("%s does not list container %s as volatile: %s", name, c.ID, list)
		}
	}
}

func TestMount(t *testing.T) {
	t.Parallel()
	s := newStore(t, "overlay")
	c, err := s.CreateContainer(NewContainer{NameHint: "c"})
	must(t, err)
	if still, err := s.Unmount(c.ID); still || err != nil {
		t.Errorf("unmounting what is not mounted: %v, %v", still, err)
	}
	first, err := s.Mount(c.ID, "")
	must(t, err)
	second, err := s.Mount(c.ID, "")
	must(t, err)
	if first != second {
		t.Errorf("mounted at %q and %q", first, second)
	}
	if n, err := s.MountCount(c.ID); n != 2 || err != nil {
		t.Errorf("count %d, %v", n, err)
	}
	still, err := s.Unmount(c.ID)
	must(t, err)
	if at, err := s.MountPoint(c.ID); !still || at != first || err != nil {
		t.Errorf("still %v at %q, %v", still, at, err)
	}
	busy, err := os.Open(first)
	must(t, err)
	still, err = s.Unmount(c.ID)
	must(t, err, busy.Close())
	if at, err := s.MountPoint(c.ID); still || at != "" || err != nil {
		t.Errorf("still %v at %q, %v", still, at, err)
	}
	if s.UnmountedCleanly(c.ID) {
		t.Error("a mount that was held open counts as clean")
	}
	must(t, s.DeleteContainer(c.ID))
}

func TestContainerOnLayer(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	layer, err := s.Raw().CreateLayer("", "", nil, "", false, nil)
	must(t, err)
	o := newImage("one")
	o.TopLayer = layer.ID
	id, err := s.CreateImage(o)
	must(t, err)
	c, err := s.CreateContainer(NewContainer{NameHint: "c", LayerID: layer.ID})
	must(t, err)
	if c.ImageID != id {
		t.Errorf("stands on %q", c.ImageID)
	}
	if err := s.DeleteImage(id, false); !errors.Is(err, ErrImageInUse) {
		t.Errorf("deleting its image: %v", err)
	}
	if _, err := s.CreateContainer(NewContainer{NameHint: "c", LayerID: "nosuch"}); !errors.Is(err, ErrImageUnknown) {
		t.Errorf("on a layer without an image: %v", err)
	}
}

func TestLockLayer(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	unlock, err := s.LockLayer("abcdef")
	must(t, err)
	got := make(chan error)
	go func() {
		unlock, err := s.LockLayer("abcdef")
		if err == nil {
			unlock()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Errorf("locked twice: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	unlock()
	must(t, <-got)
}

func TestStubs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if list, err := ReadStubs(dir, StubMade); list != nil || err != nil {
		t.Errorf("nothing recorded: %v, %v", list, err)
	}
	one := []Stub{{Path: "etc/hosts", Mode: unix.S_IFREG | 0o644}}
	two := []Stub{{Path: "mnt/x", Mode: unix.S_IFDIR | 0o755, UID: 1, GID: 2, ModTime: -3}}
	file, err := WriteStubs(dir, StubMade, one)
	must(t, err)
	_, err = WriteStubs(dir, StubMade, two)
	must(t, err)
	list, err := ReadStubs(dir, StubMade)
	must(t, err)
	slices.SortFunc(list, func(a, b Stub) int { return a.UID - b.UID })
	if d := cmp.Diff(append(one, two...), list); d != "" {
		t.Error(d)
	}
	must(t, os.Remove(file))
	list, err = ReadStubs(dir, StubMade)
	must(t, err)
	if d := cmp.Diff(two, list); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"{", `[{"path":"../x"}]`, `[{"path":"/x"}]`, `[{}]`} {
		must(t, os.WriteFile(filepath.Join(dir, string(StubMade), "bad"), []byte(bad), 0o600))
		if _, err := ReadStubs(dir, StubMade); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
