package buildcache

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/projectatomic/buildah/copier"
)

func key(values ...string) Key {
	var k Key
	for _, v := range values {
		k.Add("part", v)
	}
	return k
}

func TestFindAndKeep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := Open(dir)
	if _, ok := c.Find(key("a")); ok {
		t.Error("found what was never kept")
	}
	if err := c.Keep(key("a"), Entry{Layer: "l", Config: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if e, ok := Open(dir).Find(key("a")); !ok || e.Layer != "l" || string(e.Config) != "{}" {
		t.Errorf("found %+v, %v", e, ok)
	}
	for _, other := range []Key{key("b"), key("a", ""), key("", "a"), {{Name: "other", Value: "a"}}} {
		if _, ok := c.Find(other); ok {
			t.Errorf("%v was found", other)
		}
	}
	if err := os.WriteFile(c.path(key("a")), []byte(`{"layer":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Find(key("a")); ok {
		t.Error("a torn file was taken")
	}
	c.Drop(key("a"))
	var none *Cache
	if _, ok := none.Find(key("a")); ok || none.Keep(key("a"), Entry{}) != nil {
		t.Error("no cache is no cache")
	}
}

// TestMovedEntry: a file under another key's name is not believed.
func TestMovedEntry(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	for _, name := range []string{"a", "b"} {
		if err := c.Keep(key(name), Entry{Layer: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(c.path(key("a")), c.path(key("b"))); err != nil {
		t.Fatal(err)
	}
	if e, ok := c.Find(key("b")); ok {
		t.Errorf("found %+v", e)
	}
}

func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]Key{}
	for _, k := range []Key{nil, key(""), key("", ""), key("ab"), key("a", "b"), key("b", "a"), {{Name: "part", Value: "a"}, {Name: "b"}}} {
		if other, ok := seen[k.Digest()]; ok {
			t.Errorf("%v and %v have one digest", k, other)
		}
		seen[k.Digest()] = k
	}
}

func index(t *testing.T, c *Cache, dir string) *Index {
	t.Helper()
	root, err := copier.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return c.Index(root)
}

func TestIndex(t *testing.T) {
	t.Parallel()
	tree, c := t.TempDir(), Open(t.TempDir())
	x := index(t, c, tree)
	old := time.Now().Add(-time.Hour).UnixNano()
	for i := range 1000 {
		id := copier.FileID{Ino: uint64(i * 7919 % 1000), Mtime: old + int64(i), Ctime: old + 1}
		x.Learn(id, copier.Content{Sum: [32]byte{byte(id.Ino), byte(id.Ino >> 8)}, Xattrs: i%2 == 0})
	}
	if err := x.Save(); err != nil {
		t.Fatal(err)
	}
	x = index(t, c, tree)
	for i := range 1000 {
		id := copier.FileID{Ino: uint64(i * 7919 % 1000), Mtime: old + int64(i), Ctime: old + 1}
		got, ok := x.Known(id)
		if !ok || got.Sum[0] != byte(id.Ino) || got.Sum[1] != byte(id.Ino>>8) || got.Xattrs != (i%2 == 0) {
			t.Fatalf("%+v: %v, %v", id, got, ok)
		}
		for _, change := range []func(*copier.FileID){
			func(id *copier.FileID) { id.Size++ }, func(id *copier.FileID) { id.Mtime-- }, func(id *copier.FileID) { id.Ctime++ },
			func(id *copier.FileID) { id.Mode ^= 1 }, func(id *copier.FileID) { id.Dev++ },
		} {
			other := id
			if change(&other); x.known(other) {
				t.Fatalf("%+v is taken for %+v", other, id)
			}
		}
	}
}

func (x *Index) known(id copier.FileID) bool { _, ok := x.Known(id); return ok }

// TestRacy: what was changed in this moment may change again unseen.
func TestRacy(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 500_000_000)
	for name, c := range map[string]struct {
		changed time.Time
		learned bool
	}{
		"this moment":        {now, false},
		"a tick ago":         {now.Add(-10 * time.Millisecond), false},
		"long ago":           {now.Add(-time.Minute), true},
		"a while ago":        {now.Add(-400 * time.Millisecond), true},
		"whole seconds":      {now.Truncate(time.Second), false},
		"old, whole seconds": {now.Truncate(time.Second).Add(-time.Minute), true},
		"the future":         {now.Add(time.Hour), false},
	} {
		x := &Index{now: func() time.Time { return now }}
		x.Learn(copier.FileID{Mtime: 1, Ctime: c.changed.UnixNano()}, copier.Content{})
		if got := len(x.learned) > 0; got != c.learned {
			t.Errorf("%s: learned %v", name, got)
		}
	}
}

func TestIndexIsBounded(t *testing.T) {
	t.Parallel()
	tree, c := t.TempDir(), Open(t.TempDir())
	old := time.Now().Add(-time.Hour).UnixNano()
	for round := range 5 {
		x := index(t, c, tree)
		for i := range 100 {
			x.Learn(copier.FileID{Ino: uint64(i), Mtime: old + int64(round), Ctime: old}, copier.Content{})
		}
		if err := x.Save(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(index(t, c, tree).used); n > 200 {
		t.Errorf("%d records of 100 files", n)
	}
}

// TestTornIndex: a damaged file is as good as none.
func TestTornIndex(t *testing.T) {
	t.Parallel()
	tree, c := t.TempDir(), Open(t.TempDir())
	id := copier.FileID{Ino: 5, Mtime: 1, Ctime: 1}
	x := index(t, c, tree)
	x.Learn(id, copier.Content{})
	if err := x.Save(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(x.file)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"short": data[:len(data)-1], "empty": {}, "changed": append(data[:len(data)-1:len(data)-1], data[len(data)-1]^1),
	} {
		if err := os.WriteFile(filepath.Clean(x.file), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if index(t, c, tree).known(id) {
			t.Errorf("%s: it was believed", name)
		}
	}
}
