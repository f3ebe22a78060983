package layers

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/testenv"
)

func TestUnchanged(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"overlay", "vfs"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := testenv.Store(t, driver)
			id := testenv.BaseImage(t, s, "localhost/base", testenv.Files{"d/f": "base"})
			c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: id})
			if err != nil {
				t.Fatal(err)
			}
			ask := func() bool {
				t.Helper()
				same, err := Unchanged(s, c.ID)
				if err != nil {
					t.Fatal(err)
				}
				return same
			}
			if !ask() {
				t.Error("a new container counts as changed")
			}
			root, err := s.Mount(c.ID, "")
			if err != nil {
				t.Fatal(err)
			}
			_, err = os.ReadFile(filepath.Join(root, "d/f"))
			if err != nil || !ask() {
				t.Errorf("a container that was looked at counts as changed: %v", err)
			}
			if err := os.Remove(filepath.Join(root, "d/f")); err != nil {
				t.Fatal(err)
			}
			if ask() {
				t.Error("a removed file does not count")
			}
			if _, err := s.Unmount(c.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := Unchanged(s, "nobody"); err == nil {
				t.Error("a container that is not there has an answer")
			}
		})
	}
}
