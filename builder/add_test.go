package builder

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/testenv"
)

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestCombine holds how the digests of several items become one.
func TestCombine(t *testing.T) {
	t.Parallel()
	file, dir, url := copier.Result{Digest: "a", Kind: "file", Files: 1, Bytes: 2}, copier.Result{Digest: "b", Kind: "dir", Files: 3, Bytes: 4}, copier.Result{Digest: "c", Files: 1}
	for _, c := range []struct {
		items []copier.Result
		want  Added
		text  string
	}{
		{nil, Added{}, ""},
		{[]copier.Result{{}}, Added{}, ""},
		{[]copier.Result{file}, Added{Kind: "file", Digest: "a", Files: 1, Bytes: 2}, "file:a"},
		{[]copier.Result{url}, Added{Digest: "c", Files: 1}, "c"},
		{[]copier.Result{file, dir}, Added{Kind: "multi", Digest: hash("file:a,dir:b"), Files: 4, Bytes: 6}, "multi:" + hash("file:a,dir:b")},
		{[]copier.Result{url, {}, dir}, Added{Kind: "multi", Digest: hash("c,dir:b"), Files: 4, Bytes: 4}, "multi:" + hash("c,dir:b")},
	} {
		got := combine(c.items)
		if diff := cmp.Diff(c.want, got); diff != "" || got.Summary() != c.text {
			t.Errorf("%v: summary %q, want %q\n%s", c.items, got.Summary(), c.text, diff)
		}
	}
}

func TestOwnerOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"7": "7:7", "u": "u", "7:8": "7:8", "u:g": "u:g", "-1": "-1"} {
		if got := ownerOf(text); got != want {
			t.Errorf("ownerOf(%q) = %q, want %q", text, got, want)
		}
	}
}

// look describes a file: "uid:gid mode".
func look(t testing.TB, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		return "missing"
	}
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d %o", st.Uid, st.Gid, st.Mode&0o7777)
}

// TestAddOwner holds the rules of owners and modes, for each kind of source.
func TestAddOwner(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	v.image("base", smallFiles())
	b := v.from("base")
	other := v.from("base", named("other"))
	v.inside(other, func(root string) {
		if err := os.Chown(root+"/d/f", 11, 12); err != nil {
			t.Fatal(err)
		}
	})
	dir := tree(t, map[string]string{"f": "x", "sub/g": "y"})
	if err := os.Chown(dir+"/f", 5, 6); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir+"/f", 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	context := Source{ContextDir: dir}
	for name, c := range map[string]struct {
		source string
		o      AddOptions
		want   string // of the file, then of a directory made for it
	}{
		"default":        {"f", AddOptions{Source: context}, "0:0 4755, 0:0 755"},
		"no set-id":      {"f", AddOptions{Source: context, Ownership: Ownership{StripSetID: true}}, "0:0 755, 0:0 755"},
		"chown name":     {"f", AddOptions{Source: context, Ownership: Ownership{Chown: "u"}}, "7:8 4755, 7:8 755"},
		"chown group":    {"f", AddOptions{Source: context, Ownership: Ownership{Chown: "u:g"}}, "7:9 4755, 7:9 755"},
		"chown number":   {"f", AddOptions{Source: context, Ownership: Ownership{Chown: "42"}}, "42:42 4755, 42:42 755"},
		"chown numbers":  {"f", AddOptions{Source: context, Ownership: Ownership{Chown: "42:1"}}, "42:1 4755, 42:1 755"},
		"chmod":          {"f", AddOptions{Source: context, Ownership: Ownership{Chmod: "0600"}}, "0:0 600, 0:0 755"},
		"host":           {dir + "/f", AddOptions{}, "0:0 4755, 0:0 755"},
		"host, relative": {"sub/../f", AddOptions{Source: Source{Cwd: dir}}, "0:0 4755, 0:0 755"},
		"container":      {"/d/f", AddOptions{Source: Source{From: "other"}}, "11:12 644, 0:0 755"},
		"image":          {"d/f", AddOptions{Source: Source{From: "base"}, Ownership: Ownership{Chown: "1"}}, "1:1 644, 1:1 755"},
		"keep":           {"f", AddOptions{Source: Source{ContextDir: dir, KeepOwner: true}}, "5:6 4755, 0:0 755"},
		"document":       {"", AddOptions{Inline: []copier.StreamFile{{Name: "x", Content: strings.NewReader("x")}}, Ownership: Ownership{Chown: "u", Chmod: "700"}}, "7:8 700, 7:8 755"},
	} {
		t.Run(name, func(t *testing.T) {
			var sources []string
			if c.source != "" {
				sources = []string{c.source}
			}
			at := strings.ReplaceAll(name, " ", "-")
			added := try(b.Add(t.Context(), "/new/"+at+"/dir/f", sources, c.o))(t)
			if added.Files != 1 || added.Kind != "file" && c.source != "" {
				t.Errorf("got %+v", added)
			}
			v.inside(b, func(root string) {
				got := look(t, root+"/new/"+at+"/dir/f") + ", " + look(t, root+"/new/"+at+"/dir")
				if got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
	if got := v.counts(); got[1] != 2 {
		t.Errorf("%d containers are left, want 2", got[1])
	}
}

// TestAddPlaces holds where things end up, what counts as one item, and the history.
func TestAddPlaces(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	v.image("base", smallFiles())
	b := v.from("base")
	b.Image().SetWorkDir("/work")
	dir := tree(t, map[string]string{"a": "1", "b": "2", "sub/c": "3"})
	add := func(dest string, o AddOptions, sources ...string) Added {
		o.Source.ContextDir = dir
		return try(b.Add(t.Context(), dest, sources, o))(t)
	}
	one := add("", AddOptions{}, "a")
	two := add("two", AddOptions{}, "a", "b") // several sources: a directory, without a slash too
	sub := add("/sub", AddOptions{AddHistory: true}, "sub")
	stamp := time.Unix(1000, 0)
	add("/stamped", AddOptions{Timestamp: &stamp}, "b")
	mixed := add("/mixed/", AddOptions{Inline: []copier.StreamFile{{Name: "doc", Content: strings.NewReader("d")}}}, "a")
	for name, want := range map[string]string{
		"work/a": "1", "work/two/a": "1", "work/two/b": "2", "sub/c": "3", "stamped": "2", "mixed/doc": "d", "mixed/a": "1",
	} {
		if got := v.read(b, name); got != want {
			t.Errorf("%q holds %q, want %q", name, got, want)
		}
	}
	v.inside(b, func(root string) {
		if info := try(os.Stat(filepath.Join(root, "stamped")))(t); !info.ModTime().Equal(stamp) {
			t.Errorf("time of what was stamped: %v", info.ModTime())
		}
	})
	kinds := []string{one.Kind, two.Kind, sub.Kind, mixed.Kind}
	if diff := cmp.Diff([]string{"file", "multi", "dir", "multi"}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	// The same content gives the same digest, whatever the times.
	if again := add("/again", AddOptions{Timestamp: &stamp}, "a"); again.Digest != one.Digest {
		t.Errorf("the same file has the digests %q and %q", one.Digest, again.Digest)
	}
	saved := try(Open(v.Engine, b.ID()))(t).Record().PrependedEmptyLayers
	if len(saved) != 1 || saved[0].CreatedBy != "/bin/sh -c #(nop) COPY "+sub.Summary() || !saved[0].EmptyLayer {
		t.Errorf("the history in the record: %+v", saved)
	}
}

// TestAddArchive unpacks archives for `add`, and copies them for `copy`.
func TestAddArchive(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	b := v.from(Scratch)
	archive := string(testenv.Tar(t, testenv.Files{"in/side": "x"}))
	dir := tree(t, map[string]string{"some.data": archive})
	o := AddOptions{Source: Source{ContextDir: dir}}
	_ = try(b.Add(t.Context(), "/copied", []string{"some.data"}, o))(t)
	o.Extract = true
	_ = try(b.Add(t.Context(), "/added", []string{"some.data"}, o))(t)
	if v.read(b, "copied") != archive || v.read(b, "added/in/side") != "x" {
		t.Error("want the archive copied as it is, and unpacked by add")
	}
}

// TestAddRefused checks that what cannot be added changes nothing.
func TestAddRefused(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	v.image("base", smallFiles())
	b := v.from("base")
	dir := tree(t, map[string]string{"a": "1", "sub/c": "3"})
	if err := os.Symlink("/etc/passwd", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	before := string(try(os.ReadFile(v.recordPath(b.ID())))(t))
	context := Source{ContextDir: dir}
	for name, c := range map[string]struct {
		sources []string
		o       AddOptions
		want    string
	}{
		"nothing":         {nil, AddOptions{}, "no source"},
		"missing":         {[]string{"nope"}, AddOptions{Source: context}, "nope"},
		"empty pattern":   {[]string{"n*"}, AddOptions{Source: context}, "n*"},
		"out of context":  {[]string{"../../etc/passwd"}, AddOptions{Source: context}, "passwd"},
		"link out of it":  {[]string{"link"}, AddOptions{Source: context}, ""},
		"unknown user":    {[]string{"a"}, AddOptions{Source: context, Ownership: Ownership{Chown: "nobody-here"}}, "nobody-here"},
		"bad mode":        {[]string{"a"}, AddOptions{Source: context, Ownership: Ownership{Chmod: "u+x8"}}, "u+x8"},
		"local checksum":  {[]string{"a"}, AddOptions{Source: context, Checksum: "sha256:" + strings.Repeat("0", 64)}, "checksum"},
		"bad checksum":    {[]string{"http://127.0.0.1:1/x"}, AddOptions{Checksum: "sha256:1"}, "sha256:1"},
		"URL for COPY":    {[]string{"http://127.0.0.1:1/x"}, AddOptions{Source: context}, "URL"},
		"unknown from":    {[]string{"a"}, AddOptions{Source: Source{From: "localhost/no-such:1", Base: BaseOptions{Pull: never()}}}, "no-such"},
		"missing in from": {[]string{"a"}, AddOptions{Source: Source{From: "base"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.AddHistory = true
			_, err := b.Add(t.Context(), "/to", c.sources, c.o)
			wantError(t, err, c.want)
			if got := v.read(b, "to"); got != "missing" {
				t.Errorf("something was added: %q", got)
			}
		})
	}
	if got := string(try(os.ReadFile(v.recordPath(b.ID())))(t)); got != before {
		t.Errorf("the record was changed:\n%s\n%s", before, got)
	}
	if got := v.counts(); got[1] != 1 || try(b.Mounted())(t) != "" {
		t.Errorf("%d containers are left, want 1, not mounted", got[1])
	}
	// A pattern may be allowed to match nothing.
	added := try(b.Add(t.Context(), "/to", []string{"n*"}, AddOptions{Source: context, Selection: Selection{AllowEmptyGlob: true}, AddHistory: true}))(t)
	if added.Digest != "" || len(b.Record().PrependedEmptyLayers) != 0 {
		t.Errorf("nothing was added, but got %+v", added)
	}
}

// TestEnsureDir makes directories for an owner, and says whether it did.
func TestEnsureDir(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	v.image("base", smallFiles())
	b := v.from("base")
	for _, c := range []struct {
		path, owner string
		created     bool
		want        string
	}{
		{"/new/deep", "u", true, "7:8 755"},
		{"/new/deep", "0", false, "7:8 755"},
		{"/num", "3", true, "3:3 755"},
		{"/etc", "u", false, "0:0 755"},
		{"/unknown", "ghost", true, "0:0 755"},
		{"/group", "u:g", true, "7:9 755"},
	} {
		created := try(b.EnsureDir(t.Context(), c.path, c.owner))(t)
		v.inside(b, func(root string) {
			if got := look(t, root+c.path); got != c.want || created != c.created {
				t.Errorf("%q for %q: created %v, looks %q; want %v, %q", c.path, c.owner, created, got, c.created, c.want)
			}
		})
	}
	if _, err := b.EnsureDir(t.Context(), "/d/f", "0"); err == nil {
		t.Error("a file in the way was no error")
	}
}
