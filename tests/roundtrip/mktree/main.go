// Command mktree makes, below a root directory, every kind of file that a layer
// can hold, and changes them in every way that a layer can express. It is a
// static program, so that it runs on the host and inside any container.
//
// Usage: mktree lower|upper|writer|writing ROOT
package main

import (
	"errors"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: mktree lower|upper|writer|writing ROOT")
	}
	unix.Umask(0)
	t := &tree{root: os.Args[2], touched: map[string]bool{}, rootless: inUserNamespace()}
	switch os.Args[1] {
	case "lower":
		t.lower()
		t.clock(time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC))
	case "upper":
		t.upper()
		t.clock(time.Date(2021, 3, 4, 5, 6, 7, 987654321, time.UTC))
	case "writer":
		t.writer()
	case "writing":
		t.writing()
	default:
		log.Fatalf("no tree named %q", os.Args[1])
	}
}

// writer leaves a process behind that goes on writing.
func (t *tree) writer() {
	t.file("grows", "begin\n")
	_, err := os.StartProcess("/proc/self/exe", []string{"/proc/self/exe", "writing", t.root}, &os.ProcAttr{Sys: &unix.SysProcAttr{Setsid: true}})
	must(err)
	for range 100 {
		if fi, err := os.Stat(t.at("grows")); err == nil && fi.Size() > 100 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	log.Fatal("the writer does not write")
}

func (t *tree) writing() {
	f, err := os.OpenFile(t.at("grows"), os.O_WRONLY|os.O_APPEND, 0)
	must(err)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Microsecond) {
		_, err := f.WriteString("still here, and writing\n")
		must(err)
	}
}

// tree remembers what it touched, so that all of it gets a fixed time.
type tree struct {
	root     string
	touched  map[string]bool
	rootless bool
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// at is the path on disk. The entry and its directory will get the fixed time.
func (t *tree) at(name string) string {
	t.touched[name] = true
	if dir := filepath.Dir(name); dir != "." {
		t.touched[dir] = true
	}
	return filepath.Join(t.root, name)
}

func (t *tree) file(name, content string) {
	must(os.WriteFile(t.at(name), []byte(content), 0o644))
}

func (t *tree) dir(names ...string) {
	for _, name := range names {
		must(os.MkdirAll(t.at(name), 0o755))
	}
}

func (t *tree) files(names ...string) {
	for _, name := range names {
		t.dir(filepath.Dir(name))
		t.file(name, "content of "+name+"\n")
	}
}

func (t *tree) link(old, name string)       { must(os.Link(t.at(old), t.at(name))) }
func (t *tree) symlink(target, name string) { must(os.Symlink(target, t.at(name))) }
func (t *tree) remove(name string)          { must(os.RemoveAll(t.at(name))) }
func (t *tree) mode(name string, m uint32)  { must(unix.Chmod(t.at(name), m)) }

// own gives a file away; a user namespace does not have all owners.
func (t *tree) own(name string, uid, gid int) {
	err := os.Lchown(t.at(name), uid, gid)
	if t.rootless && errors.Is(err, unix.EINVAL) {
		return
	}
	must(err)
}

// node makes a special file; in a user namespace nobody can make devices.
func (t *tree) node(name string, mode uint32, major, minor uint32) {
	err := unix.Mknod(t.at(name), mode, int(unix.Mkdev(major, minor)))
	if t.rootless && errors.Is(err, unix.EPERM) {
		delete(t.touched, name)
		return
	}
	must(err)
}

// inUserNamespace tells whether root here is not root of the machine, who has all IDs.
func inUserNamespace() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	must(err)
	return !slices.Equal(strings.Fields(string(data)), []string{"0", "0", "4294967295"})
}

func (t *tree) xattr(name, key, value string) {
	must(unix.Lsetxattr(t.at(name), key, []byte(value), 0))
}

// time is set last, and for good.
func (t *tree) time(name string, when time.Time) {
	path := t.at(name)
	delete(t.touched, name)
	ts := []unix.Timespec{{Sec: when.Unix(), Nsec: 123}, {Sec: when.Unix(), Nsec: int64(when.Nanosecond())}}
	must(unix.UtimesNanoAt(unix.AT_FDCWD, path, ts, unix.AT_SYMLINK_NOFOLLOW))
}

func (t *tree) clock(when time.Time) {
	for name := range t.touched {
		_, err := os.Lstat(filepath.Join(t.root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(err)
		t.time(name, when)
	}
}

// A capability set (cap_net_raw+ep), and an access list that lets user 1234 read.
const (
	capability = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	acl        = "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\xd2\x04\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x06\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff"
	defaultACL = "\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x05\x00\xd2\x04\x00\x00\x04\x00\x05\x00\xff\xff\xff\xff\x10\x00\x05\x00\xff\xff\xff\xff\x20\x00\x05\x00\xff\xff\xff\xff"
)

// lower makes what upper changes, and the directories that a container needs.
func (t *tree) lower() {
	t.dir("bin", "dev", "etc", "proc", "run", "sys", "tmp", "empty", "real")
	t.mode("tmp", 0o1777)
	t.files("stays", "gone/file", "gone/deep/file", "single", "links/a/one", "over/kept", "opaque/old", "opaque/sub/old",
		"dir-to-file/old", "dir-and-back/old", "dir-to-link/old", "file-to-dir", "file-to-link", "link-to-dir-target/f",
		"chmod", "chown", "time", "capability", "xattr", "access", "emptied", "grown", "meta/dir/file", "real/in")
	t.link("links/a/one", "links/two")
	t.link("links/a/one", "links/a/three")
	t.symlink("real", "way")
	t.symlink("link-to-dir-target", "link-to-dir")
	t.symlink("nowhere", "dangling")
	t.own("stays", 1000, 1001)
}

// upper changes what lower made, and makes every kind of file.
func (t *tree) upper() {
	t.changes()
	t.links()
	t.kinds()
	t.attributes()
	t.names()
	t.times()
	t.mode("", 0o711)
	t.own("", 11, 12)
}

func (t *tree) changes() {
	t.remove("gone/deep")
	t.remove("single")
	t.remove("opaque")
	t.dir("opaque")
	t.file("opaque/new", "new")
	t.remove("dir-to-file")
	t.file("dir-to-file", "a file now")
	t.remove("dir-and-back")
	t.file("dir-and-back", "a file for a moment")
	t.remove("dir-and-back")
	t.dir("dir-and-back")
	t.file("dir-and-back/new", "new")
	t.remove("dir-to-link")
	t.symlink("real", "dir-to-link")
	t.remove("file-to-dir")
	t.files("file-to-dir/sub/file")
	t.remove("file-to-link")
	t.symlink("stays", "file-to-link")
	t.remove("link-to-dir")
	t.files("link-to-dir/file")
	must(os.WriteFile(filepath.Join(t.root, "way", "through-link"), []byte("by way of a link"), 0o644))
	t.touched["real"], t.touched["real/through-link"] = true, true
	t.mode("chmod", 0o600)
	t.own("chown", 7, 8)
	t.mode("meta/dir", 0o700)
	must(os.Truncate(t.at("emptied"), 0))
	t.file("grown", strings.Repeat("more\n", 100_000))
}

// links are hard links inside a layer, across directories, and to a file below.
func (t *tree) links() {
	t.files("hard/a/one")
	t.dir("hard/b")
	t.link("hard/a/one", "hard/b/two")
	t.link("hard/a/one", "hard/0")
	t.link("over/kept", "hard/b/of-below")
	t.symlink("target", "hard/link")
	t.link("hard/link", "hard/b/link")
	t.mode("links/two", 0o640)
}

func (t *tree) kinds() {
	t.dir("kinds/none")
	t.node("kinds/fifo", unix.S_IFIFO|0o640, 0, 0)
	t.node("kinds/null", unix.S_IFCHR|0o666, 1, 3)
	t.node("kinds/loop", unix.S_IFBLK|0o660, 7, 300)
	t.node("kinds/socket", unix.S_IFSOCK|0o777, 0, 0)
	t.file("kinds/empty", "")
	t.file("kinds/forbidden", "mode 0")
	t.mode("kinds/forbidden", 0)
	t.file("kinds/set-id", "x")
	t.own("kinds/set-id", 3, 4)
	t.mode("kinds/set-id", 0o6755)
	t.dir("kinds/sticky")
	t.mode("kinds/sticky", 0o3777)
	t.symlink(strings.Repeat("../", 300)+"etc/passwd", "kinds/long-link")
	f, err := os.Create(t.at("kinds/sparse"))
	must(err)
	for _, at := range []int64{1 << 20, 5 << 20} {
		_, err := f.WriteAt([]byte("island"), at)
		must(err)
	}
	must(f.Truncate(8 << 20))
	must(f.Close())
}

func (t *tree) attributes() {
	t.files("attr/bare", "attr/user", "attr/capability", "attr/acl", "attr/acl-dir/child", "attr/acl-dir/dir/child", "attr/ids/31", "attr/ids/22", "attr/ids/max")
	t.xattr("attr/user", "user.note", "bytes \x00\n=\xff")
	t.xattr("attr/ids", "user.dir", strings.Repeat("v", 1000))
	t.own("attr/capability", 5, 5)
	t.xattr("attr/capability", "security.capability", capability)
	t.xattr("attr/acl", "system.posix_acl_access", acl)
	t.xattr("attr/acl-dir", "system.posix_acl_default", defaultACL)
	t.xattr("attr/acl-dir", "system.posix_acl_access", defaultACL)
	t.dir("attr/acl-dir/inherits")
	t.own("attr/ids/22", 1<<22, 1<<22+1)
	t.own("attr/ids/31", 1<<31-1, 1<<31)
	t.own("attr/ids/max", 1<<32-2, 1<<32-2)
	t.xattr("capability", "security.capability", capability)
	t.xattr("xattr", "user.only", "changed")
	t.xattr("access", "system.posix_acl_access", acl)
}

func (t *tree) names() {
	t.dir("names")
	t.file("names/"+strings.Repeat("n", 255), "long")
	for _, name := range []string{"new\nline", "back\\slash", "\xff\xfe", "-dash", " space ", "ünïcödé", "{{.}}", "*?[a]", ".w", "wh.", "..."} {
		t.file("names/"+name, name)
	}
	deep := "names"
	for range 15 {
		deep += "/" + strings.Repeat("d", 200)
		t.dir(deep)
	}
	t.file(deep+"/file", "deep")
}

func (t *tree) times() {
	t.files("times/negative", "times/zero", "times/far", "times/half", "times/negative-half")
	t.time("times/negative", time.Unix(-86400*365*20, 0))
	t.time("times/negative-half", time.Unix(-100, 500_000_000))
	t.time("times/zero", time.Unix(0, 0))
	t.time("times/far", time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC))
	t.time("times/half", time.Unix(1_600_000_000, 999_999_999))
	t.time("time", time.Unix(1_500_000_000, 0))
}
