package copier

import (
	"context"
	"crypto/sha256"
)

// FileID is what tells a regular file with this content from every other one, as
// far as the file system says so. Times are in nanoseconds since 1970.
type FileID struct {
	Dev, Ino     uint64
	Size         int64
	Mtime, Ctime int64
	Mode         uint32
}

// Content is what is in a file.
type Content struct {
	Sum    [sha256.Size]byte // of the data
	Xattrs bool              // it has extended attributes, which have to be read
}

// Sums remembers contents, so that only files that changed are read. It is used by
// several goroutines at once.
type Sums interface {
	Known(id FileID) (Content, bool)
	Learn(id FileID, c Content)
}

// Digest gives the [Result] that Copy would give, without copying. Its Digest is
// "": that depends on options, such as Chown, which are not looked at. sums may be nil.
func Digest(ctx context.Context, src *Root, sources []string, o CopyOptions, sums Sums) (Result, error) {
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
	o.Chown, o.Chmod, o.NoDigest = nil, nil, false
	s := &scanner{run: newRun(Target{}, src, o), sums: sums}
	result, err := s.all(ctx, items)
	if err != nil {
		return Result{}, err
	}
	if s.lazy > 0 && result.Files == 0 && result.Kind == "" {
		return Result{}, &NothingError{Sources: sources, Filtered: s.lazy, Using: excluderName(o.Exclude)}
	}
	result.Digest = ""
	return result, nil
}
