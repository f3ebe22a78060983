package contexts

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIsGit(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"git://host/r": true, "ssh://git@host/r": true, "git@host:o/r.git": true, "https://host/r.git#main:dir": true,
		"https://host/r.git?ref=x": true, "https://host/x.tar": false, "https://host/x?y=r.git": false, "./r.git": false,
		"git@host": false, "git@:x": false, "host:o/r.git": false, "git@dir/name:x": false, "": false,
	} {
		if IsGit(name) != want {
			t.Errorf("%q: %v, want %v", name, !want, want)
		}
	}
}

const full = "0123456789abcdef0123456789abcdef01234567"

func TestParseGit(t *testing.T) {
	t.Parallel()
	const r = "https://host/r.git"
	for text, want := range map[string]GitURL{
		r:                                   {Remote: r},
		r + "#main":                         {Remote: r, Ref: "main"},
		r + "#:sub/./dir":                   {Remote: r, Subdir: "sub/dir"},
		r + "#v1:../../etc":                 {Remote: r, Ref: "v1", Subdir: "etc"},
		r + "#a%2Fb:my%20dir":               {Remote: r, Ref: "a/b", Subdir: "my dir"},
		r + "?ref=x&subdir=d":               {Remote: r, Ref: "x", Subdir: "d"},
		r + "?tag=v1":                       {Remote: r, Ref: "refs/tags/v1"},
		r + "?branch=b#:d":                  {Remote: r, Ref: "refs/heads/b", Subdir: "d"},
		r + "?checksum=0123ABCD":            {Remote: r, Checksum: "0123abcd"},
		r + "?commit=" + full + "&ref=main": {Remote: r, Ref: "main", Checksum: full},
		r + "?keep-git-dir=false":           {Remote: r, KeepGitDir: No},
		r + "?keep-git-dir&submodules=0":    {Remote: r, KeepGitDir: Yes, Submodules: No},
		r + "?mtime=commit":                 {Remote: r, CommitTime: true},
		r + "?mtime=checkout":               {Remote: r},
		"git@host:o/r#b:d":                  {Remote: "git@host:o/r", Ref: "b", Subdir: "d"},
		"ssh://git@host:22/o/r?ref=x":       {Remote: "ssh://git@host:22/o/r", Ref: "x"},
		r + "?fetch-by-commit=1&branch=b&checksum=" + full: {Remote: r, Ref: "refs/heads/b", Checksum: full, ByCommit: true},
	} {
		got, err := ParseGit(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestParseGitRefuses(t *testing.T) {
	t.Parallel()
	const r = "https://host/r.git"
	for text, want := range map[string]string{
		r + "?tag=a&branch=b":                  "name the reference",
		r + "?ref=a#b":                         "name the reference",
		r + "?subdir=a#:b":                     "name the subdirectory",
		r + "?checksum=0123&commit=0123":       "name the commit",
		r + "?ref=a&ref=b":                     "given 2 times",
		r + "?what=1":                          "the key is not known",
		r + "?ref=":                            "is empty",
		r + "?mtime=never":                     "checkout or commit",
		r + "?submodules=maybe":                "true or false",
		r + "?checksum=sha256:01":              "no ID of a commit",
		r + "?checksum=xyz":                    "no ID of a commit",
		r + "?fetch-by-commit=1":               "whole ID",
		r + "?fetch-by-commit=1&checksum=0123": "whole ID",
		r + "#--upload-pack=x":                 "no name of a commit",
		r + "#+main":                           "no name of a commit",
		r + "?ref=a:b":                         "no name of a commit",
		r + "?ref=a%20b":                       "no name of a commit",
		r + "#%zz":                             "fragment",
		"git@-oProxyCommand=x:r":               "not of the form",
		"ssh://-oProxyCommand=x/r":             "no host",
		"ssh://-x@host/r":                      "no user",
		"git:///r":                             "no host",
		"git://host":                           "no repository",
		"git://host/r\n":                       "control character",
		"https://me:secret@ho st/r.git":        "not a URL",
		"https://me:secret@host/r.git?ref=%zz": "query",
		"https://me:secret@host/r.git#main?branch=main": "no name of a commit",
	} {
		_, err := ParseGit(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestRequireCommit joins a checksum of the address with one from elsewhere.
func TestRequireCommit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ have, more, want string }{
		{"", "0123", "0123"},
		{"0123", "012345", "012345"},
		{full, "0123", full},
		{"0123", "", "0123"},
		{"0123", "4567", "error"},
		{"", "sha256:00", "error"},
		{"", "012", "error"},
	} {
		g := GitURL{Checksum: c.have}
		got := "error"
		if err := g.RequireCommit(c.more); err == nil {
			got = g.Checksum
		}
		if got != c.want {
			t.Errorf("%q and %q: %q, want %q", c.have, c.more, got, c.want)
		}
	}
}

// FuzzParseGit holds that nothing git could take for a flag or for several
// references comes out.
func FuzzParseGit(f *testing.F) {
	for _, seed := range []string{
		"https://host/r.git#main:dir", "git@host:r?tag=v1", "ssh://u:p@h:22/r?commit=0123#:..", "git://h/r?keep-git-dir&mtime=commit#%2e",
		"https://host/r.git?ref=a&fetch-by-commit=1&checksum=" + full,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGit(text)
		if err != nil || !IsGit(text) {
			return
		}
		for _, word := range []string{g.Remote, g.want()} {
			if word == "" || word[0] == '-' || word[0] == '+' || strings.ContainsAny(word, "\x00\n") {
				t.Errorf("%q gives %q", text, word)
			}
		}
		if strings.ContainsAny(g.want(), " :*") {
			t.Errorf("%q gives the reference %q", text, g.want())
		}
		if g.Subdir != "" && (path.IsAbs(g.Subdir) || g.Subdir == ".." || strings.HasPrefix(g.Subdir, "../")) {
			t.Errorf("%q gives the directory %q", text, g.Subdir)
		}
	})
}
