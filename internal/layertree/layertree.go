// Package layertree puts layers on each other without unpacking them: what each one
// adds, changes and removes, and what of it later ones hide. It is pure.
package layertree

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
)

// Entry is what a layer says about a path.
type Entry struct {
	Name, Link string // Link is the path of the first name of a hard link
	Kind       byte   // as in package tar
	Size       int64
	Mode       int64
	UID, GID   int
}

// EntryOf takes what is needed from the header of a tar. Names are copied: they may be
// parts of a text of a megabyte, of which nothing else is needed.
func EntryOf(h *tar.Header) Entry {
	e := Entry{Name: strings.Clone(h.Name), Kind: h.Typeflag, Size: h.Size, Mode: h.Mode, UID: h.Uid, GID: h.Gid}
	if e.Kind == tar.TypeLink {
		e.Link = strings.Clone(h.Linkname)
	}
	return e
}

// Layer counts what a layer does. Bytes are those of regular files.
type Layer struct {
	Size    int64 `json:"size"`    // bytes that the layer brings
	Added   int   `json:"added"`   // paths that were not there
	Changed int   `json:"changed"` // paths that were there
	Removed int   `json:"removed"` // whiteouts, marks of opaque directories included
	Hidden  int64 `json:"hidden"`  // bytes of Size that nobody sees any more, because of a later layer
}

// The ways in which a file goes out of sight.
const (
	Removed  = "removed"
	Replaced = "replaced"
)

// File is a regular file of a layer.
type File struct {
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Layer    int    `json:"layer"`              // 1 is the base
	HiddenBy int    `json:"hiddenby,omitempty"` // the layer because of which it is out of sight; 0: it is not
	How      string `json:"how,omitempty"`      // Removed or Replaced
}

// Whiteout is an entry that removes what lower layers have.
type Whiteout struct {
	Path    string `json:"path"`
	Layer   int    `json:"layer"`
	Opaque  bool   `json:"opaque,omitempty"` // it removes what is in the directory, not the directory
	Entries int    `json:"entries"`          // that it removes
	Size    int64  `json:"size"`             // bytes that it hides
}

// The names of whiteouts in a layer (OCI image specification, layer.md).
const (
	whiteoutPrefix = ".wh."
	whiteoutMeta   = ".wh..wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// What foreign layers may have: no path that a system call refuses, and no more paths
// and bytes in them than memory has place for.
const (
	maxPath  = 4096
	maxNodes = 10_000_000
	maxNames = 1 << 30
)

// data is the content of a file, which may have several names.
type data struct {
	at       *node // its first name
	more     []*node
	size     int64
	links    int
	layer    int
	hiddenBy int
	how      string
}

// node is a path. The entry of a directory may be missing in a layer: its layer is 0
// then.
type node struct {
	parent   *node
	name     string
	children map[string]*node
	data     *data
	layer    int // that described it last
	cleared  int // that removed last what lower ones had below it
	dir      bool
	mode     int64
	uid, gid int
}

// Survey is what layers come to, from the base to the top.
type Survey struct {
	root      node
	nodes     int
	size      int64 // of all files
	layers    []Layer
	files     []*data
	whiteouts []Whiteout

	lastDir string // entries of one directory follow each other
	last    *node
}

// Add puts a layer on top of those before it.
func (s *Survey) Add(entries []Entry) error {
	s.layers = append(s.layers, Layer{})
	s.root.dir = true
	for i := range entries {
		if err := s.entry(&entries[i]); err != nil {
			return fmt.Errorf("reading the entries of layer %d: %w", len(s.layers), err)
		}
	}
	return nil
}

func (s *Survey) top() *Layer { return &s.layers[len(s.layers)-1] }

func (s *Survey) entry(e *Entry) error {
	if e.Kind == tar.TypeXGlobalHeader {
		return nil
	}
	if len(e.Name) > maxPath {
		return fmt.Errorf("the path %q... has %d bytes, and nobody can unpack more than %d", e.Name[:60], len(e.Name), maxPath)
	}
	name := clean(e.Name)
	dir, base := split(name)
	switch {
	case name == "":
	case base == whiteoutOpaque:
		s.remove(dir, true)
	case strings.HasPrefix(base, whiteoutMeta): // notes of aufs
	case strings.HasPrefix(base, whiteoutPrefix):
		s.remove(join(dir, strings.TrimPrefix(base, whiteoutPrefix)), false)
	default:
		n, err := s.reach(dir, base)
		if err != nil {
			return err
		}
		return s.put(n, e)
	}
	return nil
}

// clean is a path below the root, without a slash before it.
func clean(name string) string {
	if strings.Contains(name, "./") || strings.Contains(name, "//") || strings.HasSuffix(name, "/.") || strings.HasSuffix(name, "..") || name == "." {
		name = path.Clean("/" + name)
	}
	return strings.Trim(name, "/")
}

func split(name string) (dir, base string) {
	at := strings.LastIndexByte(name, '/')
	return name[:max(at, 0)], name[at+1:]
}

func join(dir, base string) string {
	if dir == "" {
		return base
	}
	return dir + "/" + base
}

// reach finds the node of a path, and makes what is missing of it.
func (s *Survey) reach(dir, base string) (*node, error) {
	if s.last == nil || s.lastDir != dir {
		at := &s.root
		for part := range strings.SplitSeq(dir, "/") {
			if part == "" {
				continue
			}
			var err error
			if at, err = s.child(at, part); err != nil {
				return nil, err
			}
		}
		s.last, s.lastDir = at, dir
	}
	return s.child(s.last, base)
}

func (s *Survey) child(of *node, name string) (*node, error) {
	if n, ok := of.children[name]; ok {
		return n, nil
	}
	if s.nodes++; s.nodes > maxNodes {
		return nil, fmt.Errorf("there are more than %d paths", maxNodes)
	}
	n := &node{parent: of, name: name}
	if of.children == nil {
		of.children = map[string]*node{}
	}
	of.children[name] = n
	return n, nil
}

// find is nil for a path that is not there.
func (s *Survey) find(name string) *node {
	at := &s.root
	for part := range strings.SplitSeq(name, "/") {
		if part == "" {
			continue
		}
		if at = at.children[part]; at == nil {
			return nil
		}
	}
	return at
}

// put gives a path what the layer on top says about it.
func (s *Survey) put(n *node, e *Entry) error {
	linked := s.linked(e)
	if linked != nil {
		linked.links++ // before the name is taken from what it may be itself
	}
	s.replace(n, e)
	n.layer, n.dir, n.mode, n.uid, n.gid = len(s.layers), e.Kind == tar.TypeDir, e.Mode, e.UID, e.GID
	switch {
	case linked != nil:
		n.data = linked
		linked.more = append(linked.more, n)
	case e.hasContent():
		if e.Size > math.MaxInt64-s.size {
			return errors.New("the files have more bytes than can be counted")
		}
		s.size += e.Size
		n.data = &data{at: n, size: e.Size, links: 1, layer: n.layer}
		s.files = append(s.files, n.data)
		s.top().Size += e.Size
	}
	return nil
}

// hasContent is true of regular files that are not empty. Others may have a size, too,
// which means nothing.
func (e *Entry) hasContent() bool {
	switch e.Kind {
	case tar.TypeDir, tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return false
	}
	return e.Size > 0
}

// replace makes place for an entry, and counts it. A directory that is there as well
// is only where something changed below it, unless its owner or mode differ.
func (s *Survey) replace(n *node, e *Entry) {
	top, current := s.top(), len(s.layers)
	isDir, below := e.Kind == tar.TypeDir, n.layer > 0 && n.layer < current
	switch {
	case n.layer == 0 && len(n.children) == 0:
		top.Added++
	case isDir && (n.dir || n.layer == 0):
		if below && (n.mode != e.Mode || n.uid != e.UID || n.gid != e.GID) {
			top.Changed++
		}
	default:
		if below {
			top.Changed++
		}
		s.hideBelow(n, Replaced, &Whiteout{}, current+1)
		s.release(n, Replaced)
	}
}

// linked is the content that a hard link names, nil when there is none.
func (s *Survey) linked(e *Entry) *data {
	if e.Kind != tar.TypeLink || len(e.Link) > maxPath {
		return nil
	}
	if target := s.find(clean(e.Link)); target != nil {
		return target.data
	}
	return nil
}

// remove does what a whiteout says. It concerns lower layers only, wherever in its own
// layer it stands.
func (s *Survey) remove(name string, opaque bool) {
	s.top().Removed++
	w := Whiteout{Path: "/" + name, Layer: len(s.layers), Opaque: opaque}
	if n := s.find(name); n != nil {
		if opaque || n == &s.root {
			s.hideBelow(n, Removed, &w, w.Layer)
		} else {
			s.hide(n, Removed, &w, w.Layer)
		}
	}
	s.whiteouts = append(s.whiteouts, w)
}

// hide takes away what layers before the one named below have at a path, and counts it.
func (s *Survey) hide(n *node, how string, w *Whiteout, below int) {
	s.hideBelow(n, how, w, below)
	if n.layer >= below {
		return
	}
	if n.layer > 0 {
		w.Entries++
	}
	w.Size += s.release(n, how)
	n.layer, n.dir = 0, false
	if len(n.children) == 0 {
		delete(n.parent.children, n.name)
		s.last = nil
	}
}

// hideBelow goes through a directory once for the whiteouts of a layer, however many
// there are: afterwards nothing of lower layers is there.
func (s *Survey) hideBelow(n *node, how string, w *Whiteout, below int) {
	if current := len(s.layers); below == current {
		if n.cleared == current {
			return
		}
		n.cleared = current
	}
	for _, child := range n.children {
		s.hide(child, how, w, below)
	}
}

// release takes a name from its content, which is out of sight when it was the last
// one. It tells how many bytes are.
func (s *Survey) release(n *node, how string) int64 {
	d := n.data
	n.data = nil
	if d == nil {
		return 0
	}
	if d.links--; d.links > 0 {
		return 0
	}
	d.hiddenBy, d.how = len(s.layers), how
	s.layers[d.layer-1].Hidden += d.size
	return d.size
}

// Layers counts what each layer does, the base first.
func (s *Survey) Layers() []Layer { return slices.Clone(s.layers) }

// Largest gives the n largest files of all layers, those that are hidden too.
func (s *Survey) Largest(n int) []File {
	slices.SortStableFunc(s.files, func(a, b *data) int { return cmp.Compare(b.size, a.size) })
	list := make([]File, min(n, len(s.files)))
	for i := range list {
		d := s.files[i]
		list[i] = File{Path: d.path(), Size: d.size, Layer: d.layer, HiddenBy: d.hiddenBy, How: d.how}
	}
	return list
}

// Whiteouts gives the n whiteouts that hide most.
func (s *Survey) Whiteouts(n int) []Whiteout {
	slices.SortStableFunc(s.whiteouts, func(a, b Whiteout) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(b.Entries, a.Entries))
	})
	return slices.Clone(s.whiteouts[:min(n, len(s.whiteouts))])
}

// path is the first name that is left, or the first of all when there is none.
func (d *data) path() string {
	if d.hiddenBy > 0 || d.at.data == d {
		return d.at.path()
	}
	left := slices.IndexFunc(d.more, func(n *node) bool { return n.data == d })
	return d.more[left].path()
}

func (n *node) path() string {
	var parts []string
	for ; n.parent != nil; n = n.parent {
		parts = append(parts, n.name)
	}
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/")
}
