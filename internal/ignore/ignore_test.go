package ignore

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/patternmatcher"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":                     {"", nil},
		"comment and blank lines":   {"# a\n\n  \n/\nx\n", []string{"x"}},
		"blanks before the sharp":   {" #a\n", []string{"#a"}},
		"carriage returns":          {"a\r\n!b\r\n", []string{"a", "!b"}},
		"slashes at both ends":      {"/a/b/\n", []string{"a/b"}},
		"not clean":                 {"a/./b/../c\n", []string{"a/c"}},
		"exception with a slash":    {"! /a/b\n", []string{"!a/b"}},
		"byte order mark":           {"\xef\xbb\xbfa\n", []string{"a"}},
		"no line end at the finish": {"a\nb", []string{"a", "b"}},
	} {
		got, err := Parse(strings.NewReader(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, err := Parse(strings.NewReader("!\n")); err == nil || !strings.Contains(err.Error(), `illegal exclusion pattern: "!"`) {
		t.Errorf("a lone exception mark: %v", err)
	}
}

func TestExcluded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		patterns string
		out, in  []string // paths; those with a slash at the end are directories
	}{
		"the directory of an exception is a wildcard": {
			"*\ntest*\n!test2*\nsubdir\n!*/sub1*", []string{"test1.txt", "subdir/"}, []string{"test2.txt"},
		},
		"everything below": {"dir/*", []string{"dir/a", "dir/a/b/c"}, []string{"dir/", "other"}},
		"exception below":  {"dir/*\n!dir/usr/bin/*", []string{"dir/lib/", "dir/usr/lib"}, []string{"dir/usr/bin/x"}},
		"double star":      {"**/*.o", []string{"a.o", "a/b/c.o"}, []string{"a.c", "o"}},
		"question mark":    {"a?c", []string{"abc"}, []string{"a/c", "ac"}},
		"dots are dots":    {"a.c", []string{"a.c"}, []string{"abc"}},
		"the root stays":   {"*", []string{"a"}, []string{"."}},
		"last word counts": {"!a\na", []string{"a"}, nil},
	} {
		patterns, err := Parse(strings.NewReader(c.patterns))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m, err := New(patterns)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range c.out {
			if out, _ := m.Excluded(strings.TrimSuffix(p, "/"), strings.HasSuffix(p, "/")); !out {
				t.Errorf("%s: %q is taken", name, p)
			}
		}
		for _, p := range c.in {
			if out, _ := m.Excluded(strings.TrimSuffix(p, "/"), strings.HasSuffix(p, "/")); out {
				t.Errorf("%s: %q is left out", name, p)
			}
		}
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	m, err := New([]string{"dir", "!dir/keep", "other", "!*/x"})
	if err != nil {
		t.Fatal(err)
	}
	if out, prune := m.Excluded("dir", true); !out || prune {
		t.Errorf("a directory with an exception below: %v %v", out, prune)
	}
	if out, prune := m.Excluded("other", true); !out || !prune {
		t.Errorf("a directory without an exception below: %v %v", out, prune)
	}
	if out, prune := m.Excluded("dir", false); !out || prune {
		t.Errorf("a file is never pruned: %v %v", out, prune)
	}
}

func TestExclude(t *testing.T) {
	t.Parallel()
	got, err := Exclude([]string{"*.txt", "!keep.txt"}, []string{"/src/", "."})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"*.txt", "src/*.txt", "!keep.txt", "!src/keep.txt"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBadPattern(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"[", "a[b", "[]a]"} {
		if _, err := New([]string{p}); err == nil {
			t.Errorf("%q is accepted", p)
		}
	}
}

// FuzzMatch holds that the chain of parents gives what asking from the root gives.
func FuzzMatch(f *testing.F) {
	f.Add("*\n!a/b\n", "a/b/c", "a/d")
	f.Add("**/x\n!y/**\n", "y/x/z", "y/x")
	f.Fuzz(func(t *testing.T, text, one, two string) {
		patterns, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		m, err := New(patterns)
		if err != nil {
			return
		}
		fresh, err := patternmatcher.New(patterns)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{one, two, one} {
			if p == "" || strings.Contains("/"+p+"/", "//") || strings.Contains("/"+p+"/", "/./") || strings.Contains("/"+p+"/", "/../") {
				return
			}
			got, _ := m.Excluded(p, false)
			want, err := fresh.MatchesOrParentMatches(p)
			if err == nil && got != want {
				t.Errorf("%q with %q: %v, want %v", p, patterns, got, want)
			}
		}
	})
}
