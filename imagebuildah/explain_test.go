package imagebuildah

import (
	"testing"

	"github.com/projectatomic/buildah/internal/buildcache"
)

func TestNarrow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, now, at, a, b string }{
		"texts":          {"RUN a", "RUN b", "", "RUN a", "RUN b"},
		"one is no JSON": {`{"a":1}`, "b", "", `{"a":1}`, "b"},
		"a name":         {`{"A":"1","B":"2"}`, `{"A":"1","B":"3"}`, "B", "2", "3"},
		"a new name":     {`{"A":"1"}`, `{"A":"1","B":"3"}`, "B", "", "3"},
		"a lost name":    {`{"A":"1","B":"3"}`, `{"A":"1"}`, "B", "3", ""},
		"texts in order": {`{"Env":["A=1","B=2"]}`, `{"Env":["A=1","B=3","C=4"]}`, "Env", "B=2", "B=3"},
		"one text more":  {`{"Env":["A=1"]}`, `{"Env":["A=1","B=3"]}`, "Env", "", "B=3"},
		"objects inside": {`{"Labels":[{"Key":"B","Value":"1"}]}`, `{"Labels":[{"Key":"B","Value":"2"}]}`, "Labels.0.Value", "1", "2"},
		"another kind":   {`{"Cmd":null}`, `{"Cmd":["<a>"]}`, "Cmd", "", `["<a>"]`},
		"numbers":        {`{"a":{"b":1}}`, `{"a":{"b":2}}`, "a.b", "1", "2"},
	} {
		at, a, b := narrow(c.before, c.now)
		if at != c.at || a != c.a || b != c.b {
			t.Errorf("%s: at %q: %q and %q, want at %q: %q and %q", name, at, a, b, c.at, c.a, c.b)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	steps := []buildcache.Step{{Text: "a", Key: "0"}, {Text: "b", Key: "1"}, {Text: "a", Key: "2"}, {Text: "c", Key: "3"}}
	for _, c := range []struct {
		text string
		at   int
		want string
	}{{"a", 0, "0"}, {"a", 2, "2"}, {"a", 9, "2"}, {"b", 3, "1"}, {"new", 1, "1"}, {"new", 4, ""}} {
		got, ok := nearest(steps, c.text, c.at)
		if got.Key != c.want || ok != (c.want != "") {
			t.Errorf("%q at %d: %q, %v, want %q", c.text, c.at, got.Key, ok, c.want)
		}
	}
}

func TestFirstDifference(t *testing.T) {
	t.Parallel()
	var a, b buildcache.Key
	a.Add("x", "1")
	a.Add("y", "2")
	b.Add("x", "1")
	if _, _, found := firstDifference(a, a); found {
		t.Error("a key differs from itself")
	}
	b.Add("y", "3")
	if before, now, found := firstDifference(a, b); !found || before.Value != "2" || now.Value != "3" {
		t.Errorf("%v, %v, %v", before, now, found)
	}
	if before, now, found := firstDifference(a, a[:1]); !found || before.Name != "y" || now.Name != "" {
		t.Errorf("%v, %v, %v", before, now, found)
	}
}

// TestPrivate: no password gets into the cache.
func TestPrivate(t *testing.T) {
	t.Parallel()
	for text, kept := range map[string]bool{
		"RUN echo a@b": true, "ADD https://example.com/x /x": true, "ADD https://me:secret@example.com/x /x": false,
	} {
		if got := private(text); (got == text) != kept {
			t.Errorf("%q is kept as %q", text, got)
		}
	}
}
