package layers

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/projectatomic/buildah/internal/store"
)

// killEnv tells the child of TestSIGKILL which store to work on, and on what.
const killEnv = "BUILDAH_TEST_KILL"

// TestSIGKILL kills processes that freeze and delete, at any moment. A user's
// container keeps its content, and the next command needs no repair.
func TestSIGKILL(t *testing.T) {
	t.Parallel()
	if args := strings.Fields(os.Getenv(killEnv)); len(args) > 0 {
		freezeForEver(t, args[0], args[1])
		return
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := newStore(t, "overlay")
	c, err := s.CreateContainer(store.NewContainer{NameHint: "c"})
	must(t, err)
	edit(t, s, c.ID, func(root string) {
		for i := range 200 {
			must(t, write(filepath.Join(root, "f"+strings.Repeat("x", i)), strings.Repeat("data", i)))
		}
	})
	want := diff(t, s, c.LayerID)
	for round := range 15 {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestSIGKILL$")
		cmd.Env = append(os.Environ(), killEnv+"="+filepath.Dir(s.GraphRoot())+" "+c.ID)
		must(t, cmd.Start())
		time.Sleep(60*time.Millisecond + time.Duration(round)*7*time.Millisecond)
		must(t, cmd.Process.Kill())
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		if !bytes.Equal(diff(t, s, c.LayerID), want) {
			t.Fatalf("round %d: the container changed", round)
		}
		l, err := Freeze(t.Context(), s, c.ID, Options{})
		must(t, err)
		checkLayer(t, s, l, want)
		must(t, s.DropLayer(l.ID))
	}
}

// freezeForEver freezes the container and copies of it that it owns.
func freezeForEver(t *testing.T, dir, id string) {
	s, err := store.Open(store.Options{
		GraphRoot: filepath.Join(dir, "g"), RunRoot: filepath.Join(dir, "r"), Driver: "overlay",
		DriverOptions: []string{"overlay.skip_mount_home=true"},
	})
	must(t, err)
	for {
		l, err := Freeze(t.Context(), s, id, Options{})
		must(t, err)
		own, err := s.CreateContainer(store.NewContainer{NameHint: "own", ImageID: record(t, s, l.ID)})
		must(t, err)
		edit(t, s, own.ID, func(root string) { must(t, write(root+"/own", "x")) })
		top, err := Freeze(t.Context(), s, own.ID, Options{Owned: true})
		must(t, err)
		must(t, s.DeleteContainer(own.ID), s.DropLayer(top.ID), s.DeleteImage(own.ImageID, true))
	}
}
