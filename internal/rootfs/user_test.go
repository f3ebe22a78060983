package rootfs

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/copier"
)

// newRoot makes a root with these files; a name that ends with a slash is a directory,
// and a content that begins with "-> " makes a link.
func newRoot(t *testing.T, files map[string]string) *copier.Root {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, files)
	return openRoot(t, dir)
}

func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		target, link := strings.CutPrefix(content, "-> ")
		switch {
		case err != nil:
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(file, 0o755)
		case link:
			err = os.Symlink(target, file)
		default:
			err = os.WriteFile(file, []byte(content), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func openRoot(t *testing.T, dir string) *copier.Root {
	t.Helper()
	root, err := copier.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

const passwd = `root:x:0:0:root:/root:/bin/sh
# a comment
broken line
short:x:5:5
nan:x:abc:5::/:/bin/sh
huge:x:4294967296:5::/:/bin/sh
ann:x:1000:100:Ann:/home/ann:/bin/sh
bob:x:1001:1001::relative:
`

const group = `root:x:0:
wheel:x:10:root,joann,ann
users:x:100:ann
broken
joann-only:x:11:joann
last:x:12:bob,ann`

func TestResolveUser(t *testing.T) {
	t.Parallel()
	root := newRoot(t, map[string]string{"etc/passwd": passwd, "etc/group": group})
	tests := []struct {
		spec string
		want User
		err  string
	}{
		{spec: "", want: User{Groups: []uint32{0, 10}, Home: "/root", Name: "root"}},
		{spec: "root", want: User{Groups: []uint32{0, 10}, Home: "/root", Name: "root"}},
		{spec: "ann", want: User{UID: 1000, GID: 100, Groups: []uint32{100, 10, 12}, Home: "/home/ann", Name: "ann"}},
		{spec: "1000", want: User{UID: 1000, GID: 100, Groups: []uint32{100, 10, 12}, Home: "/home/ann", Name: "ann"}},
		{spec: "ann:wheel", want: User{UID: 1000, GID: 10, Home: "/home/ann", Name: "ann"}},
		{spec: "ann:77", want: User{UID: 1000, GID: 77, Home: "/home/ann", Name: "ann"}},
		{spec: "ann:", want: User{UID: 1000, GID: 100, Home: "/home/ann", Name: "ann"}},
		{spec: "77", want: User{UID: 77, Groups: []uint32{0}, Home: "/"}},
		{spec: "77:88", want: User{UID: 77, GID: 88, Home: "/"}},
		{spec: "bob", want: User{UID: 1001, GID: 1001, Groups: []uint32{1001, 12}, Home: "/", Name: "bob"}},
		{spec: "4294967295", want: User{UID: 4294967295, Groups: []uint32{0}, Home: "/"}},
		{spec: "short", err: `"short" is not in the container's /etc/passwd`},
		{spec: "nan", err: "/etc/passwd"},
		{spec: "4294967296", err: "/etc/passwd"},
		{spec: "ann:nobody", err: `"nobody" is not in the container's /etc/group`},
		{spec: "-1", err: "/etc/passwd"},
	}
	for _, tt := range tests {
		t.Run(tt.spec, func(t *testing.T) {
			t.Parallel()
			got, err := ResolveUser(root, tt.spec)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error is %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveUserOddFiles(t *testing.T) {
	t.Parallel()
	t.Run("without files numbers work", func(t *testing.T) {
		t.Parallel()
		root := newRoot(t, nil)
		u, err := ResolveUser(root, "5:6")
		if err != nil || u.UID != 5 || u.GID != 6 {
			t.Fatalf("%+v, %v", u, err)
		}
		if _, err := ResolveUser(root, "root"); err == nil {
			t.Fatal("a name was found nowhere")
		}
	})
	t.Run("a link leads inside the root", func(t *testing.T) {
		t.Parallel()
		root := newRoot(t, map[string]string{"etc/passwd": "-> /lib/passwd", "lib/passwd": "inner:x:9:9::/in:/bin/sh\n"})
		u, err := ResolveUser(root, "inner")
		if err != nil || u.UID != 9 {
			t.Fatalf("%+v, %v", u, err)
		}
	})
	t.Run("a FIFO is refused and not waited for", func(t *testing.T) {
		t.Parallel()
		root := newRoot(t, map[string]string{"etc/": ""})
		if err := syscall.Mkfifo(filepath.Join(root.Path(), "etc/passwd"), 0o644); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := ResolveUser(root, "root"); err == nil || time.Since(begin) > 5*time.Second {
			t.Fatalf("error is %v after %v", err, time.Since(begin))
		}
	})
}

func FuzzResolveUser(f *testing.F) {
	f.Add(passwd, group, "ann:wheel")
	f.Fuzz(func(t *testing.T, passwd, group, spec string) {
		root := newRoot(t, map[string]string{"etc/passwd": passwd, "etc/group": group})
		u, err := ResolveUser(root, spec)
		if err == nil && !strings.HasPrefix(u.Home, "/") {
			t.Fatalf("home is %q", u.Home)
		}
	})
}

func TestLookPath(t *testing.T) {
	t.Parallel()
	root := newRoot(t, map[string]string{
		"usr/bin/tool": "x", "bin/dir/": "", "bin/dangling": "-> /nowhere", "w/local/rel": "x",
	})
	if err := os.WriteFile(filepath.Join(root.Path(), "bin/tool"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, want string }{
		{"tool", "/bin:/usr/bin", "/usr/bin/tool"},
		{"dir", "/bin", ""},
		{"dangling", "/bin", "/bin/dangling"},
		{"rel", "local", "/w/local/rel"},
		{"./tool", "/usr/bin", "./tool"},
		{"nothing", "/bin:/missing", ""},
	}
	for _, tt := range tests {
		if got := LookPath(root, tt.name, tt.path, "/w"); got != tt.want {
			t.Errorf("%q in %q is %q, want %q", tt.name, tt.path, got, tt.want)
		}
	}
}
