package layers

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/idtools"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/store"
)

// acl gives one more user and one more group some rights.
func acl(user, group uint32) []byte {
	value := []byte{2, 0, 0, 0}
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 6, ^uint32(0)}, {2, 4, user}, {4, 4, ^uint32(0)}, {8, 4, group}, {16, 6, ^uint32(0)}, {32, 4, ^uint32(0)}} {
		value = binary.LittleEndian.AppendUint16(value, e.tag)
		value = binary.LittleEndian.AppendUint16(value, e.perm)
		value = binary.LittleEndian.AppendUint32(value, e.id)
	}
	return value
}

func setACL(t *testing.T, path, name string, value []byte) {
	t.Helper()
	if err := unix.Setxattr(path, name, value, 0); err != nil {
		t.Skipf("no access control lists here: %v", err)
	}
}

// aclWork makes files with lists of their own, with inherited ones, and without
// one in a directory that hands one down.
func aclWork(t *testing.T) func(string) {
	return func(root string) {
		must(t, write(root+"/file", "x"), os.Mkdir(root+"/dir", 0o755), os.Mkdir(root+"/dir/before", 0o755))
		setACL(t, root+"/file", aclAccess, acl(7, 8))
		setACL(t, root+"/dir", aclDefault, acl(9, 10))
		must(t, write(root+"/dir/inherits", "x"), write(root+"/dir/plain", "x"), os.Mkdir(root+"/dir/sub", 0o755))
		must(t, unix.Removexattr(root+"/dir/plain", aclAccess), os.Symlink("x", root+"/dir/link"))
		must(t, setTime(unix.AT_FDCWD, root+"/dir/link", time.Unix(5, 0)))
		for _, name := range []string{"file", "dir/before", "dir/inherits", "dir/plain", "dir/sub", "dir"} {
			must(t, os.Chtimes(filepath.Join(root, name), time.Time{}, time.Unix(5, 0)))
		}
	}
}

// aclsOf reads all lists of a tree.
func aclsOf(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{"file", "dir", "dir/before", "dir/inherits", "dir/plain", "dir/sub", "dir/link", "etc/passwd", "etc"} {
		for _, x := range []string{aclAccess, aclDefault} {
			value, err := getXattr(filepath.Join(root, name), x)
			if err == nil {
				all[name+" "+x] = string(value)
			}
		}
	}
	return all
}

// TestACL: access control lists are in the layer and in its tar, however it is
// made, and whoever unpacks the tar has them as they were.
func TestACL(t *testing.T) {
	t.Parallel()
	var want map[string]string
	work := func(s *store.Store, c store.Container) {
		edit(t, s, c.ID, func(root string) {
			aclWork(t)(root)
			want = aclsOf(t, root)
		})
	}
	other, vfs := newStore(t, "overlay"), newStore(t, "vfs")
	eachWay(t, Options{}, work, func(t *testing.T, s *store.Store, l Layer) {
		if len(want) != 5 {
			t.Fatalf("the tree has %d lists: %q", len(want), want)
		}
		if d := cmp.Diff(want, aclsOf(t, upperOf(t, s, l.ID))); d != "" {
			t.Errorf("%s: %s", l.Path, d)
		}
		for _, to := range []*store.Store{other, vfs} {
			pulled, err := AddTar(t.Context(), to, "", bytes.NewReader(diff(t, s, l.ID)))
			must(t, err)
			path, err := to.Raw().Mount(pulled.ID, "")
			must(t, err)
			if d := cmp.Diff(want, aclsOf(t, path)); d != "" {
				t.Errorf("%s, unpacked by %s: %s", l.Path, to.Driver(), d)
			}
			_, err = to.Raw().Unmount(pulled.ID, true)
			must(t, err)
		}
	})
}

// TestACLAlone: a list is a change even when nothing else is.
func TestACLAlone(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		s := newStore(t, driver)
		c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: image(t, s, baseTree(t))})
		must(t, err)
		edit(t, s, c.ID, func(root string) { setACL(t, root+"/full/sub/b", aclAccess, acl(7, 8)) })
		l, err := Freeze(t.Context(), s, c.ID, Options{})
		must(t, err)
		// with its directories, so that they keep their owners and modes
		if n := len(entries(t, diff(t, s, l.ID))); n != 3 {
			t.Errorf("%s: %q", driver, entries(t, diff(t, s, l.ID)))
		}
	}
}

// TestACLMapped: a container with ID maps has its lists with the IDs it sees.
func TestACLMapped(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		s := newStore(t, driver)
		maps := []idtools.IDMap{{ContainerID: 0, HostID: 100_000, Size: 65536}}
		c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: image(t, s, baseTree(t)), Mapping: storage.IDMappingOptions{UIDMap: maps, GIDMap: maps}})
		must(t, err)
		edit(t, s, c.ID, func(root string) {
			must(t, write(root+"/file", "x"), os.Chown(root+"/file", 100_000, 100_000))
			setACL(t, root+"/file", aclAccess, acl(100_007, 100_008))
			caps := append([]byte{1, 0, 0, 3, 0, 4}, make([]byte, 14)...)
			caps = binary.LittleEndian.AppendUint32(caps, 100_000)
			must(t, unix.Setxattr(root+"/file", "security.capability", caps, 0))
		})
		l, err := Freeze(t.Context(), s, c.ID, Options{})
		must(t, err)
		path, err := s.Raw().Mount(l.ID, "")
		must(t, err)
		got, err := getXattr(path+"/file", aclAccess)
		if !bytes.Equal(got, acl(7, 8)) {
			t.Errorf("%s: list %v, %v", driver, got, err)
		}
		got, err = getXattr(path+"/file", "security.capability")
		if want := append([]byte{1, 0, 0, 2, 0, 4}, make([]byte, 14)...); !bytes.Equal(got, want) {
			t.Errorf("%s: capabilities %v, %v", driver, got, err)
		}
		_, err = s.Raw().Unmount(l.ID, true)
		must(t, err)
		edit(t, s, c.ID, func(root string) { setACL(t, root+"/file", aclAccess, acl(7, 100_008)) })
		if _, err := Freeze(t.Context(), s, c.ID, Options{}); err == nil {
			t.Errorf("%s: a user that the container cannot have is accepted", driver)
		}
	}
}
