// Package copier moves bytes in and out of one root directory and never leaves
// it: whatever a path, a symbolic link or an archive says, only what lies below
// the [Root] is read or written. It is what stands behind `buildah copy`,
// `buildah add` and the COPY and ADD of a Dockerfile. It knows no images.
//
// Paths are slash-separated and relative to a root, whether or not they begin
// with a slash. A symbolic link on the way is followed inside the root, an
// absolute one starting at the root.
package copier

import (
	"io/fs"
	"os"
	"time"
)

// Info is what a root tells about one of its files. Owners are as on disk.
type Info struct {
	Name       string // last component, or "/" for the root itself
	Mode       os.FileMode
	UID, GID   int
	Size       int64
	ModTime    time.Time
	ChangeTime time.Time
	Dev, Ino   uint64
	Nlink      uint64
	Rdev       uint64
}

// IsDir tells directories from all else.
func (i Info) IsDir() bool { return i.Mode.IsDir() }

// Owner is a user and a group by their numbers.
type Owner struct{ UID, GID int }

// IDMap translates owners between a container and the disk. A nil IDMap stands
// for a container whose ids are those of the disk.
type IDMap interface {
	// ToHost gives the owner to write to disk.
	ToHost(container Owner) (Owner, error)
	// ToContainer gives the owner that processes in the container see.
	ToContainer(host Owner) (Owner, error)
}

// Excluder tells which files of a source root are left out. The path is
// relative to the root and has no leading slash. prune only matters for an
// excluded directory: false means that something below it may be wanted after
// all. An Excluder that is also a fmt.Stringer gives the name of its ignore file
// for messages.
type Excluder interface {
	Excluded(path string, dir bool) (excluded, prune bool)
}

// Mode holds the twelve permission bits of a file, as chmod(2) takes them.
type Mode uint32

const (
	modeSetID = 0o6000
	modeAll   = 0o7777
)

// ModeOf gives the permission bits of a mode of package os.
func ModeOf(m os.FileMode) Mode {
	bits := Mode(m.Perm())
	for flag, bit := range map[os.FileMode]Mode{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&flag != 0 {
			bits |= bit
		}
	}
	return bits
}

// toHost translates for writing; a nil map keeps the owner.
func toHost(ids IDMap, o Owner) (Owner, error) {
	if ids == nil {
		return o, nil
	}
	return ids.ToHost(o)
}

// toContainer translates what was read; a nil map keeps the owner.
func toContainer(ids IDMap, o Owner) (Owner, error) {
	if ids == nil {
		return o, nil
	}
	return ids.ToContainer(o)
}
