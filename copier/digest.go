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
	made   look   // of the copy
	found  look   // of the source
	link   string
	rdev   uint64
	size   int64
	xattrs []xattr
	sum    [sha256.Size]byte
	done   chan struct{} // closed when all is known; nil if it is from the start
}

// look is what options may change about a file.
type look struct {
	mode  uint32
	owner Owner // as in the container
}

// encode appends a form that no two different entries share: numbers have a
// fixed width and texts have their length in front.
func (e *entry) encode(buf []byte, as look) []byte {
	text := func(s string) {
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	buf = append(buf, e.typ)
	text(e.path)
	text(e.link)
	for _, n := range []uint64{uint64(as.mode), uint64(as.owner.UID), uint64(as.owner.GID), e.rdev, uint64(e.size), uint64(len(e.xattrs))} {
		buf = binary.BigEndian.AppendUint64(buf, n)
	}
	for _, x := range e.xattrs {
		text(x.name)
		text(string(x.value))
	}
	return append(buf, e.sum[:]...)
}

// summary adds up entries to the digests of items, and those to one: of what is
// made, and of what was found.
type summary struct {
	made, found tally
	each        func(*entry) // hears of entries; nil hears nothing
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
			s.made.begin(e.kind)
			s.found.begin(e.kind)
			number = e.item
		}
		buf = e.encode(buf[:0], e.made)
		s.made.item.Write(buf)
		if e.made != e.found {
			buf = e.encode(buf[:0], e.found)
		}
		s.found.item.Write(buf)
		if s.each != nil {
			s.each(e)
		}
	}
	s.made.end()
	s.found.end()
	return ctx.Err()
}

func (s *summary) result() Result {
	r := Result{Sources: s.found.digest()}
	if r.Digest = s.made.digest(); s.made.count == 1 {
		r.Kind = s.made.kind
	} else if s.made.count > 1 {
		r.Kind = "multi"
	}
	return r
}

// tally is one of the two digests.
type tally struct {
	item  hash.Hash
	count int
	multi hash.Hash
	kind  string
	hex   string
}

// begin ends an item and begins the next.
func (t *tally) begin(kind string) {
	t.end()
	t.item, t.kind = sha256.New(), kind
}

// end closes an item. Several are joined as "kind:hex,kind:hex".
func (t *tally) end() {
	if t.item == nil {
		return
	}
	t.hex = hex.EncodeToString(t.item.Sum(nil))
	t.item = nil
	text := t.kind + ":" + t.hex
	switch t.count++; t.count {
	case 1:
		t.multi = sha256.New()
	default:
		text = "," + text
	}
	t.multi.Write([]byte(text))
}

func (t *tally) digest() string {
	switch t.count {
	case 0:
		return ""
	case 1:
		return t.hex
	}
	return hex.EncodeToString(t.multi.Sum(nil))
}
