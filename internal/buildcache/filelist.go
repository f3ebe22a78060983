package buildcache

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/projectatomic/buildah/copier"
)

// Files is what is known of the files that a digest stands for, in few bytes each:
// it is there to say what has changed, and decides nothing.
type Files struct {
	data    []byte
	count   int
	tooMany bool
}

const (
	filesMagic = "buildah files 1\n"
	// filesLimit bounds the names of a list. A longer one is not kept.
	filesLimit = 100_000
	// filesBytes bounds a list that is read, unpacked.
	filesBytes = 64 << 20
	// shortSum is how much of the digest of a file is kept.
	shortSum = 8
)

// fileRecord is one file of a list.
type fileRecord struct {
	typ        byte
	mode       uint64
	uid, gid   uint64
	size       uint64
	sum, attrs uint64
	link       string
	seen       bool
}

// Add adds a file.
func (f *Files) Add(x copier.File) {
	if f.count++; f.count > filesLimit {
		f.data, f.tooMany = nil, true
		return
	}
	text := func(s string) {
		f.data = binary.AppendUvarint(f.data, uint64(len(s)))
		f.data = append(f.data, s...)
	}
	text(x.Path)
	f.data = append(f.data, x.Type)
	for _, n := range []int64{int64(x.Mode), int64(x.Owner.UID), int64(x.Owner.GID), x.Size} {
		f.data = binary.AppendUvarint(f.data, uint64(max(n, 0)))
	}
	f.data = append(f.data, x.Sum[:shortSum]...)
	f.data = binary.BigEndian.AppendUint64(f.data, x.Attributes)
	text(x.Link)
}

var errTorn = errors.New("a list of files is torn")

// each reads the records in their order.
func (f *Files) each(visit func(path string, r fileRecord)) error {
	rest := f.data
	number := func() uint64 {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			rest = nil
			return math.MaxUint64
		}
		rest = rest[size:]
		return n
	}
	text := func() (string, bool) {
		n := number()
		if n > uint64(len(rest)) {
			return "", false
		}
		s := string(rest[:n])
		rest = rest[n:]
		return s, true
	}
	for len(rest) > 0 {
		name, ok := text()
		if !ok || len(rest) == 0 {
			return errTorn
		}
		r := fileRecord{typ: rest[0]}
		rest = rest[1:]
		r.mode, r.uid, r.gid, r.size = number(), number(), number(), number()
		if len(rest) < shortSum+8 {
			return errTorn
		}
		r.sum, r.attrs = binary.BigEndian.Uint64(rest), binary.BigEndian.Uint64(rest[shortSum:])
		rest = rest[shortSum+8:]
		if r.link, ok = text(); !ok {
			return errTorn
		}
		visit(name, r)
	}
	return nil
}

// digestName is what a list may be kept under.
var digestName = regexp.MustCompile("^[0-9a-f]{64}$")

func (c *Cache) filesPath(digest string) string { return filepath.Join(c.dir, "files", digest) }

// bounds of the directory of lists: those that were used longest ago go.
const (
	filesKept      = 256
	filesKeptBytes = 64 << 20
)

// KeepFiles keeps the list of the files that a digest stands for.
func (c *Cache) KeepFiles(digest string, f *Files) error {
	if c == nil || f.tooMany || f.count == 0 || !digestName.MatchString(digest) {
		return nil
	}
	name := c.filesPath(digest)
	now := time.Now()
	if os.Chtimes(name, now, now) == nil {
		return nil
	}
	if err := writeFile(name, []byte(filesMagic), s2.Encode(nil, f.data)); err != nil {
		return err
	}
	return sweep(filepath.Dir(name), filesKept, filesKeptBytes)
}

// HasFiles tells whether a list is there.
func (c *Cache) HasFiles(digest string) bool {
	if c == nil || !digestName.MatchString(digest) {
		return false
	}
	_, err := os.Lstat(c.filesPath(digest))
	return err == nil
}

// Files gives a list that was kept. Whatever is wrong with it, it is not there.
func (c *Cache) Files(digest string) (*Files, bool) {
	if !c.HasFiles(digest) {
		return nil, false
	}
	data, err := readLimited(c.filesPath(digest), filesBytes)
	if err != nil {
		return nil, false
	}
	return decodeFiles(data)
}

func decodeFiles(data []byte) (*Files, bool) {
	if len(data) < len(filesMagic) || string(data[:len(filesMagic)]) != filesMagic {
		return nil, false
	}
	data = data[len(filesMagic):]
	if n, err := s2.DecodedLen(data); err != nil || n > filesBytes {
		return nil, false
	}
	plain, err := s2.Decode(nil, data)
	if err != nil {
		return nil, false
	}
	f := &Files{data: plain}
	return f, f.each(func(string, fileRecord) { f.count++ }) == nil
}
