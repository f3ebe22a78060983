package layers

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/projectatomic/buildah/internal/store"
)

// fill makes dirs×files files of size bytes each.
func fill(b *testing.B, root string, dirs, files, size int) {
	b.Helper()
	data := make([]byte, size)
	var seed [32]byte
	_, _ = rand.NewChaCha8(seed).Read(data)
	for d := range dirs {
		dir := fmt.Sprintf("%s/d%d", root, d)
		must(b, os.Mkdir(dir, 0o755))
		for f := range files {
			must(b, os.WriteFile(fmt.Sprintf("%s/f%d", dir, f), data, 0o644))
		}
	}
}

// BenchmarkFreeze freezes by each path; plain is what the others are compared with.
func BenchmarkFreeze(b *testing.B) {
	for _, tree := range []struct {
		name              string
		dirs, files, size int
	}{
		{"small", 1, 10, 1000},
		{"20000-files-600MB", 100, 200, 30_000},
		{"one-1GiB", 1, 1, 1 << 30},
	} {
		for _, way := range []string{PathRename, PathClone, PathPlain} {
			b.Run(tree.name+"/"+way, func(b *testing.B) {
				s := newStore(b, "overlay")
				for b.Loop() {
					b.StopTimer()
					c, err := s.CreateContainer(store.NewContainer{NameHint: "c"})
					must(b, err)
					edit(b, s, c.ID, func(root string) { fill(b, root, tree.dirs, tree.files, tree.size) })
					f, err := newFreezer(s, c.ID, Options{Owned: way == PathRename})
					must(b, err)
					b.StartTimer()
					var l Layer
					if way == PathPlain {
						l, err = f.plain(b.Context(), f.fromMerged)
					} else {
						l, err = f.freeze(b.Context())
					}
					b.StopTimer()
					must(b, err)
					if l.Path != way {
						b.Fatalf("made by %q", l.Path)
					}
					must(b, s.DeleteContainer(c.ID), s.Raw().DeleteLayer(l.ID))
					b.StartTimer()
				}
			})
		}
	}
}
