package buildcache

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/copier"
)

func file(path string, change func(*copier.File)) copier.File {
	f := copier.File{Path: path, Type: 'f', Mode: 0o644, Size: 1, Sum: [32]byte{1}}
	if change != nil {
		change(&f)
	}
	return f
}

func TestChanges(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	var before, after Files
	changes := map[string]func(*copier.File){
		"content":  func(f *copier.File) { f.Sum[0] = 2 },
		"size":     func(f *copier.File) { f.Size = 3 },
		"mode":     func(f *copier.File) { f.Mode = 0o4755 },
		"owner":    func(f *copier.File) { f.Owner = copier.Owner{UID: 1, GID: 2} },
		"xattr":    func(f *copier.File) { f.Attributes = 7 },
		"type":     func(f *copier.File) { f.Type, f.Link = 'l', "x" },
		"two":      func(f *copier.File) { f.Sum[7], f.Mode = 9, 0o600 },
		"same":     nil,
		"late sum": func(f *copier.File) { f.Sum[20] = 9 }, // beyond what is kept
	}
	for name, change := range changes {
		before.Add(file(name, nil))
		after.Add(file(name, change))
	}
	before.Add(file("link", func(f *copier.File) { f.Type, f.Link = 'l', "a" }))
	after.Add(file("link", func(f *copier.File) { f.Type, f.Link = 'l', "b" }))
	before.Add(file("gone", nil))
	after.Add(file("new", nil))
	digests := []string{strings.Repeat("a", 64), strings.Repeat("b", 64)}
	for i, list := range []*Files{&before, &after} {
		if err := c.KeepFiles(digests[i], list); err != nil {
			t.Fatal(err)
		}
	}
	a, ok := c.Files(digests[0])
	b, ok2 := c.Files(digests[1])
	if !ok || !ok2 {
		t.Fatal("lists were not kept")
	}
	want := []FileChange{
		{"content", "content changed"},
		{"link", `link "a" → "b"`},
		{"mode", "mode 0644 → 4755"},
		{"owner", "owner 0:0 → 1:2"},
		{"size", "content changed"},
		{"two", "content changed, mode 0644 → 0600"},
		{"type", "file → symbolic link"},
		{"xattr", "extended attributes changed"},
		{"new", "added"},
		{"gone", "removed"},
	}
	if diff := cmp.Diff(want, Changes(a, b)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := Changes(a, a); len(got) != 0 {
		t.Errorf("a list differs from itself: %v", got)
	}
}

func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	many := &Files{}
	for i := range filesLimit + 1 {
		many.Add(file(fmt.Sprint(i), nil))
	}
	digest := strings.Repeat("0", 64)
	if err := c.KeepFiles(digest, many); err != nil || c.HasFiles(digest) || many.data != nil {
		t.Errorf("a list of too many was kept: %v", err)
	}
	one := &Files{}
	one.Add(file("x", nil))
	for _, name := range []string{"", "../../x", strings.Repeat("A", 64)} {
		if err := c.KeepFiles(name, one); err != nil || c.HasFiles(name) {
			t.Errorf("%q is no digest: %v", name, err)
		}
	}
	for i := range filesKept + 10 {
		if err := c.KeepFiles(fmt.Sprintf("%064x", i), one); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i-1000) * time.Second)
		_ = os.Chtimes(c.filesPath(fmt.Sprintf("%064x", i)), at, at)
	}
	list, err := os.ReadDir(filepath.Join(c.dir, "files"))
	if err != nil || len(list) > filesKept {
		t.Errorf("%d lists are kept: %v", len(list), err)
	}
	if c.HasFiles(fmt.Sprintf("%064x", 0)) || !c.HasFiles(fmt.Sprintf("%064x", filesKept)) {
		t.Error("others than the oldest have gone")
	}
}

func TestLatest(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	steps := []Step{{Text: "RUN a", Key: key("a").Digest()}}
	if c.Latest("s") != nil {
		t.Error("steps of what was never built")
	}
	if err := c.KeepLatest(steps, "s", "of all"); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"s"}, {"other", "of all"}} {
		if diff := cmp.Diff(steps, c.Latest(names...)); diff != "" {
			t.Errorf("%q: -want +got:\n%s", names, diff)
		}
	}
	info, err := os.Stat(c.latestPath("s"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.KeepLatest(steps, "s"); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.Stat(c.latestPath("s")); !os.SameFile(info, again) {
		t.Error("the same steps were written again")
	}
	if err := c.Keep(key("a"), Entry{Layer: "l"}); err != nil {
		t.Fatal(err)
	}
	if e, ok := c.ByDigest(key("a").Digest()); !ok || e.Layer != "l" {
		t.Errorf("found %+v", e)
	}
	for _, d := range []string{"", "../x", key("b").Digest()} {
		if _, ok := c.ByDigest(d); ok {
			t.Errorf("%q was found", d)
		}
	}
	var none *Cache
	if none.Latest("s") != nil || none.KeepLatest(steps, "s") != nil || none.KeepFiles(key("a").Digest(), &Files{}) != nil {
		t.Error("no cache is no cache")
	}
}

// FuzzFiles: whatever lies there, reading it ends, and lists that can be read can be compared.
func FuzzFiles(f *testing.F) {
	c := Open(f.TempDir())
	list := &Files{}
	list.Add(file("a/b", nil))
	list.Add(file("l", func(x *copier.File) { x.Type, x.Link = 'l', "a" }))
	digest := strings.Repeat("a", 64)
	if err := c.KeepFiles(digest, list); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(c.filesPath(digest))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-3])
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, ok := decodeFiles(data); ok {
			if n := len(Changes(got, got)); n > got.count {
				t.Errorf("%d changes of %d files", n, got.count)
			}
		}
	})
}
