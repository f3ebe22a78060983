package roundtrip

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// entry is all that has to survive of a file.
type entry struct {
	Mode     fs.FileMode
	UID, GID uint32
	Time     int64 // seconds
	Rdev     uint64
	Target   string // of a symbolic link
	Content  string // size and digest
	Links    string // the first path of the same inode
	Xattrs   map[string]string
}

// snapshot reads a mounted tree. Sockets cannot be in a layer and are left out.
func snapshot(t testing.TB, root string) map[string]entry {
	t.Helper()
	tree := map[string]entry{}
	first := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil || fi.Mode()&fs.ModeSocket != 0 {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		e, err := look(path, fi)
		if err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		if st := fi.Sys().(*syscall.Stat_t); st.Nlink > 1 && !fi.IsDir() {
			if first[st.Ino] == "" {
				first[st.Ino] = name
			}
			e.Links = first[st.Ino]
		}
		if name == "." { // no tar has an entry for it, and every mount gives it another owner
			e.Time, e.UID, e.GID = 0, 0, 0
		}
		tree[name] = e
		return nil
	})
	if err != nil {
		t.Fatalf("reading the tree at %q: %v", root, err)
	}
	return tree
}

// inLayer gives the tree as a layer has it. The root has no entry in a tar. Storage
// unpacks what is before 1970 or after 2262 with another time, so that the nearest
// ones between go into the tar.
func inLayer(tree map[string]entry) map[string]entry {
	last := time.Unix(0, math.MaxInt64).Unix()
	for name, e := range tree {
		e.Time = min(max(e.Time, 0), last)
		tree[name] = e
	}
	delete(tree, ".")
	return tree
}

func look(path string, fi fs.FileInfo) (e entry, err error) {
	st := fi.Sys().(*syscall.Stat_t)
	e = entry{Mode: fi.Mode(), UID: st.Uid, GID: st.Gid, Time: st.Mtim.Sec}
	if e.Xattrs, err = xattrs(path); err != nil {
		return e, err
	}
	switch fi.Mode().Type() {
	case fs.ModeSymlink:
		e.Target, err = os.Readlink(path)
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		e.Rdev = st.Rdev
	case 0:
		e.Content, err = content(path)
	}
	return e, err
}

func content(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return fmt.Sprintf("%d %s", n, hex.EncodeToString(h.Sum(nil))), err
}

// xattrs are those that belong to the content, not to the machine or the driver.
func xattrs(path string) (map[string]string, error) {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err != nil || n == 0 {
		return nil, err
	}
	set := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		if name == "security.selinux" || strings.HasPrefix(name, "trusted.overlay.") {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, err
		}
		set[name] = string(value[:n])
	}
	if len(set) == 0 {
		return nil, nil
	}
	return set, nil
}
