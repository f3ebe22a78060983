package store

import (
	"os"
	"path/filepath"
	"testing"
)

// TestContainerWithoutLayer: who was killed while making or removing a container may
// leave one whose layer is gone. It can be removed.
func TestContainerWithoutLayer(t *testing.T) {
	t.Parallel()
	s := newStore(t, "overlay")
	c, err := s.CreateContainer(NewContainer{NameHint: "c", Private: true})
	must(t, err)
	root, run := s.GraphRoot(), s.RunRoot()
	must(t, s.Close())
	lists, err := filepath.Glob(filepath.Join(root, "overlay-layers", "*layers.json"))
	must(t, err)
	for _, list := range lists {
		must(t, os.WriteFile(list, []byte("[]"), 0o600))
	}
	s, err = Open(Options{GraphRoot: root, RunRoot: run, Driver: "overlay", DriverOptions: []string{"overlay.skip_mount_home=true"}})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	if n, err := s.MountCount(c.ID); n != 0 || err != nil {
		t.Errorf("count %d, %v", n, err)
	}
	must(t, s.DeleteContainer(c.ID))
}
