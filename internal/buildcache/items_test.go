package buildcache

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func itemsOf(t *testing.T, c *Cache) []Item {
	t.Helper()
	items, err := c.Items()
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func keep(t *testing.T, c *Cache, name string, e Entry) {
	t.Helper()
	if err := c.Keep(key(name), e); err != nil {
		t.Fatal(err)
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	if items := itemsOf(t, c); len(items) != 0 {
		t.Errorf("of nothing: %+v", items)
	}
	keep(t, c, "made", Entry{Config: []byte("{}"), Layer: "l"})
	keep(t, c, "set", Entry{Config: []byte("{}"), Layer: "m", Virtual: true})
	for name, age := range map[string]time.Duration{"steps/ab/.new-1": 0, "steps/ab/.new-2": 2 * halfWritten, "steps/ab/torn": 0, "sums/1-2": 0, "notes/x": 0} {
		path := filepath.Join(c.dir, name)
		if err := writeFile(path, []byte(`{"config":`)); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha256.Sum256([]byte("{}"))
	got := map[Item]int{}
	for _, i := range itemsOf(t, c) {
		if i.Size == 0 || i.Used.IsZero() {
			t.Errorf("%+v", i)
		}
		got[Item{Step: i.Step, Source: i.Source, Image: i.Image, Layer: i.Layer}]++
	}
	for want, n := range map[Item]int{
		{Step: true, Image: hex.EncodeToString(sum[:]), Layer: "l"}: 1, {Step: true, Layer: "m"}: 1,
		{Step: true}: 1, {Source: true}: 1, {}: 2,
	} {
		if got[want] != n {
			t.Errorf("%d of %+v", got[want], want)
		}
	}
}

// TestRemove: all or nothing, and nothing that was used meanwhile.
func TestRemove(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	keep(t, c, "a", Entry{})
	keep(t, c, "b", Entry{})
	then := time.Now().Add(-time.Hour)
	for _, name := range []string{"a", "b"} {
		if err := os.Chtimes(c.path(key(name)), then, then); err != nil {
			t.Fatal(err)
		}
	}
	items := itemsOf(t, c)
	if _, ok := c.Find(key("a")); !ok {
		t.Fatal("it is not there")
	}
	if removed, err := c.Remove(items...); removed || err != nil || len(itemsOf(t, c)) != 2 {
		t.Errorf("what was used: %v, %v", removed, err)
	}
	items = itemsOf(t, c)
	if _, ok := c.Find(key("a")); !ok { // again in the same minute
		t.Fatal("it is not there")
	}
	if removed, err := c.Remove(items...); !removed || err != nil || len(itemsOf(t, c)) != 0 {
		t.Errorf("%v, %v", removed, err)
	}
	if removed, err := c.Remove(items...); removed || err != nil {
		t.Errorf("what is gone: %v, %v", removed, err)
	}
}

// TestCreated: a use is not a new result.
func TestCreated(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	then := time.Now().Add(-time.Hour).UTC()
	keep(t, c, "a", Entry{Created: then})
	if err := os.Chtimes(c.path(key("a")), then, then); err != nil {
		t.Fatal(err)
	}
	if e, _ := c.Find(key("a")); !e.Created.Equal(then) {
		t.Errorf("created %v", e.Created)
	}
	if used := itemsOf(t, c)[0].Used; time.Since(used) > time.Minute {
		t.Errorf("used %v", used)
	}
}
