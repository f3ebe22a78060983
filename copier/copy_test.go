package copier

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func copyAll(t *testing.T, src, dst string, o CopyOptions) Result {
	t.Helper()
	result, err := Copy(t.Context(), Target{Root: openRoot(t, dst), Path: "/"}, openRoot(t, src), []string{"."}, o)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestMetadataIsKept(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src, dst := t.TempDir(), t.TempDir()
	plant(t, src, "suid", "dir/file", "link -> suid")
	when := time.Unix(1_000_000_000, 123_456_789)
	file := filepath.Join(src, "suid")
	// A file capability: cap_net_raw, permitted and effective, revision 2.
	capability := []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	acl := []byte{2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 0xd2, 4, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255}
	for _, err := range []error{
		unix.Mkfifo(filepath.Join(src, "fifo"), 0o640),
		unix.Mknod(filepath.Join(src, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))),
		os.Lchown(file, 1, 2), os.Lchown(filepath.Join(src, "link"), 3, 4), os.Lchown(filepath.Join(src, "dir"), 5, 6),
		unix.Chmod(file, 0o4755), unix.Chmod(filepath.Join(src, "dir"), 0o1711),
		unix.Setxattr(file, "security.capability", capability, 0),
		unix.Setxattr(file, "user.note", []byte("hello"), 0),
		unix.Setxattr(filepath.Join(src, "dir/file"), "system.posix_acl_access", acl, 0),
		os.Chtimes(file, when, when), os.Chtimes(filepath.Join(src, "dir"), when, when),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	copyAll(t, src, dst, CopyOptions{KeepOwner: true})
	from, to := openRoot(t, src), openRoot(t, dst)
	for _, name := range []string{"suid", "link", "dir", "dir/file", "fifo", "null"} {
		want, err := from.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := to.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []*Info{&want, &got} {
			i.Dev, i.Ino, i.ChangeTime = 0, 0, time.Time{}
			if i.IsDir() {
				i.Size, i.Nlink = 0, 0
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	buf := make([]byte, 100)
	for name, want := range map[string][]byte{"suid security.capability": capability, "suid user.note": []byte("hello"), "dir/file system.posix_acl_access": acl} {
		path, attr, _ := strings.Cut(name, " ")
		n, err := unix.Getxattr(filepath.Join(dst, path), attr, buf)
		if err != nil || !bytes.Equal(buf[:n], want) {
			t.Errorf("%s: %x, %v", name, buf[:max(n, 0)], err)
		}
	}
}

func TestOwnerAndModeOptions(t *testing.T) {
	t.Parallel()
	needRoot(t)
	mode, err := ParseChmod("640")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name     string
		o        CopyOptions
		uid, gid int
		mode     Mode
	}{
		{name: "default", uid: 0, gid: 0, mode: 0o6755},
		{name: "strip", o: CopyOptions{StripSetID: true}, mode: 0o755},
		{name: "keep", o: CopyOptions{KeepOwner: true}, uid: 11, gid: 12, mode: 0o6755},
		{name: "chown wins", o: CopyOptions{KeepOwner: true, Chown: &Owner{21, 22}}, uid: 21, gid: 22, mode: 0o6755},
		{name: "chmod", o: CopyOptions{Chmod: &mode}, mode: 0o640},
		{name: "ids", o: CopyOptions{KeepOwner: true, SrcIDs: shift(10), DstIDs: shift(1000)}, uid: 1001, gid: 1002, mode: 0o6755},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			src, dst := t.TempDir(), t.TempDir()
			plant(t, src, "f")
			file := filepath.Join(src, "f")
			if err := errors.Join(os.Chown(file, 11, 12), unix.Chmod(file, 0o6755)); err != nil {
				t.Fatal(err)
			}
			to := openRoot(t, dst)
			if _, err := Copy(t.Context(), Target{Root: to, Path: "/p/f"}, openRoot(t, src), []string{"f"}, tc.o); err != nil {
				t.Fatal(err)
			}
			info, err := to.Lstat("p/f")
			if err != nil {
				t.Fatal(err)
			}
			if info.UID != tc.uid || info.GID != tc.gid || ModeOf(info.Mode) != tc.mode {
				t.Errorf("%d:%d %o", info.UID, info.GID, ModeOf(info.Mode))
			}
			parent, err := to.Lstat("p")
			if err != nil {
				t.Fatal(err)
			}
			if ModeOf(parent.Mode) != 0o755 {
				t.Errorf("the parent has %o", ModeOf(parent.Mode))
			}
		})
	}
}

// shift maps container ids to host ids that are so much higher.
type shift int

func (s shift) ToHost(o Owner) (Owner, error) { return Owner{o.UID + int(s), o.GID + int(s)}, nil }

func (s shift) ToContainer(o Owner) (Owner, error) { return Owner{o.UID - int(s), o.GID - int(s)}, nil }

func TestHardLinksSurvive(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src, dst := t.TempDir(), t.TempDir()
	plant(t, src, "one", "two = one", "sub/three = one", "sub/four = one")
	for range 2 { // the second time over the first
		copyAll(t, src, dst, CopyOptions{})
		info, err := openRoot(t, dst).Lstat("sub/three")
		if err != nil {
			t.Fatal(err)
		}
		if info.Nlink != 4 {
			t.Errorf("%d links", info.Nlink)
		}
	}
}

// The copy of a file's first name may have been replaced when its second comes up.
func TestHardLinkToReplacedFile(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src, dst := t.TempDir(), t.TempDir()
	plant(t, src, "a/x", "b/x", "c/y = a/x")
	if err := os.WriteFile(filepath.Join(src, "b/x"), []byte("B"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(t.Context(), Target{Root: openRoot(t, dst), Path: "/"}, openRoot(t, src), []string{"a/x", "b/x", "c/y"}, CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"x: B", "y: x"}, harvest(t, dst)); diff != "" {
		t.Error(diff)
	}
}

func TestContentOfAllSizes(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, noDigest := range []bool{false, true} {
		src, dst := t.TempDir(), t.TempDir()
		for _, size := range []int{0, 1, smallFile - 1, smallFile, smallFile + 1, largeBuffer, 3*largeBuffer + 7, 9 * largeBuffer} {
			data := bytes.Repeat([]byte("abcdefg"), size/7+1)[:size]
			if err := os.WriteFile(filepath.Join(src, "f"), data, 0o644); err != nil {
				t.Fatal(err)
			}
			result := copyAll(t, src, dst, CopyOptions{NoDigest: noDigest})
			got, err := os.ReadFile(filepath.Join(dst, "f"))
			if err != nil || !bytes.Equal(got, data) || result.Bytes != int64(size) {
				t.Errorf("size %d: %d bytes, %v", size, len(got), err)
			}
		}
	}
}

func TestSparseFilesStaySparse(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src, dst := t.TempDir(), t.TempDir()
	const size = 64 << 20
	file, err := os.Create(filepath.Join(src, "f"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt([]byte("middle"), size/2)
	if err := errors.Join(err, file.Truncate(size), file.Close()); err != nil {
		t.Fatal(err)
	}
	sparse := copyAll(t, src, dst, CopyOptions{})
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dst, "f"), &st); err != nil {
		t.Fatal(err)
	}
	if st.Size != size || st.Blocks*512 > 1<<20 {
		t.Errorf("size %d with %d blocks", st.Size, st.Blocks)
	}
	data, err := os.ReadFile(filepath.Join(src, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "f"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if full := copyAll(t, src, t.TempDir(), CopyOptions{}); full.Digest != sparse.Digest {
		t.Error("holes change the digest")
	}
}

func TestDigestTellsWhatMatters(t *testing.T) {
	t.Parallel()
	needRoot(t)
	digest := func(change func(dir string) error) string {
		t.Helper()
		src := t.TempDir()
		plant(t, src, "a/one", "a/two", "b/", "l -> a")
		if err := change(src); err != nil {
			t.Fatal(err)
		}
		return copyAll(t, src, t.TempDir(), CopyOptions{}).Digest
	}
	same := digest(func(string) error { return nil })
	if got := digest(func(dir string) error { return os.Chtimes(filepath.Join(dir, "a/one"), time.Now(), time.Unix(5, 0)) }); got != same {
		t.Error("a time changes the digest")
	}
	for name, change := range map[string]func(dir string) error{
		"content": func(dir string) error { return os.WriteFile(filepath.Join(dir, "a/one"), []byte("eno"), 0o644) },
		"mode":    func(dir string) error { return os.Chmod(filepath.Join(dir, "a/one"), 0o600) },
		"name":    func(dir string) error { return os.Rename(filepath.Join(dir, "a/one"), filepath.Join(dir, "a/oned")) },
		"removal": func(dir string) error { return os.Remove(filepath.Join(dir, "b")) },
		"link": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "l")), os.Symlink("b", filepath.Join(dir, "l")))
		},
		"xattr": func(dir string) error { return unix.Setxattr(filepath.Join(dir, "a/one"), "user.x", []byte("1"), 0) },
	} {
		if digest(change) == same {
			t.Errorf("%s does not change the digest", name)
		}
	}
}

func TestDigestOfLinksIsNotAboutTheDestination(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src := t.TempDir()
	plant(t, src, "d/one")
	if err := os.Link(filepath.Join(src, "d/one"), filepath.Join(src, "d/two")); err != nil {
		t.Fatal(err)
	}
	digests := map[string]bool{}
	for _, dest := range []string{"/x", "/y/z", "/x"} {
		result, err := Copy(t.Context(), Target{Root: openRoot(t, t.TempDir()), Path: dest}, openRoot(t, src), []string{"d"}, CopyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		digests[result.Digest] = true
	}
	if len(digests) != 1 {
		t.Errorf("the same files have the digests %v", digests)
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src := t.TempDir()
	plant(t, src, "f", "g", "d/x")
	for want, sources := range map[string][]string{"file": {"f"}, "dir": {"d"}, "multi": {"f", "d"}} {
		result, err := Copy(t.Context(), Target{Root: openRoot(t, t.TempDir()), Path: "/x/"}, openRoot(t, src), sources, CopyOptions{})
		if err != nil || result.Kind != want || len(result.Digest) != 64 {
			t.Errorf("%v: %+v, %v", sources, result, err)
		}
	}
}

// but excludes all, and all but what has one of these names or is above it.
type but []string

func (b but) Excluded(path string, _ bool) (excluded, prune bool) {
	for _, name := range b {
		if path == name || strings.HasPrefix(path, name+"/") {
			return false, false
		}
		if strings.HasPrefix(name, path+"/") {
			return true, false
		}
	}
	return true, true
}

func (b but) String() string { return "/ctx/.dockerignore" }

func TestExclude(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src := t.TempDir()
	plant(t, src, "dir/usr/bin/tool", "dir/usr/lib/x", "dir/etc/y", "top")
	dst := t.TempDir()
	copyAll(t, src, dst, CopyOptions{Exclude: but{"dir/usr/bin"}})
	if diff := cmp.Diff([]string{"dir/", "dir/usr/", "dir/usr/bin/", "dir/usr/bin/tool"}, harvest(t, dst)); diff != "" {
		t.Error(diff)
	}
	copyAll(t, src, t.TempDir(), CopyOptions{Exclude: but{}}) // the root itself is never excluded
	for _, sources := range [][]string{{"top"}, {"t*"}, {"dir/etc"}} {
		_, err := Copy(t.Context(), Target{Root: openRoot(t, t.TempDir()), Path: "/"}, openRoot(t, src), sources, CopyOptions{Exclude: but{"dir/usr/bin"}})
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "copied (1 filtered out using /ctx/.dockerignore): no such file or directory") {
			t.Errorf("%v: %v", sources, err)
		}
	}
}

func TestSocketsAreSkipped(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src, err := os.MkdirTemp("", "s") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(src)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(src, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var notes []string
	copyAll(t, src, t.TempDir(), CopyOptions{Note: func(text string) { notes = append(notes, text) }})
	if len(notes) != 1 || !strings.Contains(notes[0], "sock") {
		t.Error(notes)
	}
}

func TestIntoItself(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := t.TempDir()
	plant(t, dir, "a/b/c")
	root := openRoot(t, dir)
	_, err := Copy(t.Context(), Target{Root: root, Path: "/a/copy"}, root, []string{"."}, CopyOptions{})
	if err == nil || !strings.Contains(err.Error(), "into itself") {
		t.Error(err)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src, dst := t.TempDir(), t.TempDir()
	plant(t, src, "d/f", "d/l -> f")
	when := time.Unix(42, 0)
	if _, err := Copy(t.Context(), Target{Root: openRoot(t, dst), Path: "/new/x"}, openRoot(t, src), []string{"d"}, CopyOptions{Times: &when}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"new", "new/x", "new/x/f", "new/x/l"} {
		info, err := os.Lstat(filepath.Join(dst, name))
		if err != nil || !info.ModTime().Equal(when) {
			t.Errorf("%s: %v, %v", name, info.ModTime(), err)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	needRoot(t)
	src := t.TempDir()
	manyFiles(t, src, 600, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Copy(ctx, Target{Root: openRoot(t, t.TempDir()), Path: "/"}, openRoot(t, src), []string{"."}, CopyOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
