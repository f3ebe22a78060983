package contexts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pinned := "sha256:" + strings.Repeat("2", 64)
	write(t, dir, map[string]string{"layout/index.json": `{"manifests":[{"digest":"sha256:` + strings.Repeat("1", 64) + `"},{"digest":"` + pinned + `"}]}`})
	for text, want := range map[string]Named{
		"a=b":                       {Name: "a", Value: dir + "/b"},
		"a=/x=y":                    {Name: "a", Value: "/x=y"},
		"a=docker-image://alpine":   {Name: "a", Kind: Image, Value: "alpine"},
		"a=container-image://x/y:1": {Name: "a", Kind: Image, Value: "x/y:1"},
		"a=docker://x@sha256:0":     {Name: "a", Kind: Image, Value: "x@sha256:0"},
		"a=https://host/x.tar":      {Name: "a", Kind: Remote, Value: "https://host/x.tar"},
		"a=https://host/r.git#b:c":  {Name: "a", Kind: Remote, Value: "https://host/r.git#b:c"},
		"a=git@host:r":              {Name: "a", Kind: Remote, Value: "git@host:r"},
		"a::linux/arm64=b":          {Name: "a", Platform: "linux/arm64", Value: dir + "/b"},
		"a:1=docker-image://b":      {Name: "a:1", Kind: Image, Value: "b"},
		"a=oci-layout://layout":     {Name: "a", Kind: Image, Value: "oci:" + dir + "/layout"},
		"a=oci-layout:///l:tag":     {Name: "a", Kind: Image, Value: "oci:/l:tag"},
		"a=oci-layout://" + dir + "/layout:tag@" + pinned: {Name: "a", Kind: Image, Value: "oci:" + dir + "/layout:@1"},
	} {
		got, err := ParseNamed(text, dir)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"a": "accepts value in the form of key=value", "=b": "accepts value in the form of key=value", "": "accepts value in the form of key=value",
		"a=": `invalid build context path ""`, "a=docker-image://": `invalid build context image name ""`, "a=docker://": `invalid build context image name ""`,
		"a=https://": `invalid build context image URL ""`, "a=https://h/r.git?x=1": "not known", "a::=b": "NAME::PLATFORM", "::linux=b": "NAME::PLATFORM",
		"a=oci-layout://": `invalid build context path ""`, "a=oci-layout://layout@x": "digest", "a=oci-layout://none@" + pinned: "no such file",
		"a=oci-layout://layout@sha256:" + strings.Repeat("3", 64): "lists no image",
	} {
		if _, err := ParseNamed(text, dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// FuzzParseNamed holds that a context has a name and a value, and that paths are absolute.
func FuzzParseNamed(f *testing.F) {
	for _, seed := range []string{"a=b", "a::p=docker-image://x", "a=oci-layout://x:y@z", "a=https://h/r.git#b", "=", "a=http://"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseNamed(text, "/cwd")
		if err != nil {
			return
		}
		if n.Name == "" || n.Value == "" || n.Kind == Directory && !filepath.IsAbs(n.Value) {
			t.Errorf("%q gives %+v", text, n)
		}
	})
}

func TestOpenNamed(t *testing.T) {
	t.Parallel()
	dir, temp := t.TempDir(), t.TempDir()
	write(t, dir, map[string]string{"d/x": "x", "file": "f"})
	if err := os.WriteFile(filepath.Join(dir, "a.tar.gz"), archive(t, file("inside", "i")), 0o600); err != nil {
		t.Fatal(err)
	}
	url := serveDir(t, dir)
	for text, want := range map[string]string{
		"n=d": "x=x", "n=" + url + "/a.tar.gz": "inside=i", "n=" + url + "/file": "file=f", "n=file": "is not a directory",
		"n=gone": "no such file", "n=" + url + "/gone": "invalid response status 404",
	} {
		n, err := ParseNamed(text, dir)
		if err != nil {
			t.Fatal(err)
		}
		c, err := n.Open(t.Context(), Options{TempDir: temp})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			entries, _ := os.ReadDir(c.Dir)
			for _, e := range entries {
				data, _ := os.ReadFile(filepath.Join(c.Dir, e.Name()))
				got += e.Name() + "=" + string(data)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
