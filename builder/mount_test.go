package builder

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/sys/mountinfo"
)

func drivers() []string { return []string{"overlay", "vfs"} }

// TestMountCounts mounts twice and unmounts three times.
func TestMountCounts(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			v := newEnv(t, driver)
			v.image("base", smallFiles())
			b, ctx := v.from("base"), t.Context()
			first := try(b.Mount(ctx))(t)
			if text, err := os.ReadFile(filepath.Join(first, "d/f")); err != nil || string(text) != "base" {
				t.Errorf("content of the mount: %q, %v", text, err)
			}
			other := try(Open(v.Engine, b.ID()))(t) // as another process would
			if second := try(other.Mount(ctx))(t); second != first {
				t.Errorf("mounted at %q and at %q", first, second)
			}
			for _, want := range []struct {
				was  bool
				path string
			}{{true, first}, {true, ""}, {false, ""}} {
				was := try(b.Unmount(ctx))(t)
				path := try(b.Mounted())(t)
				saved := try(Open(v.Engine, b.ID()))(t).Record().MountPoint
				if was != want.was || path != want.path || saved != want.path {
					t.Errorf("unmounting: was mounted %v, now at %q, record %q; want %+v", was, path, saved, want)
				}
			}
		})
	}
}

// TestVerbsKeepTheMount checks that verbs that mount for themselves leave a
// user's own mount, and the record's word of it, alone.
func TestVerbsKeepTheMount(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	v.image("base", smallFiles())
	b, ctx := v.from("base"), t.Context()
	path := try(b.Mount(ctx))(t)
	dir := tree(t, map[string]string{"a": "1"})
	_ = try(b.Add(ctx, "/added", []string{dir + "/a"}, AddOptions{}))(t)
	_ = try(b.EnsureDir(ctx, "/made/deep", "u"))(t)
	v.commit(b, "while-mounted")
	again := try(Open(v.Engine, b.ID()))(t)
	if got := try(again.Mounted())(t); got != path || again.Record().MountPoint != path {
		t.Errorf("mounted at %q, record %q, want %q", got, again.Record().MountPoint, path)
	}
	if text, err := os.ReadFile(path + "/added"); err != nil || string(text) != "1" {
		t.Errorf("the mount does not show what was added: %q, %v", text, err)
	}
	if err := b.Remove(ctx, false); !errors.Is(err, ErrMounted) {
		t.Errorf("removing a mounted container: got the error %v", err)
	}
	if err := b.Remove(ctx, true); err != nil {
		t.Errorf("removing by force: %v", err)
	}
	if _, err := Open(v.Engine, b.ID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestMountedMends mends a record that says something else than the store.
func TestMountedMends(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	b := v.from(Scratch)
	b.record.MountPoint = "/after/a/reboot"
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	if path := try(b.Mounted())(t); path != "" {
		t.Errorf("mounted at %q", path)
	}
	where := try(v.Store.Mount(b.ID(), ""))(t) // by another tool
	again := try(Open(v.Engine, b.ID()))(t)
	if again.Record().MountPoint != "" {
		t.Errorf("the record still says %q", again.Record().MountPoint)
	}
	if path := try(again.Mounted())(t); path != where || try(Open(v.Engine, b.ID()))(t).Record().MountPoint != where {
		t.Errorf("mounted at %q, want %q", path, where)
	}
}

func isMounted(t testing.TB, path string) bool {
	t.Helper()
	return try(mountinfo.Mounted(path))(t)
}

// TestMountAt binds a container to two directories; the last unmount takes both away.
func TestMountAt(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			v := newEnv(t, driver)
			v.image("base", smallFiles())
			b, ctx := v.from("base"), t.Context()
			neighbour := v.from("base")
			one, two, far := t.TempDir(), t.TempDir(), t.TempDir()
			for _, dir := range []string{one, two} {
				if err := b.MountAt(ctx, dir); err != nil {
					t.Fatal(err)
				}
			}
			if err := neighbour.MountAt(ctx, far); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(one+"/new", []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if text, err := os.ReadFile(two + "/new"); err != nil || string(text) != "x" {
				t.Errorf("written in one, read in two: %q, %v", text, err)
			}
			for n := range 2 {
				if !isMounted(t, one) || !isMounted(t, two) {
					t.Errorf("a bind is gone after %d unmounts", n)
				}
				if was := try(b.Unmount(ctx))(t); !was {
					t.Errorf("unmount %d: it was not mounted", n)
				}
			}
			if isMounted(t, one) || isMounted(t, two) || !isMounted(t, far) {
				t.Error("the binds after the last unmount: want ours gone and the neighbour's there")
			}
			if err := neighbour.Delete(ctx); err != nil || isMounted(t, far) {
				t.Errorf("deleting with a bind: %v", err)
			}
			wantError(t, b.MountAt(ctx, "relative"), "not absolute")
			if err := b.MountAt(ctx, one+"/missing"); err == nil || try(v.Store.MountCount(b.ID()))(t) != 0 {
				t.Errorf("a missing directory: %v", err)
			}
			if path := try(Open(v.Engine, b.ID()))(t).Record().MountPoint; path != "" {
				t.Errorf("the record after a mount that failed: %q", path)
			}
		})
	}
}
