package buildcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"github.com/projectatomic/buildah/copier"
)

// Index remembers the contents of the files of one tree. It is a [copier.Sums].
type Index struct {
	file    string
	now     func() time.Time
	mu      sync.Mutex
	old     []byte // records in order
	used    []bool // of old
	learned []byte // records
}

// record is a line of the file: 44 bytes of identity, one of flags, 32 of content.
type record struct {
	id copier.FileID
	c  copier.Content
}

const (
	identitySize = 44
	recordSize   = identitySize + 1 + sha256.Size
	magic        = "buildah sums 1\n"
	// indexLimit bounds a file, in records: others are not remembered.
	indexLimit = 1 << 20
)

// encode writes numbers with the high byte first, so that bytes sort as numbers do.
func (r record) encode(b []byte) []byte {
	for _, n := range []uint64{r.id.Dev, r.id.Ino, uint64(r.id.Size), uint64(r.id.Mtime), uint64(r.id.Ctime)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = binary.BigEndian.AppendUint32(b, r.id.Mode)
	flags := byte(0)
	if r.c.Xattrs {
		flags = 1
	}
	return append(append(b, flags), r.c.Sum[:]...)
}

// Index opens what is known of the tree below an opened directory.
func (c *Cache) Index(root *copier.Root) *Index {
	x := &Index{now: time.Now}
	info, err := root.Stat(".")
	if c == nil || err != nil {
		return x
	}
	x.file = filepath.Join(c.dir, sumsDir, fmt.Sprintf("%x-%x", info.Dev, info.Ino))
	data, err := os.ReadFile(x.file)
	if err != nil || len(data) < len(magic)+sha256.Size || string(data[:len(magic)]) != magic {
		return x
	}
	sum, body := data[len(magic):len(magic)+sha256.Size], data[len(magic)+sha256.Size:]
	if got := sha256.Sum256(body); len(body)%recordSize != 0 || string(sum) != string(got[:]) {
		return x // torn
	}
	x.old, x.used = body, make([]bool, len(body)/recordSize)
	if kept, err := os.Stat(x.file); err == nil {
		noteUse(x.file, kept.ModTime())
	}
	return x
}

// Known implements [copier.Sums].
func (x *Index) Known(id copier.FileID) (copier.Content, bool) {
	want := record{id: id}.encode(make([]byte, 0, recordSize))[:identitySize]
	n := len(x.used)
	at, found := binarySearch(n, func(i int) int {
		return bytes.Compare(x.old[i*recordSize:i*recordSize+identitySize], want)
	})
	if !found {
		return copier.Content{}, false
	}
	x.mu.Lock()
	x.used[at] = true
	x.mu.Unlock()
	rest := x.old[at*recordSize+identitySize:]
	return copier.Content{Xattrs: rest[0] != 0, Sum: [sha256.Size]byte(rest[1:])}, true
}

func binarySearch(n int, compare func(int) int) (int, bool) {
	low, high := 0, n
	for low < high {
		middle := (low + high) / 2
		switch c := compare(middle); {
		case c == 0:
			return middle, true
		case c < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return low, false
}

// Learn implements [copier.Sums]. A file that was changed a moment ago is not
// remembered: it could be changed again without another time.
func (x *Index) Learn(id copier.FileID, c copier.Content) {
	if x.racy(id) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.learned = record{id, c}.encode(x.learned)
}

// racy compares with the clock. File systems with whole seconds, or which others
// write to, get more time than those that go with our clock's ticks.
func (x *Index) racy(id copier.FileID) bool {
	const tick, second = 50 * time.Millisecond, 2 * time.Second
	margin := tick
	if id.Ctime%int64(time.Second) == 0 || id.Mtime%int64(time.Second) == 0 {
		margin = second
	}
	return x.now().Add(-margin).UnixNano() <= max(id.Ctime, id.Mtime)
}

// Save writes what was learned. What was not asked for goes when there is more of
// it than of the rest.
func (x *Index) Save() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.file == "" || len(x.learned) == 0 {
		return nil
	}
	used := 0
	for _, u := range x.used {
		if u {
			used++
		}
	}
	keepAll := len(x.used)-used <= used+len(x.learned)/recordSize
	for i, u := range x.used {
		if u || keepAll {
			x.learned = append(x.learned, x.old[i*recordSize:(i+1)*recordSize]...)
		}
	}
	body := inOrder(x.learned)
	body = body[:min(len(body), indexLimit*recordSize)]
	sum := sha256.Sum256(body)
	x.learned = nil
	if err := writeFile(x.file, []byte(magic), sum[:], body); err != nil {
		return fmt.Errorf("keeping what is known of source files: %w", err)
	}
	return nil
}

// records sorts in place: there may be very many.
type records []byte

func (r records) at(i int) []byte { return r[i*recordSize : (i+1)*recordSize] }
func (r records) Len() int        { return len(r) / recordSize }
func (r records) Less(i, j int) bool {
	return bytes.Compare(r.at(i)[:identitySize], r.at(j)[:identitySize]) < 0
}

func (r records) Swap(i, j int) {
	var b [recordSize]byte
	copy(b[:], r.at(i))
	copy(r.at(i), r.at(j))
	copy(r.at(j), b[:])
}

// inOrder sorts records, and keeps one of each identity.
func inOrder(r records) records {
	sort.Stable(r)
	n := 0
	for i := range r.Len() {
		if n > 0 && bytes.Equal(r.at(i)[:identitySize], r.at(n - 1)[:identitySize]) {
			continue
		}
		copy(r.at(n), r.at(i))
		n++
	}
	return r[:n*recordSize]
}

var _ copier.Sums = (*Index)(nil)
