package layers

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/idtools"
	"golang.org/x/sys/unix"
)

// node is one entry of a tree that is walked.
type node struct {
	dir    int    // descriptor of its directory
	name   string // in that directory
	path   string // relative to the root of the tree
	fi     os.FileInfo
	st     *syscall.Stat_t
	xattrs []string // the names

	inherits bool // its directory gives access control lists to what is made in it
}

// lookAt looks at an entry without following it. Everything is done by way of
// the directory's descriptor: in a tree that a container writes to meanwhile a
// name can be swapped for a link at any time.
func lookAt(dir int, name, path string) (*node, error) {
	fi, err := os.Lstat(proc(dir, name))
	if err != nil {
		return nil, fmt.Errorf("looking at %q: %w", path, errors.Unwrap(err))
	}
	n := &node{dir: dir, name: name, path: path, fi: fi, st: fi.Sys().(*syscall.Stat_t)}
	if n.xattrs, err = listXattrs(proc(dir, name)); err != nil {
		return nil, fmt.Errorf("listing the attributes of %q: %w", path, err)
	}
	return n, nil
}

func openDir(dir int, name string) (int, error) {
	return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// hardLinked tells an entry that may be met again under another name.
func (n *node) hardLinked() bool { return !n.fi.IsDir() && n.st.Nlink > 1 }

// whiteout tells the device that stands for a deleted entry.
func (n *node) whiteout() bool { return n.st.Mode&unix.S_IFMT == unix.S_IFCHR && n.st.Rdev == 0 }

// target is what a walk does to disk besides writing the tar.
type target interface {
	// enter is told of an entry that goes into the layer, before its content.
	// linkTo is the path of an entry met before that is the same inode, or "".
	enter(n *node, linkTo string) error
	// content copies the first size bytes of a regular file to the tar.
	content(n *node, src *os.File, size int64, w *tar.Writer) error
	// leave is told of the entry after its content, and after everything below it.
	leave(n *node, mtime time.Time) error
	// drop is told of an entry that does not go into the layer. With whiteout a
	// whiteout does in its stead.
	drop(n *node, whiteout bool) error
}

// walker writes a directory as the tar stream that storage's Diff would give,
// byte for byte (a test compares them), with two exceptions: it stops at what it
// cannot read, where storage logs a line and leaves the file out, and it keeps
// access control lists. Those of the root are lost with its owner and mode: a
// layer has no entry for it.
type walker struct {
	tar     *tar.Writer
	convert archive.TarWhiteoutConverter // nil: the tree is not an upper directory
	lowers  []string
	target  target
	stubs   *stubSet
	clamp   Clamp
	extra   func(*tar.Writer, func(time.Time) time.Time) error // writes what comes after the tree
	ids     *idtools.IDMappings                                // from owners on disk to those in the tar; nil: they are the same
	links   map[uint64]link
	uids    map[uint32]bool
	gids    map[uint32]bool
	list    func(*tar.Header) // told of each entry in the place of tar, and no content is read; nil without
}

// link is where an inode was met first.
type link struct{ tarName, path string }

func newWalker(to io.Writer, t target) *walker {
	return &walker{
		tar: tar.NewWriter(to), target: t, stubs: &stubSet{}, links: map[uint64]link{},
		uids: map[uint32]bool{}, gids: map[uint32]bool{},
	}
}

// walk writes the whole tree below root, which itself is no entry.
func (w *walker) walk(ctx context.Context, root string) error {
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening %q: %w", root, err)
	}
	if err := w.dir(ctx, os.NewFile(uintptr(fd), root), &node{}); err != nil {
		return err
	}
	if w.extra != nil {
		if err := w.extra(w.tar, w.clamp.apply); err != nil {
			return err
		}
	}
	return w.tar.Close()
}

// dir writes what is in a directory, and closes it.
func (w *walker) dir(ctx context.Context, f *os.File, in *node) error {
	defer f.Close()
	fd := int(f.Fd())
	names, err := f.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("reading directory %q: %w", in.path, err)
	}
	inherits := slices.Contains(in.xattrs, aclDefault)
	slices.Sort(names)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := lookAt(fd, name, filepath.Join(in.path, name))
		if err != nil {
			return err
		}
		n.inherits = inherits
		if err := w.node(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// node writes one entry and what is below it.
func (w *walker) node(ctx context.Context, n *node) error {
	if n.st.Mode&unix.S_IFMT == unix.S_IFSOCK {
		return w.target.drop(n, false)
	}
	if err := w.check(n); err != nil {
		return err
	}
	switch v, err := w.stubs.judge(n); {
	case err != nil:
		return fmt.Errorf("looking below %q: %w", n.path, err)
	case v == leaveOut && hidesLower(w.lowers, n.path):
		return w.replace(n)
	case v != keep:
		return w.target.drop(n, false)
	}
	mtime := w.clamp.apply(n.fi.ModTime())
	if err := w.entry(n, mtime); err != nil {
		return err
	}
	if n.fi.IsDir() {
		fd, err := openDir(n.dir, n.name)
		if err != nil {
			return fmt.Errorf("opening directory %q: %w", n.path, err)
		}
		if err := w.dir(ctx, os.NewFile(uintptr(fd), n.path), n); err != nil {
			return err
		}
	}
	return w.target.leave(n, mtime)
}

// check refuses what a tar cannot say, or not from this directory alone.
func (w *walker) check(n *node) error {
	if strings.HasPrefix(n.name, archive.WhiteoutPrefix) {
		return fmt.Errorf("%q cannot be in a layer: names that begin with %q mark deleted files", n.path, archive.WhiteoutPrefix)
	}
	if len(n.path) > maxPath {
		return fmt.Errorf("%q... cannot be in a layer: the path has %d bytes, and nobody can unpack more than %d", n.path[:60], len(n.path), maxPath)
	}
	if w.convert != nil && slices.ContainsFunc(n.xattrs, onlyOverlayKnows) {
		return fmt.Errorf("%q: %w", n.path, errNeedsPlain)
	}
	return nil
}

// maxPath is what a system call takes (PATH_MAX), without the slash before the
// path and the zero after it.
const maxPath = 4096 - 2

// onlyOverlayKnows finds the attributes of entries whose content or whose place
// is elsewhere.
func onlyOverlayKnows(name string) bool {
	switch strings.TrimPrefix(strings.TrimPrefix(name, "trusted.overlay."), "user.overlay.") {
	case "redirect", "metacopy", "whiteout", "whiteouts":
		return strings.Contains(name, ".overlay.")
	}
	return false
}

// entry writes the header and the content of one entry.
func (w *walker) entry(n *node, mtime time.Time) error {
	hdr, extra, err := w.headers(n, mtime)
	if err != nil {
		return fmt.Errorf("describing %q: %w", n.path, err)
	}
	first, met := w.links[n.st.Ino], false
	if n.hardLinked() {
		met = first.tarName != ""
	}
	w.uids[n.st.Uid], w.gids[n.st.Gid] = true, true
	linkTo := ""
	if met {
		linkTo = first.path
	}
	if err := w.target.enter(n, linkTo); err != nil {
		return err
	}
	if err := w.write(hdr); err != nil {
		return fmt.Errorf("writing the header of %q: %w", n.path, err)
	}
	if extra != nil {
		if err := w.write(extra); err != nil {
			return fmt.Errorf("writing the opaque mark of %q: %w", n.path, err)
		}
	}
	if n.fi.Mode().IsRegular() && !met && w.list == nil {
		if err := w.file(n, hdr.Size); err != nil {
			return err
		}
	}
	if n.hardLinked() && !met {
		w.links[n.st.Ino] = link{tarName: hdr.Name, path: n.path}
	}
	return nil
}

func (w *walker) write(hdr *tar.Header) error {
	if w.list != nil {
		w.list(hdr)
		return nil
	}
	return w.tar.WriteHeader(hdr)
}

// headers describes an entry as archive.TarWithOptions does. extra is the mark
// of a directory that hides the lower one.
func (w *walker) headers(n *node, mtime time.Time) (hdr, extra *tar.Header, err error) {
	target := ""
	if n.fi.Mode()&os.ModeSymlink != 0 {
		if target, err = os.Readlink(proc(n.dir, n.name)); err != nil {
			return nil, nil, err
		}
	}
	if hdr, err = archive.FileInfoHeader(n.path, n.fi, target); err != nil {
		return nil, nil, err
	}
	if err := w.addXattrs(n, hdr); err != nil {
		return nil, nil, err
	}
	if first, ok := w.links[n.st.Ino]; ok && n.hardLinked() {
		hdr.Typeflag, hdr.Linkname, hdr.Size = tar.TypeLink, first.tarName, 0
	}
	if w.ids != nil && !w.ids.Empty() {
		if hdr.Uid, hdr.Gid, err = w.ids.ToContainer(idtools.IDPair{UID: hdr.Uid, GID: hdr.Gid}); err != nil {
			return nil, nil, err
		}
	}
	hdr.ModTime = mtime.Truncate(time.Second)
	if w.convert == nil {
		return hdr, nil, nil
	}
	if !n.whiteout() && !slices.Contains(n.xattrs, opaqueXattr()) {
		return hdr, nil, nil
	}
	extra, err = w.convert.ConvertWrite(hdr, proc(n.dir, n.name), n.fi)
	if extra != nil && w.clamp.Mode == SetTo {
		extra.ModTime = w.clamp.apply(w.clamp.Time)
	}
	return hdr, extra, err
}

// file writes the content of a regular file.
func (w *walker) file(n *node, size int64) error {
	fd, err := unix.Openat(n.dir, n.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening %q: %w", n.path, err)
	}
	src := os.NewFile(uintptr(fd), n.path)
	defer src.Close()
	fi, err := src.Stat()
	if err != nil {
		return fmt.Errorf("looking at %q: %w", n.path, err)
	}
	if !os.SameFile(fi, n.fi) {
		return fmt.Errorf("reading %q: it was replaced meanwhile", n.path)
	}
	if err := w.target.content(n, src, size, w.tar); err != nil {
		return fmt.Errorf("reading %q: %w", n.path, err)
	}
	return nil
}

// replace puts a whiteout in the place of an entry.
func (w *walker) replace(n *node) error {
	if err := w.target.drop(n, true); err != nil {
		return err
	}
	w.uids[0], w.gids[0] = true, true
	return w.deleted(n.path)
}

// deleted writes the entry that deletes one of a lower layer. It has the time that
// the kernel gives to a whiteout, so that every driver says the same.
func (w *walker) deleted(path string) error {
	dir, name := filepath.Split(path)
	hdr := &tar.Header{Typeflag: tar.TypeReg, Name: dir + archive.WhiteoutPrefix + name, ModTime: w.clamp.apply(time.Unix(0, 0))}
	if err := w.write(hdr); err != nil {
		return fmt.Errorf("writing the whiteout of %q: %w", path, err)
	}
	return nil
}
