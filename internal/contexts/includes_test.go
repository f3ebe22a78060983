package contexts

import (
	"archive/tar"
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMakeWords(t *testing.T) {
	t.Parallel()
	got := makeWords("x: /usr/a.h b\\ c \\\n d$$e f\\#g\n")
	if diff := cmp.Diff([]string{"/usr/a.h", "b c", "d$e", "f#g"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestIncludesOfStrangers holds that a context that was fetched includes only its own files.
func TestIncludesOfStrangers(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("cpp"); err != nil {
		t.Skip("cpp is not installed")
	}
	link := tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/etc/hostname"}
	for text, want := range map[string]string{
		"#include \"own\"\n":                        "FROM own",
		"#include \"link\"\n":                       "is outside of the build context",
		"#include \"/etc/hostname\"\n":              "is outside of the build context",
		"#include \"/etc/hostname\"\n#error stop\n": "is outside of the build context",
	} {
		data := archive(t, file("Dockerfile.in", text), file("own", "FROM own\n"), link)
		o := Options{Stdin: bytes.NewReader(data), TempDir: t.TempDir()}
		c, err := Open(t.Context(), "-", o)
		if err != nil {
			t.Fatal(err)
		}
		got := names(t, c, o, "Dockerfile.in")
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
