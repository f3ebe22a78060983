package rootfs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/store"
)

// tree lists a directory: names, types, modes and times.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		all = append(all, fmt.Sprintf("%s %v %d", name, info.Mode(), info.ModTime().UnixNano()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func bindMount(source, target string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: target}
}

// mounts are those of a usual run, and some odd ones.
func mounts(t *testing.T) []specs.Mount {
	t.Helper()
	host := t.TempDir()
	fill(t, host, map[string]string{"file": "x", "dir/": ""})
	file, dir := filepath.Join(host, "file"), filepath.Join(host, "dir")
	return []specs.Mount{
		{Type: "proc", Destination: "/proc"},
		{Type: "tmpfs", Destination: "/dev"},
		{Type: "devpts", Destination: "/dev/pts"},
		bindMount(file, "/etc/hosts"),
		bindMount(file, "/etc/resolv.conf"),
		bindMount(file, "/etc/deep/er/file"),
		bindMount(dir, "/volume/one"),
		bindMount(dir, "/linked/two"),
		bindMount(dir, "/escape/etc"),
	}
}

var rootFiles = map[string]string{
	"etc/hosts": "mine\n", "etc/resolv.conf": "-> ../run/stub/resolv.conf", "linked": "-> /real/place", "escape": "-> ../../..",
}

func backdate(t *testing.T, dir string) {
	t.Helper()
	when := time.Date(2020, 1, 2, 3, 4, 5, 6789, time.UTC)
	for _, line := range slices.Backward(tree(t, dir)) {
		name, _, _ := strings.Cut(line, " ")
		ts := []unix.Timespec{unix.NsecToTimespec(when.UnixNano()), unix.NsecToTimespec(when.UnixNano())}
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(dir, name), ts, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			t.Fatal(err)
		}
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func TestTargetsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	needRoot(t)
	root := newRoot(t, rootFiles)
	backdate(t, root.Path())
	before := tree(t, root.Path())
	record := t.TempDir()
	stubs, err := MakeTargets(root, mounts(t), record, copier.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]bool{
		"proc": true, "dev": true, "run/stub/resolv.conf": false, "etc/deep/er/file": false, "volume/one": true, "real/place/two": true,
	} {
		info, err := os.Lstat(filepath.Join(root.Path(), name))
		if err != nil || info.IsDir() != dir || info.ModTime().UnixNano() != 0 {
			t.Errorf("%q is %v, %v", name, info, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(root.Path(), "dev/pts")); err == nil {
		t.Error("a target below another mount was made in the root")
	}
	if recorded, err := store.ReadStubs(record, store.StubMade); err != nil || len(recorded) == 0 {
		t.Fatalf("recorded is %v, %v", recorded, err)
	}
	if err := stubs.Clean(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, tree(t, root.Path())); diff != "" {
		t.Fatalf("(-before +after):\n%s", diff)
	}
	if recorded, err := store.ReadStubs(record, store.StubMade); err != nil || len(recorded) != 0 {
		t.Fatalf("recorded is still %v, %v", recorded, err)
	}
}

func TestTargetsThatBecameContentStay(t *testing.T) {
	t.Parallel()
	needRoot(t)
	root := newRoot(t, map[string]string{"etc/": ""})
	stubs, err := MakeTargets(root, mounts(t), t.TempDir(), copier.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	// What a command may do where its mounts do not hide it.
	fill(t, root.Path(), map[string]string{"etc/deep/other": "content"})
	if err := os.WriteFile(filepath.Join(root.Path(), "etc/resolv.conf"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := stubs.Clean(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, line := range tree(t, root.Path()) {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
	}
	want := []string{".", "etc", "etc/deep", "etc/deep/other", "etc/resolv.conf"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func TestTargetsOfTwoRuns(t *testing.T) {
	t.Parallel()
	needRoot(t)
	root, record, all := newRoot(t, nil), t.TempDir(), mounts(t)
	first, err := MakeTargets(root, all, record, copier.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := MakeTargets(root, all, record, copier.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Clean(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(root.Path(), "etc/hosts")); err != nil {
		t.Fatalf("what another run needs was taken away: %v", err)
	}
	if err := second.Clean(); err != nil {
		t.Fatal(err)
	}
	if left := tree(t, root.Path()); len(left) != 1 {
		t.Fatalf("left over: %v", left)
	}
}

func TestPulledUp(t *testing.T) {
	t.Parallel()
	needRoot(t)
	base := t.TempDir()
	for _, dir := range []string{"lower/etc/sub", "upper/own", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	merged := filepath.Join(base, "merged")
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", base)
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		t.Skipf("needs overlay: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(merged, unix.MNT_DETACH) })
	root := openRoot(t, merged)
	record, file := t.TempDir(), filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	before := tree(t, merged)
	for range 2 { // the second time the directories are in the upper one
		stubs, err := MakeTargets(root, []specs.Mount{bindMount(file, "/etc/sub/hosts"), bindMount(file, "/own/hosts")}, record, copier.Owner{})
		if err != nil {
			t.Fatal(err)
		}
		if err := stubs.Clean(); err != nil {
			t.Fatal(err)
		}
	}
	pulled, err := store.ReadStubs(record, store.StubPulledUp)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range pulled {
		names = append(names, s.Path)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"etc", "etc/sub"}, names); diff != "" {
		t.Fatalf("pulled up (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, tree(t, merged)); diff != "" {
		t.Fatalf("(-before +after):\n%s", diff)
	}
}
