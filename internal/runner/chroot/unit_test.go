package chroot

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestParseOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		m    specs.Mount
		want mountOptions
	}{
		"later wins":    {specs.Mount{Options: []string{"ro", "rw", "nosuid"}}, mountOptions{Set: unix.MOUNT_ATTR_NOSUID, Clear: unix.MOUNT_ATTR_RDONLY}},
		"recursive":     {specs.Mount{Options: []string{"rro", "rbind"}}, mountOptions{Set: unix.MOUNT_ATTR_RDONLY, Bind: true}},
		"not below":     {specs.Mount{Options: []string{"bind"}}, mountOptions{Bind: true, Flat: true}},
		"type bind":     {specs.Mount{Type: "bind"}, mountOptions{Bind: true}},
		"one atime":     {specs.Mount{Options: []string{"noatime", "strictatime"}}, mountOptions{Set: unix.MOUNT_ATTR_STRICTATIME, Clear: atimeBits}},
		"data":          {specs.Mount{Type: "tmpfs", Options: []string{"size=1k", "tmpcopyup", "mode=700"}}, mountOptions{CopyUp: true, Data: []string{"size=1k", "mode=700"}}},
		"propagation":   {specs.Mount{Options: []string{"rslave"}}, mountOptions{Propagation: unix.MS_SLAVE}},
		"no diratime":   {specs.Mount{Options: []string{"nodiratime"}}, mountOptions{Set: unix.MOUNT_ATTR_NODIRATIME}},
		"nothing to do": {specs.Mount{Options: []string{"", "defaults"}}, mountOptions{}},
	} {
		got, err := parseOptions(c.m)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

// TestTarget makes targets in a tree with links of all kinds.
func TestTarget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		name string
		dir  bool
		want string // where it is in the root; "" if it is refused
	}{
		"plain":             {"/a/b/c", true, "a/b/c"},
		"file":              {"/a/b/c", false, "a/b/c"},
		"dots":              {"/a/../../../x/./y/", true, "x/y"},
		"trailing dot":      {"/n/.", true, "n"},
		"absolute link":     {"/abs/new/f", false, "real/new/f"},
		"link up":           {"/up/new", true, "etc/passwd/new"},
		"dangling link":     {"/dangling", false, "nowhere/at/all"},
		"dangling in path":  {"/dangling/x", false, "nowhere/at/all/x"},
		"loop":              {"/loop/x", true, ""},
		"file in the way":   {"/file/x", true, ""},
		"relative link":     {"/real/rel/z", true, "real/z"},
		"existing is taken": {"/real", true, "real"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for link, target := range map[string]string{
				"abs": "/real", "up": "../../../../etc/passwd", "dangling": "/nowhere/at/all", "loop": "loop", "real/rel": "../real",
			} {
				replace(t, root, link, target)
			}
			if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			fd, err := unix.Open(root, unix.O_PATH|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer closeFD(fd)
			got, err := tree(fd).target(c.name, c.dir)
			if c.want == "" {
				if err == nil {
					t.Error("not refused")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer closeFD(got)
			var here, there unix.Stat_t
			if err := unix.Fstat(got, &here); err != nil {
				t.Fatal(err)
			}
			if err := unix.Lstat(filepath.Join(root, c.want), &there); err != nil || here.Ino != there.Ino || isDir(got) != c.dir {
				t.Errorf("%v: %v", err, here)
			}
		})
	}
}

func TestCopyUp(t *testing.T) {
	t.Parallel()
	out := shell(t, "cd /etc; ls; cat d/f; readlink l; stat -c '%a %u %g' d/f . ; ls -l p | cut -c1; echo changed > d/f", func(s *specs.Spec) {
		etc := filepath.Join(s.Root.Path, "etc")
		for _, err := range []error{
			os.Mkdir(filepath.Join(etc, "d"), 0o700),
			os.WriteFile(filepath.Join(etc, "d/f"), []byte("content\n"), 0o600),
			os.Chown(filepath.Join(etc, "d/f"), 12, 34),
			os.Chmod(filepath.Join(etc, "d/f"), 0o4711|os.ModeSetuid),
			os.Symlink("/etc/shadow", filepath.Join(etc, "l")),
			unix.Mkfifo(filepath.Join(etc, "p"), 0o600),
			os.Chmod(etc, 0o751),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() {
			if data, err := os.ReadFile(filepath.Join(etc, "d/f")); string(data) != "content\n" {
				t.Errorf("%q %v", data, err)
			}
		})
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/etc", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup", "size=1m"}})
	})
	if diff := cmp.Diff("d\nl\np\ncontent\n/etc/shadow\n4711 12 34\n751 0 0\np\n", out); diff != "" {
		t.Error(diff)
	}
}

func TestOverlayMount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"lower", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "lower/f"), []byte("low\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := shell(t, "cat /o/f; echo new > /o/f; cat /o/f", func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/o", Type: "overlay", Source: "overlay", Options: []string{
			"lowerdir=" + dir + "/lower", "upperdir=" + dir + "/upper", "workdir=" + dir + "/work", "private",
		}})
	})
	upper, err := os.ReadFile(filepath.Join(dir, "upper/f"))
	if out != "low\nnew\n" || string(upper) != "new\n" {
		t.Errorf("%q %q %v", out, upper, err)
	}
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	limit := int64(1)
	got := Unsupported(&specs.Spec{Hooks: &specs.Hooks{}, Linux: &specs.Linux{Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}}})
	if diff := cmp.Diff([]string{"hooks", "limits of memory, processors and processes"}, got); diff != "" {
		t.Error(diff)
	}
	if got := Unsupported(newSpec("/", "true")); got != nil {
		t.Errorf("%q", got)
	}
}
