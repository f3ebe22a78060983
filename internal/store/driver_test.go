package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.podman.io/storage/types"
	"golang.org/x/sys/unix"
)

func TestPriorDriver(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if got := PriorDriver(root); got != "" {
		t.Errorf("driver %q of a directory that is empty", got)
	}
	for _, d := range []string{"vfs", "overlay"} { // the last one is preferred
		if err := os.Mkdir(filepath.Join(root, d+"-layers"), 0o700); err != nil {
			t.Fatal(err)
		}
		if got := PriorDriver(root); got != d {
			t.Errorf("driver %q of a store of %s", got, d)
		}
	}
}

func TestChooseDriverLeavesAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		so   types.StoreOptions
		want string
	}{
		"driver":        {types.StoreOptions{GraphDriverName: "vfs"}, "vfs"},
		"priority":      {types.StoreOptions{GraphDriverPriority: []string{"vfs"}}, ""},
		"mount program": {types.StoreOptions{GraphDriverOptions: []string{"overlay.mount_program=/bin/x"}}, "overlay"},
		"colon":         {types.StoreOptions{GraphRoot: "/a:b"}, "overlay"}, // which is refused later
	} {
		c.so.GraphRoot += "/dev/null/not-there"
		o := Options{Warn: func(f string, args ...any) { t.Errorf("%s: "+f, append([]any{name}, args...)...) }}
		if err := o.chooseDriver(&c.so); err != nil || c.so.GraphDriverName != c.want {
			t.Errorf("%s: driver %q, %v", name, c.so.GraphDriverName, err)
		}
	}
}

// A place on an overlay is no place for another one; nothing stays of the trials.
func TestExamine(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	t.Setenv("PATH", t.TempDir()) // without fuse-overlayfs
	dir := t.TempDir()
	for _, name := range []string{"lower", "upper", "work", "merged", "plain"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", at("lower"), at("upper"), at("work"))
	if err := unix.Mount("overlay", at("merged"), "overlay", 0, options); err != nil {
		t.Skipf("no overlay can be mounted in %q: %v", dir, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(at("merged"), 0) })
	for _, c := range []struct{ place, want string }{{"plain", "overlay"}, {"merged", "vfs"}} {
		s, err := Examine(at(c.place+"/new/store"), false)
		if err != nil || s.Driver != c.want {
			t.Errorf("%s: %+v, %v", c.place, s, err)
		}
		if left, _ := os.ReadDir(at(c.place)); len(left) > 0 {
			t.Errorf("%s: %v is left", c.place, left)
		}
		if notice := s.Notice("/x"); (notice == "") != (c.want == "overlay") || strings.Contains(notice, "\n") {
			t.Errorf("%s: notice %q", c.place, notice)
		}
	}
	_, err := Open(Options{GraphRoot: at("merged/store"), RunRoot: at("run"), Driver: "overlay"})
	if !errors.Is(err, ErrDriver) {
		t.Errorf("opening an overlay store on an overlay: %v", err)
	}
}

func TestTolerateChown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ given, want []string }{
		{nil, []string{"vfs.ignore_chown_errors=true"}},
		{[]string{".ignore_chown_errors=false"}, []string{".ignore_chown_errors=false"}},
		{[]string{"size=1g"}, []string{"size=1g", "vfs.ignore_chown_errors=true"}},
	} {
		so := types.StoreOptions{GraphDriverName: "vfs", GraphDriverOptions: c.given}
		tolerateChown(&so)
		if diff := cmp.Diff(c.want, so.GraphDriverOptions); diff != "" {
			t.Error(diff)
		}
	}
}
