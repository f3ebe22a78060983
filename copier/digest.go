package copier

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// entry is what the digest knows about one file. Times are no part of it.
type entry struct {
	item   int    // number of the item that it belongs to
	kind   string // of the item: "file" or "dir"
	path   string // relative to the item
	typ    byte   // f, d, l, c, b, p; h for a further hard link
	mode   uint32
	owner  Owner // as in the container
	link   string
	rdev   uint64
	size   int64
	xattrs []xattr
	sum    [sha256.Size]byte
	done   chan struct{} // closed when all is known; nil if it is from the start
}

// encode appends a form that no two different entries share: numbers have a
// fixed width and texts have their length in front.
func (e *entry) encode(buf []byte) []byte {
	text := func(s string) {
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	buf = append(buf, e.typ)
	text(e.path)
	text(e.link)
	for _, n := range []uint64{uint64(e.mode), uint64(e.owner.UID), uint64(e.owner.GID), e.rdev, uint64(e.size), uint64(len(e.xattrs))} {
		buf = binary.BigEndian.AppendUint64(buf, n)
	}
	for _, x := range e.xattrs {
		text(x.name)
		text(string(x.value))
	}
	return append(buf, e.sum[:]...)
}

// summary adds up entries to the digests of items, and those to one.
type summary struct {
	item  hash.Hash
	count int
	multi hash.Hash
	kind  string
	hex   string
}

// collect reads entries in their order until there are no more.
func (s *summary) collect(ctx context.Context, entries <-chan *entry) error {
	number := -1
	var buf []byte
	for e := range entries {
		if e.done != nil {
			select {
			case <-e.done:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if e.item != number {
			s.end()
			s.item, s.kind, number = sha256.New(), e.kind, e.item
		}
		buf = e.encode(buf[:0])
		s.item.Write(buf)
	}
	s.end()
	return ctx.Err()
}

// end closes an item. Several are joined as "kind:hex,kind:hex".
func (s *summary) end() {
	if s.item == nil {
		return
	}
	s.hex = hex.EncodeToString(s.item.Sum(nil))
	s.item = nil
	text := s.kind + ":" + s.hex
	switch s.count++; s.count {
	case 1:
		s.multi = sha256.New()
	default:
		text = "," + text
	}
	s.multi.Write([]byte(text))
}

func (s *summary) result() Result {
	switch s.count {
	case 0:
		return Result{}
	case 1:
		return Result{Kind: s.kind, Digest: s.hex}
	}
	return Result{Kind: "multi", Digest: hex.EncodeToString(s.multi.Sum(nil))}
}
