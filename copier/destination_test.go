package copier

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestDestinationRules(t *testing.T) {
	t.Parallel()
	needRoot(t)
	source := []string{"f", "g", "dir/a", "dir/sub/b", "lf -> f", "ld -> dir", "ldir/ln -> ../nowhere", "abs -> /dir/a"}
	for _, tc := range []struct {
		name    string
		have    []string
		workdir string
		dest    string
		sources []string
		o       CopyOptions
		want    []string
		fails   string
	}{
		{name: "file to a missing name", dest: "/x", sources: []string{"f"}, want: []string{"x: f"}},
		{name: "file below missing parents", dest: "/p/q/x", sources: []string{"f"}, want: []string{"p/", "p/q/", "p/q/x: f"}},
		{name: "file to a missing directory", dest: "/x/", sources: []string{"f"}, want: []string{"x/", "x/f"}},
		{name: "slash dot", dest: "/app/.", sources: []string{"f"}, want: []string{"app/", "app/f"}},
		{name: "empty is the working directory", workdir: "/w", dest: "", sources: []string{"f"}, want: []string{"w/", "w/f"}},
		{name: "named working directory", workdir: "/w/", dest: "/w", sources: []string{"f"}, want: []string{"w/", "w/f"}},
		{name: "relative", workdir: "/w", dest: "x", sources: []string{"f"}, want: []string{"w/", "w/x: f"}},
		{name: "file over a file", have: []string{"x"}, dest: "/x", sources: []string{"f"}, want: []string{"x: f"}},
		{name: "file into a directory", have: []string{"x/"}, dest: "/x", sources: []string{"f"}, want: []string{"x/", "x/f"}},
		{name: "file through a link to a directory", have: []string{"x/", "l -> /x"}, dest: "/l", sources: []string{"f"}, want: []string{"l -> /x", "x/", "x/f"}},
		{name: "file over a link to a file", have: []string{"x", "l -> x"}, dest: "/l", sources: []string{"f"}, want: []string{"l: f", "x"}},
		{name: "file through a dangling link", have: []string{"l -> /no/where"}, dest: "/l", sources: []string{"f"}, want: []string{"l -> /no/where", "no/", "no/where: f"}},
		{name: "directory through a dangling link", have: []string{"l -> /no/where"}, dest: "/l/", sources: []string{"f"}, want: []string{"l -> /no/where", "no/", "no/where/", "no/where/f"}},
		{name: "below a dangling link", have: []string{"l -> no"}, dest: "/l/m", sources: []string{"dir"}, want: []string{"l -> no", "no/", "no/m/", "no/m/a", "no/m/sub/", "no/m/sub/b"}},
		{name: "file over a link loop", have: []string{"l -> l"}, dest: "/l", sources: []string{"f"}, want: []string{"l: f"}},
		{name: "link out of the root", have: []string{"l -> ../../../x/"}, dest: "/l/", sources: []string{"f"}, want: []string{"l -> ../../../x/", "x/", "x/f"}},
		{name: "dots in the destination", dest: "../../x", workdir: "/w", sources: []string{"f"}, want: []string{"x: f"}},
		{name: "directory's content", dest: "/x", sources: []string{"dir"}, want: []string{"x/", "x/a", "x/sub/", "x/sub/b"}},
		{name: "several", dest: "/x", sources: []string{"f", "g"}, want: []string{"x/", "x/f", "x/g"}},
		{name: "pattern with several matches", dest: "/x", sources: []string{"[fg]"}, want: []string{"x/", "x/f", "x/g"}},
		{name: "pattern with one match", dest: "/x", sources: []string{"[f]"}, want: []string{"x: f"}},
		{name: "directory over a file", have: []string{"x"}, dest: "/x", sources: []string{"dir"}, fails: "already exists but is not a directory"},
		{name: "slash after a file", have: []string{"x"}, dest: "/x/", sources: []string{"f"}, fails: "already exists but is not a directory"},
		{name: "several over a file", have: []string{"x"}, dest: "/x", sources: []string{"f", "g"}, fails: "already exists but is not a directory"},
		{name: "nested file over directory", have: []string{"x/a/full"}, dest: "/x", sources: []string{"dir"}, want: []string{"x/", "x/a", "x/sub/", "x/sub/b"}},
		{name: "nested directory over file", have: []string{"x/sub"}, dest: "/x", sources: []string{"dir"}, want: []string{"x/", "x/a", "x/sub/", "x/sub/b"}},
		{name: "nested directory over link", have: []string{"x/sub -> /y", "y/"}, dest: "/x", sources: []string{"dir"}, want: []string{"x/", "x/a", "x/sub/", "x/sub/b", "y/"}},
		{name: "nested file over link", have: []string{"x/a -> /y", "y"}, dest: "/x", sources: []string{"dir"}, want: []string{"x/", "x/a", "x/sub/", "x/sub/b", "y"}},
		{name: "link to a file is followed", dest: "/x/", sources: []string{"lf"}, want: []string{"x/", "x/lf: f"}},
		{name: "absolute link is followed inside", dest: "/x", sources: []string{"abs"}, want: []string{"x: a"}},
		{name: "link to a directory is followed", dest: "/x", sources: []string{"ld"}, want: []string{"x/", "x/a", "x/sub/", "x/sub/b"}},
		{name: "link as a link", dest: "/x", sources: []string{"lf"}, o: CopyOptions{NoLinks: true}, want: []string{"x -> f"}},
		{name: "nested links stay", dest: "/x", sources: []string{"ldir"}, want: []string{"x/", "x/ln -> ../nowhere"}},
		{name: "named FIFO", dest: "/x/", sources: []string{"fifo"}, want: []string{"x/", "x/fifo p---------"}},
		{name: "parents", dest: "/p/", sources: []string{"dir/a", "dir/sub/b"}, o: CopyOptions{Parents: true}, want: []string{"p/", "p/dir/", "p/dir/a", "p/dir/sub/", "p/dir/sub/b"}},
		{name: "parents of a directory", dest: "/p", sources: []string{"dir/sub"}, o: CopyOptions{Parents: true}, want: []string{"p/", "p/dir/", "p/dir/sub/", "p/dir/sub/b"}},
		{name: "pivot", dest: "/p", sources: []string{"./dir/./sub/*"}, o: CopyOptions{Parents: true}, want: []string{"p/", "p/sub/", "p/sub/b"}},
		{name: "pivot at a directory", dest: "/p", sources: []string{"./dir/./sub/"}, o: CopyOptions{Parents: true}, want: []string{"p/", "p/sub/", "p/sub/b"}},
		{name: "second wins", dest: "/p/", sources: []string{"f", "dir/../f"}, want: []string{"p/", "p/f"}},
		{name: "missing", dest: "/x", sources: []string{"nope"}, fails: "no such file or directory"},
		{name: "no match", dest: "/x", sources: []string{"nope*"}, fails: "matched nothing"},
		{name: "one of two patterns matches", dest: "/x/", sources: []string{"nope*", "[f]"}, want: []string{"x/", "x/f"}},
		{name: "no match is allowed", dest: "/x/", sources: []string{"nope*"}, o: CopyOptions{AllowEmptyGlob: true}, want: nil},
		{name: "literal", dest: "/x/", sources: []string{"[fg]"}, o: CopyOptions{LiteralNames: true}, fails: "no such file or directory"},
		{name: "above the source", dest: "/x", sources: []string{"../f"}, fails: "possible escaping context directory error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			plant(t, filepath.Join(base, "src"), source...)
			if err := unix.Mkfifo(filepath.Join(base, "src/fifo"), 0o644); err != nil {
				t.Fatal(err)
			}
			plant(t, filepath.Join(base, "dst"), append(slices.Clone(tc.have), "./")...)
			src, dst := openRoot(t, filepath.Join(base, "src")), openRoot(t, filepath.Join(base, "dst"))
			_, err := Copy(t.Context(), Target{Root: dst, Path: tc.dest, Workdir: tc.workdir}, src, tc.sources, tc.o)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Fatalf("got %v, want %q", err, tc.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, harvest(t, dst.Path())); diff != "" {
				t.Error(diff)
			}
		})
	}
}
