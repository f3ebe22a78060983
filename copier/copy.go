package copier

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Target is where a copy goes.
type Target struct {
	Root    *Root
	Path    string // relative to Workdir; a final slash says that it is a directory; "" means Workdir
	Workdir string // "" means "/"
}

// CopyOptions adjusts Copy. Each zero value is the default.
type CopyOptions struct {
	Chown          *Owner       // of all that is made, as seen in the container; nil means 0:0, or as KeepOwner says
	Chmod          *ModeChange  // of files and directories that are made; nil keeps the sources'
	Exclude        Excluder     // nil excludes nothing
	Times          *time.Time   // of all that is made; nil keeps the sources'
	KeepOwner      bool         // owners are those of the sources
	StripSetID     bool         // set-user-ID and set-group-ID bits are dropped
	Parents        bool         // the directories that a source is named with are kept, those after "/./" if there is one
	NoLinks        bool         // a source that is a link is copied as a link
	Whole          bool         // for [Digest]: of a directory that is a source, mode and owner count, too
	LiteralNames   bool         // a source is a name even if it looks like a pattern
	AllowEmptyGlob bool         // patterns need not match anything
	Extract        bool         // a source that is an archive is unpacked
	NoDigest       bool         // the result needs no digest, so data may be cloned unseen
	SrcIDs, DstIDs IDMap        // translate owners of either side
	Sums           Sums         // learns contents; nil learns nothing
	Each           func(File)   // hears of the files that the digest is of, in its order; nil hears nothing
	Note           func(string) // hears of what was left out, such as sockets; nil hears nothing
	Never          string       // a directory of the host that no source may hold: it grows with what is copied; "" is none
}

// Result tells what was copied.
type Result struct {
	// Digest is the hexadecimal sha256 of the content: of names, types, modes,
	// owners, targets of links, extended attributes and data, not of times.
	Digest string
	// Sources is the same of the sources, before options changed owners and modes.
	// [Digest] gives it without copying.
	Sources string
	Kind    string // "file", "dir", "multi" for several sources, "" for nothing or a stream
	Files   int    // all but directories
	Bytes   int64  // of data
}

// ErrEscapes says that a source lies above its root.
var ErrEscapes = errors.New("possible escaping context directory error")

// ForbiddenError is a source that holds the directory of [CopyOptions.Never].
type ForbiddenError struct{ Name string } // in the source root

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%q may not be copied", e.Name)
}

// NothingError says that sources gave nothing to copy. It is a fs.ErrNotExist.
type NothingError struct {
	Sources  []string
	Filtered int    // items that were found but are excluded
	Using    string // name of the ignore file, "" if unknown
}

// Error words it as users of ignore files know it.
func (e *NothingError) Error() string {
	if e.Filtered == 0 {
		return fmt.Sprintf("globs %q matched nothing: no such file or directory", e.Sources)
	}
	using := ""
	if e.Using != "" {
		using = " using " + e.Using
	}
	return fmt.Sprintf("no items matching glob %q copied (%d filtered out%s): no such file or directory", strings.Join(e.Sources, " "), e.Filtered, using)
}

// Is makes it a case of fs.ErrNotExist.
func (e *NothingError) Is(target error) bool { return target == fs.ErrNotExist }

// item is one match of a source.
type item struct {
	name string // in the source root, cleaned, no leading slash, "." for the root
	kept string // with Parents: what of the name is kept below the destination
}

// Copy copies sources, which are names or patterns in src, to the target.
//
// The target is a directory if it is written as one (it ends in "/" or "/."), if
// it is the working directory, if there are several sources, or if a source is a
// directory, whose content is copied, or an archive to extract. Otherwise the
// one file gets the target's name, or goes into the directory that is there.
// Directories that are missing on the way are made with mode 0755.
func Copy(ctx context.Context, to Target, src *Root, sources []string, o CopyOptions) (Result, error) {
	items, err := findItems(src, sources, o)
	if err != nil {
		return Result{}, err
	}
	items, filtered := exclude(src, items, o.Exclude)
	if len(items) == 0 && filtered > 0 {
		return Result{}, &NothingError{Sources: sources, Filtered: filtered, Using: excluderName(o.Exclude)}
	}
	if len(items) == 0 {
		return Result{}, nil
	}
	r := newRun(to, src, o)
	r.several = len(items) > 1 || len(sources) > 1
	result, err := r.all(ctx, items)
	if err != nil {
		return Result{}, err
	}
	if r.lazy > 0 && result.Files == 0 && result.Kind == "" {
		return Result{}, &NothingError{Sources: sources, Filtered: r.lazy, Using: excluderName(o.Exclude)}
	}
	return result, nil
}

// findItems expands the sources. A missing name is an error, and so are
// patterns none of which match.
func findItems(src *Root, sources []string, o CopyOptions) ([]item, error) {
	var items []item
	empty := 0
	for _, source := range sources {
		before, after, pivoted := strings.Cut(source, "/./")
		if !pivoted || !o.Parents {
			before, after = "", source
		}
		pattern := path.Clean(strings.TrimLeft(before+"/"+after, "/"))
		if pattern == ".." || strings.HasPrefix(pattern, "../") {
			return nil, fmt.Errorf("%q is outside of %q: %w", source, src.path, ErrEscapes)
		}
		names, err := expand(src, pattern, o.LiteralNames)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			empty++
		}
		skip := len(splitPath(path.Clean("/" + before)))
		for _, name := range names {
			items = append(items, item{name: name, kept: path.Join(splitPath(name)[min(skip, len(splitPath(name))):]...)})
		}
	}
	if empty > 0 && len(items) == 0 && !o.AllowEmptyGlob {
		return nil, &NothingError{Sources: sources}
	}
	return items, nil
}

// expand gives the matches of one source.
func expand(src *Root, pattern string, literal bool) ([]string, error) {
	if !literal && hasMeta(pattern) {
		return src.Glob(pattern)
	}
	if _, err := src.Lstat(pattern); err != nil {
		return nil, err
	}
	return []string{pattern}, nil
}

// exclude drops the items that an Excluder does not want. A directory below
// which something may be wanted stays.
func exclude(src *Root, items []item, x Excluder) (kept []item, filtered int) {
	if x == nil {
		return items, 0
	}
	for _, it := range items {
		if it.name == "." {
			kept = append(kept, it)
			continue
		}
		info, err := src.Stat(it.name)
		dir := err == nil && info.IsDir()
		if out, prune := x.Excluded(it.name, dir); out && (prune || !dir) {
			filtered++
			continue
		}
		kept = append(kept, it)
	}
	return kept, filtered
}

func excluderName(x Excluder) string {
	if named, ok := x.(fmt.Stringer); ok {
		return named.String()
	}
	return ""
}
