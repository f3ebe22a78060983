package copier

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// ExtractOptions adjusts Extract. Each zero value is the default.
type ExtractOptions struct {
	Owner      *Owner       // of everything, as seen in the container; nil means as the archive says
	Times      *time.Time   // of everything; nil means as the archive says
	StripSetID bool         // set-user-ID and set-group-ID bits are dropped
	IDs        IDMap        // translates owners
	Note       func(string) // hears of entries that were left out; nil hears nothing
}

// Extract unpacks a tar stream, plain or compressed with gzip, bzip2, xz or zstd,
// into a directory of the root, which is made if it is missing. Whatever names
// and links the archive has, nothing outside of the root is touched: names are
// taken as if the directory were the root of all, and links on the way are
// followed inside the root. An entry takes the place of what has its name; only
// directories are merged.
func Extract(ctx context.Context, dst *Root, dest string, r io.Reader, o ExtractOptions) error {
	if o.IDs == nil {
		o.IDs = dst.ids
	}
	_, err := extract(ctx, dst, dest, r, o)
	return err
}

// extracted counts.
type extracted struct {
	files int
	bytes int64
}

func extract(ctx context.Context, dst *Root, dest string, r io.Reader, o ExtractOptions) (extracted, error) {
	plain, done, err := decompress(r, false)
	if err != nil {
		return extracted{}, fmt.Errorf("extracting an archive: %w", err)
	}
	defer done()
	x := extraction{root: dst, o: o, buf: make([]byte, smallFile), parent: -1}
	defer x.forget()
	if x.dest, err = x.open(dest); err != nil {
		return extracted{}, err
	}
	archive := tar.NewReader(plain)
	for {
		if err := ctx.Err(); err != nil {
			return x.count, err
		}
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return x.count, fmt.Errorf("extracting an archive: %w", err)
		}
		if err := x.entry(ctx, header, archive); err != nil {
			return x.count, fmt.Errorf("extracting %q: %w", header.Name, err)
		}
	}
	return x.count, x.finish()
}

// extraction is one Extract under way.
type extraction struct {
	root  *Root
	dest  string // resolved path in the root
	o     ExtractOptions
	buf   []byte
	count extracted
	late  []lateDir

	parent     int    // the directory used last, -1 for none
	parentPath string // its path
}

// entry unpacks one entry.
func (x *extraction) entry(ctx context.Context, h *tar.Header, content io.Reader) error {
	// As the root of all: "..", at the front, has nowhere to go.
	name := path.Clean("/" + h.Name)
	m, err := x.metaOf(h)
	if err != nil {
		return err
	}
	full := path.Join(x.dest, name)
	if name == "/" {
		if h.Typeflag == tar.TypeDir {
			x.late = append(x.late, lateDir{full, m})
		}
		return nil
	}
	x.count.files++
	switch h.Typeflag {
	case tar.TypeReg, '\x00', tar.TypeGNUSparse, tar.TypeCont:
		return x.file(ctx, full, fileEntry{header: h, content: content, meta: m})
	case tar.TypeDir:
		x.count.files--
		return x.directory(full, m)
	case tar.TypeLink:
		return x.hardlink(full, path.Join(x.dest, path.Clean("/"+h.Linkname)))
	case tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return x.special(full, h, m)
	}
	x.count.files--
	if h.Typeflag != tar.TypeXGlobalHeader {
		x.note("skipping %q: an entry of type %q", h.Name, h.Typeflag)
	}
	return nil
}

type fileEntry struct {
	header  *tar.Header
	content io.Reader
	meta    *meta
}

// sparse tells whether zeros in the content stand for holes.
func (f fileEntry) sparse() bool {
	if f.header.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range f.header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

const xattrRecord = "SCHILY.xattr."

// metaOf reads what a header says besides the content.
func (x *extraction) metaOf(h *tar.Header) (*meta, error) {
	m := &meta{mode: uint32(h.Mode) & modeAll}
	if x.o.StripSetID {
		m.mode &^= modeSetID
	}
	modified := h.ModTime
	if x.o.Times != nil {
		modified = *x.o.Times
	}
	m.setTime(&modified)
	owner := Owner{h.Uid, h.Gid}
	if x.o.Owner != nil {
		owner = *x.o.Owner
	}
	owner, err := toHost(x.o.IDs, owner)
	if err != nil {
		return nil, err
	}
	m.owner = &owner
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, xattrRecord); ok && wantedXattr(name) {
			m.xattrs = append(m.xattrs, xattr{name, []byte(value)})
		}
	}
	slices.SortFunc(m.xattrs, func(a, b xattr) int { return strings.Compare(a.name, b.name) })
	if x.o.IDs != nil {
		return m, translateACLs(m.xattrs, x.o.IDs.ToHost)
	}
	return m, nil
}

func (x *extraction) note(format string, args ...any) {
	if x.o.Note != nil {
		x.o.Note(fmt.Sprintf(format, args...))
	}
}
