package copier

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"time"
)

// TarOptions adjusts Tar. Each zero value is the default.
type TarOptions struct {
	Exclude Excluder     // asked with paths relative to the source root; nil excludes nothing
	Times   *time.Time   // of all entries; nil keeps those of the files
	Owner   *Owner       // of all entries; nil keeps those of the files
	IDs     IDMap        // translates owners on disk to those in the archive
	Prefix  string       // what entries are below in the archive
	Open    bool         // leave out the end of the archive: another one is to follow
	Note    func(string) // hears of files that were left out, such as sockets; nil hears nothing
}

// Tar writes a file, or a directory with all that is below it, as a tar stream.
// Entries are sorted, and their names relative to the directory, which is the
// entry "./". Times are cut to seconds. The same tree gives the same bytes.
func Tar(ctx context.Context, w io.Writer, src *Root, name string, o TarOptions) error {
	if o.IDs == nil {
		o.IDs = src.ids
	}
	out := tar.NewWriter(w)
	t := tarring{out: out, o: o, links: map[inode]string{}, buf: make([]byte, smallFile)}
	if err := t.top(ctx, src, name); err != nil {
		return fmt.Errorf("archiving %q: %w", name, err)
	}
	if o.Open {
		return out.Flush()
	}
	return out.Close()
}

// tarring is one Tar under way.
type tarring struct {
	out   *tar.Writer
	o     TarOptions
	links map[inode]string
	buf   []byte
}

func (t *tarring) excluded(from string, dir bool) (out, prune bool) {
	if t.o.Exclude == nil || from == "." {
		return false, false
	}
	return t.o.Exclude.Excluded(from, dir)
}

// nameOf gives an entry its name.
func (t *tarring) nameOf(rel string, dir bool) string {
	name := path.Join(t.o.Prefix, rel)
	if !dir {
		return name
	}
	if name == "" || name == "." {
		return "./"
	}
	return name + "/"
}

func (t *tarring) note(format string, args ...any) {
	if t.o.Note != nil {
		t.o.Note(fmt.Sprintf(format, args...))
	}
}
