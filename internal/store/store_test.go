package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/idtools"
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
	maps := []idtools.IDMap{{ContainerID: 0, HostID: 1000, Size: 10}}
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
		{name: "groups as users", o: Options{UIDMap: maps}, want: func(s *types.StoreOptions) { s.UIDMap, s.GIDMap = maps, maps }},
		{name: "groups alone", o: Options{GIDMap: maps}, wantErr: true},
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
	_, err := s.CreateContainer(NewContainer{NameHint: "c"})
	must(t, err)
	if _, err := os.Stat(filepath.Join(s.GraphRoot(), "vfs-containers", "volatile-containers.json")); err != nil {
		t.Error(err)
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

func newImage(text string, names ...string) NewImage {
	config := fmt.Appendf(nil, `{"text":%q}`, text)
	return NewImage{
		Config: config, Names: names, Created: time.Unix(1000, 0).UTC(),
		Manifest: fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":%q}}`, digest.FromBytes(config)),
	}
}

// TestCreateImage holds the layout on disk that podman, skopeo and stock buildah read.
func TestCreateImage(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	layer, err := s.Raw().CreateLayer("", "", nil, "", false, nil)
	must(t, err)
	o := newImage("one", "localhost/a:latest", "localhost/b:latest")
	o.TopLayer = layer.ID
	id, err := s.CreateImage(o)
	must(t, err)
	config, manifest := digest.FromBytes(o.Config), digest.FromBytes(o.Manifest)
	if id != config.Encoded() {
		t.Errorf("ID %s", id)
	}
	raw, err := s.Raw().Image(id)
	must(t, err)
	want := storage.Image{
		ID: id, Digest: manifest, Digests: []digest.Digest{manifest}, TopLayer: layer.ID, Metadata: "{}", Created: o.Created,
		Names: o.Names, NamesHistory: o.Names,
		BigDataNames:   []string{config.String(), "manifest-" + manifest.String(), "manifest"},
		BigDataSizes:   map[string]int64{config.String(): int64(len(o.Config)), "manifest": int64(len(o.Manifest)), "manifest-" + manifest.String(): int64(len(o.Manifest))},
		BigDataDigests: map[string]digest.Digest{config.String(): config, "manifest": manifest, "manifest-" + manifest.String(): manifest},
	}
	slices.Sort(raw.NamesHistory)
	// compared as they are written
	if d := cmp.Diff(asJSON(t, want), asJSON(t, raw)); d != "" {
		t.Error(d)
	}
	gotConfig, err := s.Config(id)
	must(t, err)
	gotManifest, mediaType, gotDigest, err := s.Manifest(id)
	must(t, err)
	if string(gotConfig) != string(o.Config) || string(gotManifest) != string(o.Manifest) || gotDigest != manifest || mediaType != "application/vnd.oci.image.manifest.v1+json" {
		t.Errorf("read back %s %s %s %s", gotConfig, gotManifest, mediaType, gotDigest)
	}
	other, err := s.CreateImage(newImage("two", "localhost/a:latest"))
	must(t, err)
	if found, err := s.Image("localhost/a:latest"); err != nil || found.ID != other {
		t.Errorf("the name stayed with %s, %v", found.ID, err)
	}
	if found, err := s.Image(id); err != nil || !slices.Equal(found.Names, []string{"localhost/b:latest"}) {
		t.Errorf("the first kept %q, %v", found.Names, err)
	}
	if found, err := s.ImagesByDigest(manifest); err != nil || len(found) != 1 {
		t.Errorf("by digest: %v, %v", found, err)
	}
}

func asJSON(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, err)
	var out any
	must(t, json.Unmarshal(data, &out))
	return out
}

func TestCreateImageRefuses(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	o := newImage("one")
	o.Config = []byte("{}")
	if _, err := s.CreateImage(o); err == nil {
		t.Error("a manifest of another configuration is taken")
	}
	o = newImage("one")
	o.TopLayer = "nosuchlayer"
	if _, err := s.CreateImage(o); !errors.Is(err, ErrLayerUnknown) {
		t.Errorf("a missing layer: %v", err)
	}
	if list, err := s.Images(); len(list) != 0 || err != nil {
		t.Errorf("left %v, %v", list, err)
	}
}

// TestTornImage makes what a kill leaves after each write of CreateImage.
func TestTornImage(t *testing.T) {
	t.Parallel()
	o := newImage("torn", "localhost/torn:latest")
	items := o.items(digest.FromBytes(o.Config))
	for written := range len(items) {
		t.Run(fmt.Sprint(written), func(t *testing.T) {
			t.Parallel()
			s := newStore(t, "vfs")
			id := digest.FromBytes(o.Config).Encoded()
			_, err := s.Raw().CreateImage(id, nil, "", "{}", &storage.ImageOptions{BigData: items[:written]})
			must(t, err)
			if list, err := s.Images(); len(list) != 0 || err != nil {
				t.Errorf("listed as %v, %v", list, err)
			}
			if _, err := s.Image(id); !errors.Is(err, ErrImageUnknown) {
				t.Errorf("looked up: %v", err)
			}
			got, err := s.CreateImage(o)
			must(t, err)
			img, err := s.Image("localhost/torn:latest")
			must(t, err)
			if got != id || img.ID != id || !img.Complete || len(img.BigData) != len(items) {
				t.Errorf("repaired to %+v", img)
			}
			if removed, err := s.ReapTorn(); len(removed) != 0 || err != nil {
				t.Errorf("reaped %q, %v", removed, err)
			}
		})
	}
}

func TestReapTorn(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	torn, err := s.Raw().CreateImage("", nil, "", "{}", nil)
	must(t, err)
	id, err := s.CreateImage(newImage("whole"))
	must(t, err)
	removed, err := s.ReapTorn()
	must(t, err)
	if !slices.Equal(removed, []string{torn.ID}) {
		t.Errorf("removed %q", removed)
	}
	if _, err := s.Image(id); err != nil {
		t.Error(err)
	}
}

func TestSameConfigOtherManifest(t *testing.T) {
	t.Parallel()
	s := newStore(t, "vfs")
	o := newImage("one")
	id, err := s.CreateImage(o)
	must(t, err)
	first := digest.FromBytes(o.Manifest)
	o.Manifest = append([]byte(" "), o.Manifest...)
	again, err := s.CreateImage(o)
	must(t, err)
	img, err := s.Image(id)
	must(t, err)
	if again != id || img.Digest != digest.FromBytes(o.Manifest) || !slices.Contains(img.Digests, first) {
		t.Errorf("got %+v", img)
	}
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
	case <-got:
		t.Error("locked twice")
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

// FuzzConfigDigest reads manifests that others wrote.
func FuzzConfigDigest(f *testing.F) {
	f.Add([]byte(`{"config":{"digest":"sha256:00"}}`))
	f.Add(newImage("x").Manifest)
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, err := configDigest(data); err == nil && d.Validate() != nil {
			t.Errorf("digest %q", d)
		}
	})
}

func BenchmarkOpenAndLookUp(b *testing.B) {
	s := newStore(b, "overlay")
	o := Options{GraphRoot: s.GraphRoot(), RunRoot: s.RunRoot(), Driver: "overlay", DriverOptions: []string{"overlay.skip_mount_home=true"}}
	for i := range 500 {
		_, err := s.CreateImage(newImage(fmt.Sprint(i), fmt.Sprintf("localhost/i%d:latest", i)))
		must(b, err)
	}
	must(b, s.Close())
	for b.Loop() {
		s, err := Open(o)
		must(b, err)
		_, err = s.Image("localhost/i77:latest")
		must(b, err, s.Close())
	}
}
