package builder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/copier"
)

func TestParseSubscriptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     []subscription
		err      string
	}{
		{name: "empty"},
		{name: "only lines with a slash count", in: "# /a:/b\n\nrelative\n /a:/b \n", want: []subscription{{"/a", "/b"}}},
		{name: "one path is both", in: "/a/../b", want: []subscription{{"/b", "/b"}}},
		{name: "relative target", in: "/a:b", err: "absolute"},
		{name: "root as target", in: "/a:/x/..", err: "absolute"},
		{name: "options", in: "/a:/b:ro", err: "absolute"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseSubscriptions(tt.in)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error is %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(subscription{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCopySubscription(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	owner := copier.Owner{UID: os.Getuid(), GID: os.Getgid()}
	write := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(src, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(src, "d"), 0o750); err != nil {
		t.Fatal(err)
	}
	write("key", 0o600)
	write("d/cert", 0o644)
	if err := os.Symlink("../key", filepath.Join(src, "d/link")); err != nil {
		t.Fatal(err)
	}
	if err := copySubscription(src, dst, owner, nil); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{"key", "d", "d/cert", "d/link"} {
		info, err := os.Lstat(filepath.Join(dst, name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = info.Mode().String()
	}
	want := map[string]string{"key": "-rw-------", "d": "drwxr-x---", "d/cert": "-rw-r--r--", "d/link": "-rw-------"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := os.Symlink("..", filepath.Join(src, "d/up")); err != nil {
		t.Fatal(err)
	}
	err := copySubscription(src, dst+"2", owner, nil)
	if err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("a circle gives %v", err)
	}
}
