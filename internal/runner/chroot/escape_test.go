package chroot

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/projectatomic/buildah/internal/runner"
)

func ownerOf(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// own gives a tree to a user.
func own(t *testing.T, root string, id int) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id, id)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// host is a directory of the host with a file that must stay as it is.
type host struct {
	dir    string
	before string
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{dir: t.TempDir()}
	for _, name := range []string{"canary", "kcore", "null", "sys", "fs"} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte("canary\n"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	h.before = h.look(t)
	t.Cleanup(func() {
		if after := h.look(t); after != h.before {
			t.Errorf("the host was touched:\n%s\nwas:\n%s", after, h.before)
		}
	})
	return h
}

func (h *host) look(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.Walk(h.dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		data, _ := os.ReadFile(path)
		all.WriteString(path + info.Mode().String() + info.ModTime().String() + string(data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// replace puts a link into the root in place of what is there.
func replace(t *testing.T, root, name, target string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// Every link that an image can have in the way of a mount stays inside: the run
// works in the root or is refused, and the host's files stay as they are.
func TestHostileRoot(t *testing.T) {
	t.Parallel()
	up := strings.Repeat("../", 20)
	for name, c := range map[string]struct {
		link, target string // HOST is the directory of the canaries
		refused      bool
	}{
		"etc":                {link: "etc", target: "HOST"},
		"etc by dots":        {link: "etc", target: up + "HOST"},
		"proc":               {link: "proc", target: "HOST", refused: true},
		"proc to the root":   {link: "proc", target: "/", refused: true},
		"sys":                {link: "sys", target: "HOST", refused: true},
		"dev":                {link: "dev", target: "HOST"},
		"dev by dots":        {link: "dev", target: up + "HOST"},
		"file target":        {link: "etc/hosts", target: "HOST/canary"},
		"file by dots":       {link: "etc/hosts", target: up + "HOST/canary"},
		"missing target":     {link: "etc/hosts", target: "HOST/new/file"},
		"through /proc":      {link: "etc", target: "/proc/1/root/HOST", refused: true},
		"by a descriptor":    {link: "etc/hosts", target: "/proc/self/fd/6/canary", refused: true},
		"loop":               {link: "etc/hosts", target: "hosts", refused: true},
		"directory target":   {link: "vol", target: "HOST"},
		"bin":                {link: "work", target: "HOST"},
		"shm":                {link: "dev/shm", target: "HOST"},
		"working directory":  {link: "tmp", target: "HOST"},
		"parent of a target": {link: "a", target: up + "HOST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, h := newRoot(t), newHost(t)
			replace(t, root, c.link, strings.ReplaceAll(c.target, "HOST", h.dir))
			source := t.TempDir()
			if err := os.WriteFile(filepath.Join(source, "f"), []byte("given\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			spec := newSpec(root, "sh", "-c", "cat /etc/hosts /vol/f /a/b/f; echo x >> /etc/hosts; echo y > /vol/g; echo z > /dev/shm/z; chmod 0 /dev/null; true")
			bind(spec, filepath.Join(source, "f"), "/etc/hosts")
			bind(spec, source, "/vol")
			bind(spec, source, "/a/b")
			got := run1(t, New(), spec, "")
			if refused := got.failure != nil; refused != c.refused {
				t.Errorf("refused: %v: %v\n%s%s", refused, got.failure, got.out, got.err)
			}
			if !c.refused && got.out != strings.Repeat("given\n", 3) {
				t.Errorf("%q %q", got.out, got.err)
			}
			info, err := os.Stat("/dev/null")
			if err != nil || info.Mode().Perm() != 0o666 {
				t.Fatalf("the host's /dev/null: %v %v", info, err)
			}
		})
	}
}

// A working directory that leads out by one of our descriptors is refused.
func TestWorkingDirectoryOutside(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	for _, dir := range []string{"/proc/self/fd/3", "/proc/self/fd/5", "/proc/self/fd/6", "/proc/self/fd/7", "/proc/1/cwd", "/proc/1/root"} {
		spec := newSpec(root, "sh", "-c", "ls ../../../../../bin/busybox && ls ../../../../boot /boot")
		spec.Process.Cwd = dir
		got := run1(t, New(), spec, "")
		if got.failure == nil {
			t.Errorf("%s: %s", dir, got.out)
		}
	}
}

// Root inside cannot write to the binary that it is started by.
func TestOwnBinary(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	spec := newSpec(root, "sh", "-c", "(echo x >> /proc/1/exe) 2>&1; ls /proc/1/root /proc/1/fd 2>&1; true")
	all := []string{}
	for n := range 41 {
		all = append(all, capabilityName(n))
	}
	spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Permitted: all, Effective: all}
	got := run1(t, New(), spec, "")
	if got.failure != nil || !strings.Contains(got.out, "exe: ") {
		t.Errorf("%v", got)
	}
}

// The classical way out of a chroot leads nowhere, with pivot_root and without.
func TestChrootEscape(t *testing.T) {
	t.Parallel()
	for _, noPivot := range []bool{false, true} {
		root := newRoot(t)
		if err := os.WriteFile(filepath.Join(root, "here"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		// The shell's directory stays outside of the new root, so ".." goes up.
		script := "mkdir -p /tmp/x/bin; cp /bin/busybox /tmp/x/bin/sh; cd /; ls -d here; chroot /tmp/x /bin/sh -c 'cd ../../../../../../..; echo *'"
		spec := newSpec(root, "sh", "-c", script)
		var out bytes.Buffer
		err := New().Run(t.Context(), runner.Job{Spec: spec, NoPivot: noPivot, Stdio: runner.Stdio{Out: &out, Err: &out}})
		if err != nil || !strings.HasPrefix(out.String(), "here\n") || strings.Contains(out.String(), "boot") {
			t.Errorf("no pivot %v: %v %s", noPivot, err, &out)
		}
	}
}
