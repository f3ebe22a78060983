package builder

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/internal/imageconfig"
)

// TestStepsEnd holds what ends the cache of a container: the next step is carried
// out although it is known. A commit takes it up again.
func TestStepsEnd(t *testing.T) {
	t.Parallel()
	v := newScripts(t)
	dir := tree(t, map[string]string{"f": "x"})
	const line = "date +%N > /built"
	plainly := func(work func()) {
		cache := v.Steps
		v.Steps = nil
		defer func() { v.Steps = cache }()
		work()
	}
	for name, tc := range map[string]struct {
		act    func(*testing.T, *Builder)
		reason string
		never  bool // a commit does not help
	}{
		"mount": {func(t *testing.T, b *Builder) {
			try(b.Mount(t.Context()))(t)
			try(b.Unmount(t.Context()))(t)
		}, "was mounted", false},
		"files written by hand": {func(_ *testing.T, b *Builder) { v.write(b, "etc/hand", "x") }, "changed by something that is no step", false},
		"a mount of another tool": {func(t *testing.T, b *Builder) {
			try(v.Store.Mount(b.ID(), ""))(t)
			t.Cleanup(func() { try(v.Store.Unmount(b.ID()))(t) })
		}, "is mounted", true},
		"volume": {func(_ *testing.T, b *Builder) {
			v.ran(b, "date > /x", RunOptions{Mounts: MountOptions{Volumes: []string{dir + ":/mnt"}}})
		}, "write to a directory of the host", false},
		"bind with rw": {func(_ *testing.T, b *Builder) {
			v.ran(b, "date > /x", RunOptions{Mounts: MountOptions{Mounts: []string{"type=bind,rw,dst=/mnt,src=" + dir}}})
		}, "write to a directory of the host", false},
		"link":             {func(_ *testing.T, b *Builder) { v.added(b, "/x", dir+"/f", func(o *AddOptions) { o.Link = true }) }, "--link", true},
		"without --layers": {func(_ *testing.T, b *Builder) { plainly(func() { v.ran(b, "date > /x", RunOptions{}) }) }, "without --layers", false},
		"asked for":        {func(t *testing.T, b *Builder) { t.Helper(); check(t, b.LeaveCache("asked for")) }, "asked for", false},
		"a foreign record": {func(t *testing.T, b *Builder) { v.edit(t, b, true) }, "another program", false},
		"no record of it":  {func(t *testing.T, b *Builder) { v.edit(t, b, false) }, "no chain", false},
		"failed command": {func(t *testing.T, b *Builder) {
			if _, err := v.sh(b, "echo half > /half; false", RunOptions{}); err == nil {
				t.Error("it should fail")
			}
		}, "changed by something that is no step", false},
		"two at a time": {func(t *testing.T, b *Builder) {
			release, ok, err := v.lockSteps(b.ID(), stepLock, 2)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			defer release()
			v.ran(b, "date > /x", RunOptions{})
		}, "same time", false},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := func() *Builder { b := v.start(); v.configure(b, "CASE="+name); return b }
			v.ran(fresh(), line, RunOptions{})
			b := fresh()
			tc.act(t, b)
			b = try(Open(v.Engine, b.ID()))(t)
			if n := v.hits(func() { v.ran(b, line, RunOptions{}) }); n != 0 {
				t.Error("it came from the cache")
			}
			if got := v.ended(b); !strings.Contains(got, tc.reason) {
				t.Errorf("the cache has ended for %q, want %q", got, tc.reason)
			}
			content := v.listing(b)
			if name == "link" { // what is linked is not seen in the container
				return
			}
			b = try(Open(v.Engine, b.ID()))(t)
			check(t, b.TakeUp(t.Context()))
			done := v.commit(b, "")
			if diff := cmp.Diff(content, v.listing(b)); diff != "" {
				t.Errorf("the commit has changed the container:\n%s", diff)
			}
			if diff := cmp.Diff(content, v.listing(v.from(done.ID))); diff != "" {
				t.Errorf("the image is not the container:\n%s", diff)
			}
			b = try(Open(v.Engine, b.ID()))(t)
			v.ran(b, line+"2", RunOptions{})
			if got := v.ended(b); (got == "") == tc.never {
				t.Errorf("after a commit: %q", got)
			}
		})
	}
}

func check(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// edit has another program change the record: one that keeps what it does not know,
// or one that drops it.
func (v *scripts) edit(t *testing.T, b *Builder, keeps bool) {
	t.Helper()
	file := v.recordPath(b.ID())
	record := decode[map[string]any](t, try(os.ReadFile(file))(t))
	record["annotations"] = map[string]string{"a": "b"}
	if !keeps {
		delete(record, "step-cache")
	}
	check(t, os.WriteFile(file, try(json.Marshal(record))(t), 0o600))
}

// TestStepTimes commits steps with a fixed time: two stores give the same image.
func TestStepTimes(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"f": "x"})
	made := func(o func(*CommitOptions)) (ids [2]string) {
		v := newScripts(t)
		v.t = t
		for i := range ids {
			b := v.busybox()
			v.ran(b, "echo a > /a; mkdir /d; touch -d @1 /d/old", RunOptions{AddHistory: true})
			v.added(b, "/b", dir+"/f")
			v.configure(b, "A=b")
			done := v.commit(b, "result", o)
			ids[i] = done.ID
			v.inside(v.from("result"), func(root string) {
				for _, name := range []string{"a", "b", "d", "d/old"} {
					if info := try(os.Lstat(filepath.Join(root, name)))(t); o != nil && info.ModTime().Unix() != fixedTime().Unix() {
						t.Errorf("%q has the time %v", name, info.ModTime())
					}
				}
			})
			for _, h := range done.State.Image.OCI.History[1:] {
				if !h.Created.Equal(fixedTime()) {
					t.Errorf("entry %+v", h)
				}
			}
		}
		v.check()
		return ids
	}
	fixed := func(o *CommitOptions) { at(o); o.Metadata.Identity = imageconfig.No }
	one, two := made(fixed), made(fixed)
	if one != two || one[0] != one[1] {
		t.Errorf("images %q and %q", one, two)
	}
}

// TestCommitOnSteps holds what a commit makes of a container with steps.
func TestCommitOnSteps(t *testing.T) {
	t.Parallel()
	v := newScripts(t)
	b := v.start()
	v.ran(b, "echo a > /a", RunOptions{})
	b.Record().CreatedBy, b.Record().HistoryComment = "me", "mine"
	check(t, b.Save())
	one := v.commit(b, "one").State.Image.OCI
	if h := one.History; len(h) != 2 || len(one.RootFS.DiffIDs) != 2 || h[1].CreatedBy != "me" || h[1].Comment != "mine" {
		t.Errorf("history %+v", h)
	}
	v.write(b, "hand", "x")
	two := v.commit(b, "two").State.Image.OCI
	if h := two.History; len(h) != 3 || len(two.RootFS.DiffIDs) != 3 || h[1].CreatedBy == "me" || h[2].CreatedBy != "me" {
		t.Errorf("with files by hand: history %+v", h)
	}
	fixed := v.commit(b, "three", at)
	v.inside(v.from("three"), func(root string) {
		for _, name := range []string{"a", "hand"} {
			if info := try(os.Lstat(filepath.Join(root, name)))(t); info.ModTime().Unix() != fixedTime().Unix() {
				t.Errorf("%q has the time %v", name, info.ModTime())
			}
		}
	})
	if n := len(fixed.State.Image.OCI.RootFS.DiffIDs); n != 3 {
		t.Errorf("with a fixed time: %d layers", n)
	}
	squashed := v.commit(b, "four", func(o *CommitOptions) { o.Squash = true })
	if h := squashed.State.Image.OCI; len(h.RootFS.DiffIDs) != 1 || len(h.History) != 1 {
		t.Errorf("squashed: %+v", h)
	}
	if diff := cmp.Diff(v.listing(b), v.listing(v.from("four"))); diff != "" {
		t.Errorf("squashed:\n%s", diff)
	}
	v.check()
}

// TestLostSteps removes what the cache names: the step is carried out again.
func TestLostSteps(t *testing.T) {
	t.Parallel()
	v := newScripts(t)
	script := func() *Builder { b := v.start(); v.ran(b, "date +%N > /built", RunOptions{}); return b }
	b := script()
	id := try(v.Store.Container(b.ID()))(t).ImageID
	check(t, b.Delete(t.Context()), v.Store.DeleteImage(id, true))
	if n := v.hits(func() { b = script() }); n != 0 || v.read(b, "built") == "missing" {
		t.Errorf("%d hits", n)
	}
	if n := v.hits(func() { script() }); n != 1 {
		t.Errorf("%d hits after that", n)
	}
}
