package builder

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/store"
)

// TestOldestFirst: nothing goes before what can only be found by way of it.
func TestOldestFirst(t *testing.T) {
	t.Parallel()
	h := &holdings{layers: map[string]store.Layer{
		"base": {ID: "base"}, "a1": {ID: "a1", Parent: "base"}, "a2": {ID: "a2", Parent: "a1"}, "b1": {ID: "b1", Parent: "base"},
	}}
	at := func(hours int) time.Time { return time.Unix(int64(hours)*3600, 0) }
	items := []buildcache.Item{
		{Image: "set on the base", Layer: "base", Used: at(1)},
		{Image: "first of a", Layer: "a1", Used: at(2)},
		{Image: "set after a", Layer: "a2", Used: at(5)},
		{Image: "second of a", Layer: "a2", Used: at(4)},
		{Image: "of b", Layer: "b1", Used: at(3)},
		{Image: "scratch", Used: at(0)},
		{Image: "its layer has gone", Layer: "none", Used: at(6)},
	}
	want := "scratch, of b, set after a, second of a, first of a, set on the base, its layer has gone"
	for range 20 {
		var got []string
		for _, a := range h.oldestFirst(items) {
			got = append(got, a.Image)
		}
		if text := strings.Join(got, ", "); text != want {
			t.Fatalf("got:    %s\nwanted: %s", text, want)
		}
		slices.Reverse(items)
		items = append(items[1:], items[0])
	}
}
