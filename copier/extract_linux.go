package copier

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"golang.org/x/sys/unix"
)

// open makes the directory that an archive is unpacked into.
func (x *extraction) open(dest string) (string, error) {
	at, err := x.mkdir(dest)
	if err != nil {
		return "", err
	}
	at.close()
	return at.path, nil
}

func (x *extraction) mkdir(name string) (place, error) {
	owner, err := toHost(x.o.IDs, Owner{})
	if err != nil {
		return place{}, err
	}
	at, err := x.root.mkdirAll(name, MkdirOptions{Mode: 0o755, Owner: &owner})
	if x.o.Times != nil {
		for _, made := range at.created {
			m := &meta{mode: 0o755}
			m.setTime(x.o.Times)
			x.late = append(x.late, lateDir{made, m})
		}
	}
	return at, err
}

// in calls with the directory that full is in. Entries come sorted by directory
// as a rule, so the last one is kept open; an entry that replaced it makes the
// call fail, and it is opened anew.
func (x *extraction) in(full string, call func(dir int, base string) error) error {
	dir, base := path.Split(full)
	if x.parent >= 0 && x.parentPath == dir {
		if err := call(x.parent, base); !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	x.forget()
	fd, err := x.root.open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil { // missing, or through a link that dangles, or not a directory
		at, err := x.mkdir(dir)
		if err != nil {
			return err
		}
		fd = at.dir
	}
	x.parent, x.parentPath = fd, dir
	return call(fd, base)
}

// forget closes the directory that is kept open.
func (x *extraction) forget() {
	if x.parent >= 0 {
		closeFD(x.parent)
	}
	x.parent = -1
}

func (x *extraction) file(ctx context.Context, full string, f fileEntry) error {
	return x.in(full, func(dir int, base string) error {
		return createFile(dir, base, f.meta, func(fd int) error {
			n, err := x.content(ctx, fd, f)
			x.count.bytes += n
			return err
		})
	})
}

// content writes what the archive has for a file. In a sparse one blocks of
// zeros become holes.
func (x *extraction) content(ctx context.Context, fd int, f fileEntry) (total int64, err error) {
	sparse := f.sparse()
	zeros := zeroBlock(sparse, len(x.buf))
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, err := io.ReadFull(f.content, x.buf)
		if n > 0 && (!sparse || !bytes.Equal(x.buf[:n], zeros[:n])) {
			if err := pwriteAll(fd, x.buf[:n], total); err != nil {
				return total, err
			}
		}
		total += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && total == f.header.Size {
			break
		}
		if err != nil {
			return total, err
		}
	}
	if sparse {
		return total, unix.Ftruncate(fd, total)
	}
	return total, nil
}

func zeroBlock(wanted bool, size int) []byte {
	if !wanted {
		return nil
	}
	return make([]byte, size)
}

func (x *extraction) directory(full string, m *meta) error {
	return x.in(full, func(dir int, base string) error {
		fd, err := intoDir(dir, base)
		if err != nil {
			return err
		}
		closeFD(fd)
		x.late = append(x.late, lateDir{full, m})
		return nil
	})
}

// hardlink makes a further name of a file of the archive. The link's own header
// repeats the file's metadata, which is there already.
func (x *extraction) hardlink(full, target string) error {
	from, err := x.root.walk(target, walkHow{keepLast: true})
	if err != nil {
		return fmt.Errorf("linking to %q: %w", target, err)
	}
	defer from.close()
	var st, old unix.Stat_t
	if from.missing || from.base == "" {
		return fmt.Errorf("linking to %q: it is missing or a directory", target)
	}
	if err := fstatat(from.dir, from.base, &st); err != nil {
		return fmt.Errorf("linking to %q: %w", target, err)
	}
	return x.in(full, func(dir int, base string) error {
		err := unix.Linkat(from.dir, from.base, dir, base, 0)
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		// rename does nothing between two names of one file, so look first.
		if fstatat(dir, base, &old) == nil && inodeOf(&old) == inodeOf(&st) {
			return nil
		}
		return replace(dir, base, func(temporary string) error { return unix.Linkat(from.dir, from.base, dir, temporary, 0) })
	})
}

func (x *extraction) special(full string, h *tar.Header, m *meta) error {
	s := special{link: h.Linkname, rdev: unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor)), meta: m}
	switch h.Typeflag {
	case tar.TypeSymlink:
		s.mode = unix.S_IFLNK
	case tar.TypeFifo:
		s.mode, s.rdev = unix.S_IFIFO, 0
	case tar.TypeChar:
		s.mode = unix.S_IFCHR
	case tar.TypeBlock:
		s.mode = unix.S_IFBLK
	}
	made := false
	err := x.in(full, func(dir int, base string) (err error) {
		made, err = makeSpecial(dir, base, s)
		return err
	})
	if err == nil && !made {
		x.count.files--
		x.note("skipping %q: devices cannot be made in a user namespace", h.Name)
	}
	x.forget() // a link may have taken the place of a directory
	return err
}

// finish gives directories their metadata, inner ones first. One that a later
// entry replaced has none any more.
func (x *extraction) finish() error {
	x.forget()
	for i := len(x.late) - 1; i >= 0; i-- {
		d := x.late[i]
		fd, err := x.root.open(d.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if unreachable(err) {
			continue
		}
		if err == nil {
			err = d.meta.applyTo(fd)
			closeFD(fd)
		}
		if err != nil {
			return x.root.fail("finishing the directory", d.path, err)
		}
	}
	return nil
}
