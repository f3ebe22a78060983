package builder

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/internal/testenv"
)

// outcome is what a removal did, in nicknames.
type outcome struct {
	untagged, deleted, left string
	containers              int
}

func (v *env) outcome(ids map[string]string, r Removed) outcome {
	v.t.Helper()
	slices.Sort(r.Untagged)
	o := outcome{deleted: nicknames(ids, r.Deleted), containers: v.counts()[1]}
	for _, name := range r.Untagged {
		o.untagged += name + " "
	}
	for word, id := range ids {
		if _, err := v.Store.Image(id); err != nil {
			delete(ids, word)
		}
	}
	var left []string
	for _, id := range ids {
		left = append(left, id)
	}
	o.left = nicknames(ids, left)
	return o
}

// TestRemoveImages holds what rmi does, on a fresh gallery each time (spec commands.md 3.20).
func TestRemoveImages(t *testing.T) {
	t.Parallel()
	const all = "lonely middle old top twice"
	for name, c := range map[string]struct {
		names []string // "@x" is the ID of x
		o     RemoveOptions
		fails bool
		is    error
		want  outcome
	}{
		"one of two names": {names: []string{"twice:1"}, want: outcome{"localhost/twice:1 ", "", all, 1}},
		"both names":       {names: []string{"twice:1", "second"}, want: outcome{"localhost/second:latest localhost/twice:1 ", "twice", "lonely middle old top", 1}},
		"ID two names":     {names: []string{"@twice"}, fails: true, want: outcome{"", "", all, 1}},
		"ID by force":      {names: []string{"@twice"}, o: RemoveOptions{Force: true}, want: outcome{"localhost/second:latest localhost/twice:1 ", "twice", "lonely middle old top", 1}},
		"short ID":         {names: []string{"@lonely"}, want: outcome{"", "lonely", "middle old top twice", 1}},
		"used":             {names: []string{"top"}, fails: true, is: ErrInUse, want: outcome{"", "", all, 1}},
		"used by force":    {names: []string{"top"}, o: RemoveOptions{Force: true}, want: outcome{"localhost/top:latest ", "middle top", "lonely old twice", 0}},
		"a named parent":   {names: []string{"old"}, want: outcome{"localhost/old:latest ", "", all, 1}},
		"unnamed parent":   {names: []string{"@middle"}, fails: true, want: outcome{"", "", all, 1}},
		"unknown others":   {names: []string{"localhost/none:1", "@lonely"}, fails: true, is: ErrImageUnknown, want: outcome{"", "lonely", "middle old top twice", 1}},
		"dangling":         {o: RemoveOptions{Prune: true}, want: outcome{"", "lonely", "middle old top twice", 1}},
		"all":              {o: RemoveOptions{All: true}, fails: true, is: ErrInUse, want: outcome{"localhost/old:latest localhost/second:latest localhost/twice:1 ", "lonely middle old twice", "top", 1}},
		"all by force": {o: RemoveOptions{All: true, Force: true}, want: outcome{
			"localhost/old:latest localhost/second:latest localhost/top:latest localhost/twice:1 ", all, "", 0,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newEnv(t, "overlay")
			ids := v.gallery()
			var names []string
			for _, text := range c.names {
				if text[0] == '@' {
					text = ids[text[1:]][:16]
				}
				names = append(names, text)
			}
			removed, err := v.RemoveImages(t.Context(), names, c.o)
			if (err != nil) != c.fails || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got the error %v", err)
			}
			if diff := cmp.Diff(c.want, v.outcome(ids, removed), cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			v.check()
		})
	}
}

// TestPrune holds what prune does (spec commands.md 3.15).
func TestPrune(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    PruneOptions
		want outcome
	}{
		"dangling": {PruneOptions{}, outcome{"", "lonely", "middle old top twice", 1}},
		"all":      {PruneOptions{All: true}, outcome{"localhost/old:latest localhost/second:latest localhost/twice:1 ", "lonely middle old twice", "top", 1}},
		"all by force": {PruneOptions{All: true, Force: true}, outcome{
			"localhost/old:latest localhost/second:latest localhost/top:latest localhost/twice:1 ", "lonely middle old top twice", "", 0,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newEnv(t, "overlay")
			ids := v.gallery()
			removed, err := v.Prune(t.Context(), c.o)
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(c.want, v.outcome(ids, removed), cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := v.Prune(t.Context(), c.o)
			if len(again.Deleted) != 0 || err != nil {
				t.Errorf("a second time: %+v, %v", again, err)
			}
			v.check()
		})
	}
}

// TestPruneMounted removes, by force, what a mounted container stands on.
func TestPruneMounted(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	v.image("base", smallFiles())
	b := v.from("base")
	at := t.TempDir()
	if err := b.MountAt(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Prune(t.Context(), PruneOptions{All: true, Force: true}); err != nil {
		t.Fatal(err)
	}
	if got := v.counts(); got != [3]int{0, 0, 0} || isMounted(t, at) {
		t.Errorf("left: images, containers, layers %v; mounted %v", got, isMounted(t, at))
	}
}

// TestRemoveSiblings removes images that share their layers.
func TestRemoveSiblings(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	v.image("base", testenv.Files{"f": "x"})
	st := try(v.Base(t.Context(), "base", BaseOptions{Pull: never()}))(t)
	st.Image.SetUser("u")
	child := try(v.CommitState(t.Context(), st, "child", CommitOptions{Pending: []History{{CreatedBy: "USER u"}}}))(t)
	list := try(v.ListImages(t.Context(), ListOptions{Kin: true, Filters: []string{"reference=base"}}))(t)
	if len(list) != 1 || list[0].Children != 1 || list[0].TopLayer != child.State.TopLayer {
		t.Errorf("the parent: %+v", list)
	}
	if _, err := v.RemoveImages(t.Context(), []string{"base"}, RemoveOptions{}); err != nil {
		t.Error(err)
	}
	removed := try(v.RemoveImages(t.Context(), []string{"child"}, RemoveOptions{}))(t)
	if len(removed.Deleted) != 2 || v.counts() != [3]int{0, 0, 0} {
		t.Errorf("removed %+v, left %v", removed, v.counts())
	}
}
