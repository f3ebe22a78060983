package buildcache

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// FileChange is one difference between two lists of files.
type FileChange struct {
	Path   string `json:"path"`
	Change string `json:"change"` // "content changed", "added", "mode 0644 → 0755", ...
}

// Changes tells how the second list is other than the first: changed files first,
// then what was added and removed. Each kind is sorted.
func Changes(before, after *Files) []FileChange {
	known := map[string]fileRecord{}
	if before.each(func(path string, r fileRecord) { known[path] = r }) != nil {
		return nil
	}
	var changed, added, removed []FileChange
	err := after.each(func(path string, r fileRecord) {
		old, ok := known[path]
		if !ok {
			added = append(added, FileChange{path, "added"})
			return
		}
		if what := old.differs(r); what != "" {
			changed = append(changed, FileChange{path, what})
		}
		old.seen = true
		known[path] = old
	})
	if err != nil {
		return nil
	}
	for path, r := range known {
		if !r.seen {
			removed = append(removed, FileChange{path, "removed"})
		}
	}
	for _, list := range [][]FileChange{changed, added, removed} {
		slices.SortFunc(list, func(a, b FileChange) int { return cmp.Compare(a.Path, b.Path) })
	}
	return slices.Concat(changed, added, removed)
}

var typeNames = map[byte]string{
	'f': "file", 'd': "directory", 'l': "symbolic link", 'h': "hard link", 'c': "character device", 'b': "block device", 'p': "FIFO",
}

// differs says how a file has changed; "" is not at all.
func (r fileRecord) differs(now fileRecord) string {
	if r.typ != now.typ {
		return typeNames[r.typ] + " → " + typeNames[now.typ]
	}
	var what []string
	if r.size != now.size || r.sum != now.sum {
		what = append(what, "content changed")
	}
	if r.link != now.link {
		what = append(what, fmt.Sprintf("link %q → %q", r.link, now.link))
	}
	if r.mode != now.mode {
		what = append(what, fmt.Sprintf("mode %04o → %04o", r.mode, now.mode))
	}
	if r.uid != now.uid || r.gid != now.gid {
		what = append(what, fmt.Sprintf("owner %d:%d → %d:%d", r.uid, r.gid, now.uid, now.gid))
	}
	if r.attrs != now.attrs {
		what = append(what, "extended attributes changed")
	}
	return strings.Join(what, ", ")
}
