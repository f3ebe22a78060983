package copier

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/fnv"
	"path"
	"strings"
)

// File is what the digest of sources, [Result.Sources], says of one file.
type File struct {
	Path  string            // in the source root
	Type  byte              // f, d, l, c, b, p; h for a further hard link
	Mode  uint32            // permissions, and the set-ID and sticky bits
	Owner Owner             // as in the container
	Link  string            // target of a symbolic link
	Size  int64             // of the data
	Sum   [sha256.Size]byte // of the data
	// Attributes tells extended attributes and numbers of devices apart; 0 is none.
	Attributes uint64
}

// each gives what tells Each of entries; nil where nobody asks.
func (o *CopyOptions) each(items []item) func(*entry) {
	if o.Each == nil {
		return nil
	}
	return func(e *entry) {
		it := items[e.item]
		name := it.name
		switch {
		case o.Parents:
			name = path.Join(strings.TrimSuffix(it.name, it.kept), e.path)
		case e.kind == "dir":
			name = path.Join(it.name, e.path)
		}
		o.Each(File{
			Path: name, Type: e.typ, Mode: e.found.mode, Owner: e.found.owner, Link: e.link, Size: e.size, Sum: e.sum,
			Attributes: e.attributes(),
		})
	}
}

func (e *entry) attributes() uint64 {
	if len(e.xattrs) == 0 && e.rdev == 0 {
		return 0
	}
	h := fnv.New64a()
	write := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	write(binary.BigEndian.AppendUint64(nil, e.rdev))
	for _, x := range e.xattrs {
		write([]byte(x.name))
		write(x.value)
	}
	return h.Sum64()
}
