package roundtrip

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newDisk makes a place on a small file system of its own.
func newDisk(t testing.TB, driver string) *place {
	t.Helper()
	programs(t)
	mkfs := needs(t, "mkfs.ext4")
	dir, err := os.MkdirTemp("", "rt")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	f, err := os.Create(dir + "/image")
	must(t, err)
	must(t, f.Truncate(96<<20))
	must(t, f.Close())
	must(t, os.Mkdir(dir+"/disk", 0o755))
	for _, argv := range [][]string{{mkfs, "-q", "-m", "0", dir + "/image"}, {"mount", "-o", "loop", dir + "/image", dir + "/disk"}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v\n%s", argv[0], err, out)
		}
	}
	t.Cleanup(func() { unmountBelow(t, dir+"/disk") })
	return placeAt(t, driver, dir+"/disk")
}

// noise writes a file that nothing can make smaller.
func noise(t testing.TB, path string, size int) {
	t.Helper()
	data := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		n := rand.Uint64()
		for b := range 8 {
			data[i+b] = byte(n >> (8 * b))
		}
	}
	must(t, os.WriteFile(path, data, 0o644))
}

func (p *place) free() int64 {
	unix.Sync()
	var st unix.Statfs_t
	must(p.t, unix.Statfs(p.dir, &st))
	return int64(st.Bfree) * st.Bsize
}

// TestDiskFull fills the disk of the store in the midst of each operation: one
// line says where and why, the store is sound, and the space is given back.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	programs(t)
	outside := t.TempDir()
	must(t, os.Mkdir(outside+"/context", 0o755))
	noise(t, outside+"/context/big", 100<<20)
	noise(t, outside+"/half", 50<<20)
	write(t, outside+"/context/Dockerfile", "FROM scratch\nCOPY big /big\n")
	q := newPlace(t, "overlay")
	q.b("from", "--name", "c", "scratch")
	q.b("copy", "-q", "c", outside+"/context/big", "/big")
	q.b("commit", "-q", "c", "dir:"+outside+"/image")
	for name, args := range map[string][]string{
		"commit": {"commit", "-q", "work", "localhost/full"},
		"squash": {"commit", "-q", "--squash", "work", "localhost/full"},
		"pull":   {"pull", "-q", "dir:" + outside + "/image"},
		"copy":   {"copy", "-q", "work", outside + "/context/big", "/big"},
		"build":  {"build", "-q", "-t", "localhost/full", outside + "/context"},
	} {
		for _, driver := range []string{"overlay", "vfs"} {
			t.Run(name+" "+driver, func(t *testing.T) {
				p := newDisk(t, driver)
				p.b("from", "--name", "work", "scratch")
				if name == "commit" || name == "squash" {
					p.b("copy", "-q", "work", outside+"/half", "/half")
				}
				before := p.free()
				stdout, stderr, err := p.try(p.buildah, args...)
				if err == nil {
					t.Fatalf("it went well: %s", stdout)
				}
				first, rest, _ := strings.Cut(stderr, "\n")
				if !strings.HasPrefix(first, "Error: ") || !strings.Contains(first, "no space left on device") || !strings.Contains(first, p.dir) ||
					strings.Contains(rest, "Error") || strings.Contains(rest, "level=") || len(first) > 500 {
					t.Errorf("it says:\n%s", stderr)
				}
				if name == "commit" && driver == "overlay" && !strings.Contains(first, "needs 50MiB") {
					t.Errorf("it does not say what it needs:\n%s", stderr)
				}
				p.check()
				if after := p.free(); after < before-1<<20 {
					t.Errorf("%d bytes were free, now %d", before, after)
				}
				p.b("rm", "work")
				p.b("from", "scratch")
			})
		}
	}
}
