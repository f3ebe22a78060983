package layers

import (
	"archive/tar"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// clone is the target that makes a copy of the tree. What goes into the tar is
// what was written to the copy, so the digest holds also when a container is
// busy in the tree meanwhile.
type clone struct {
	reader
	root    string
	dirs    []*os.File // open directories of the copy, innermost last
	noClone bool       // the file system cannot share blocks
}

func newClone(root string) (*clone, error) {
	f, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	return &clone{root: root, dirs: []*os.File{f}}, nil
}

func (c *clone) close() {
	for _, f := range c.dirs {
		f.Close()
	}
}

// at is the directory of the copy that is being filled.
func (c *clone) at() int { return int(c.dirs[len(c.dirs)-1].Fd()) }

func (c *clone) enter(n *node, linkTo string) error {
	if linkTo != "" {
		err := unix.Linkat(unix.AT_FDCWD, filepath.Join(c.root, linkTo), c.at(), n.name, 0)
		return wrapNode("linking", n, err)
	}
	switch n.st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return wrapNode("making directory", n, c.enterDir(n))
	case unix.S_IFREG:
		return nil // content makes it
	case unix.S_IFLNK:
		target, err := os.Readlink(proc(n.dir, n.name))
		if err == nil {
			err = unix.Symlinkat(target, c.at(), n.name)
		}
		return wrapNode("making link", n, err)
	}
	return wrapNode("making device", n, unix.Mknodat(c.at(), n.name, n.st.Mode, int(n.st.Rdev)))
}

func (c *clone) enterDir(n *node) error {
	if err := unix.Mkdirat(c.at(), n.name, 0o700); err != nil {
		return err
	}
	fd, err := openDir(c.at(), n.name)
	if err != nil {
		return err
	}
	c.dirs = append(c.dirs, os.NewFile(uintptr(fd), n.path))
	return nil
}

func wrapNode(doing string, n *node, err error) error {
	if err != nil {
		return fmt.Errorf("%s %q: %w", doing, n.path, err)
	}
	return nil
}

func (c *clone) leave(n *node, mtime time.Time) error {
	if n.fi.IsDir() {
		last := len(c.dirs) - 1
		c.dirs[last].Close()
		c.dirs = c.dirs[:last]
	}
	return wrapNode("copying the metadata of", n, c.metadata(n, mtime))
}

// metadata copies owner, mode, attributes and time, in the order in which none
// undoes another: a change of owner clears set-id bits and capabilities.
func (c *clone) metadata(n *node, mtime time.Time) error {
	if n.st.Uid != 0 || n.st.Gid != 0 {
		if err := unix.Fchownat(c.at(), n.name, int(n.st.Uid), int(n.st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	if n.fi.Mode()&os.ModeSymlink == 0 {
		if err := unix.Fchmodat(c.at(), n.name, n.st.Mode&0o7777, 0); err != nil {
			return err
		}
	}
	for _, name := range n.xattrs {
		if !inTar(name) && name != opaqueXattr() {
			continue
		}
		value, err := getXattr(proc(n.dir, n.name), name)
		if err != nil {
			return err
		}
		if err := unix.Lsetxattr(proc(c.at(), n.name), name, value, 0); err != nil {
			return err
		}
	}
	return setTime(c.at(), n.name, mtime)
}

func (c *clone) drop(n *node, whiteout bool) error {
	if !whiteout {
		return nil
	}
	return makeWhiteout(&node{dir: c.at(), name: n.name, path: n.path})
}

func (c *clone) content(n *node, src *os.File, size int64, w *tar.Writer) error {
	fd, err := unix.Openat(c.at(), n.name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	dst := os.NewFile(uintptr(fd), n.path)
	if err := c.data(n, dst, src, size, w); err != nil {
		return errors.Join(err, dst.Close())
	}
	return dst.Close()
}

// data shares the blocks where the file system can, and copies them otherwise:
// each byte is then read once, for the copy and for the tar. (copy_file_range
// would read them a second time, and the two readings could differ.)
func (c *clone) data(n *node, dst, src *os.File, size int64, w *tar.Writer) error {
	if size == 0 {
		return nil
	}
	if !c.noClone {
		err := unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
		if err == nil {
			if err := dst.Truncate(size); err != nil {
				return err
			}
			return copyExactly(w, dst, size, &c.buf)
		}
		c.noClone = errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EXDEV)
	}
	if n.st.Blocks*512 < size {
		return c.sparse(dst, src, size, w)
	}
	return copyExactly(both{dst, w}, src, size, &c.buf)
}

// sparse copies a file with holes.
func (c *clone) sparse(dst, src *os.File, size int64, w *tar.Writer) error {
	if err := dst.Truncate(size); err != nil {
		return err
	}
	for at := int64(0); at < size; {
		data, err := src.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, syscall.ENXIO) || data > size {
			data, err = size, nil
		}
		if err != nil {
			return err
		}
		if err := copyExactly(w, zeros{}, data-at, &c.buf); err != nil {
			return err
		}
		if at = data; at == size {
			break
		}
		hole, err := src.Seek(at, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		hole = min(hole, size)
		if _, err := src.Seek(at, 0); err != nil {
			return err
		}
		if _, err := dst.Seek(at, 0); err != nil {
			return err
		}
		if err := copyExactly(both{dst, w}, src, hole-at, &c.buf); err != nil {
			return err
		}
		at = hole
	}
	return nil
}

// both writes to the copy, then to the tar.
type both struct {
	dst *os.File
	tar *tar.Writer
}

func (b both) Write(p []byte) (int, error) {
	if n, err := b.dst.Write(p); err != nil {
		return n, err
	}
	return b.tar.Write(p)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
