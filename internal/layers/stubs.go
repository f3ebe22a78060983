package layers

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/store"
)

// stubSet knows the entries that stand in a root file system only because
// something is, or was, mounted there. The maker removes them after its run; this
// is the second line of defence, for a commit while a run is active or after one
// was killed.
type stubSet struct {
	made, pulledUp map[string]store.Stub
}

func readStubs(recordDir string) (stubSet, error) {
	var s stubSet
	for kind, set := range map[store.StubKind]*map[string]store.Stub{store.StubMade: &s.made, store.StubPulledUp: &s.pulledUp} {
		list, err := store.ReadStubs(recordDir, kind)
		if err != nil {
			return s, err
		}
		*set = make(map[string]store.Stub, len(list))
		for _, stub := range list {
			(*set)[filepath.Clean(stub.Path)] = stub
		}
	}
	return s, nil
}

func (s *stubSet) empty() bool { return len(s.made)+len(s.pulledUp) == 0 }

// verdict is what becomes of an entry.
type verdict int

const (
	keep        verdict = iota // it is content
	leaveOut                   // it was made for a mount
	leavePulled                // it was copied up for the sake of what was below it
)

// look compares an entry with what was recorded of it, without what is below it.
func (s *stubSet) look(path string, st *syscall.Stat_t) verdict {
	if stub, ok := s.made[path]; ok && looksAsMade(stub, st) {
		return leaveOut
	}
	if stub, ok := s.pulledUp[path]; ok && looksAsMade(stub, st) {
		return leavePulled
	}
	return keep
}

func looksAsMade(stub store.Stub, st *syscall.Stat_t) bool {
	if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size != 0 {
		return false
	}
	return st.Mode == stub.Mode && int(st.Uid) == stub.UID && int(st.Gid) == stub.GID && st.Mtim.Nano() == stub.ModTime
}

// lookAlone is look for an entry with its attributes.
func (s *stubSet) lookAlone(n *node) verdict {
	v := s.look(n.path, n.st)
	if v == leavePulled && slices.ContainsFunc(n.xattrs, func(x string) bool { return inTar(x) || x == opaqueXattr() }) {
		return keep // the record does not say whether they are the base's
	}
	return v
}

// judge decides on an entry of a directory that is open at dir: a directory is
// left out only if all that is below it is.
func (s *stubSet) judge(n *node) (verdict, error) {
	if s.empty() {
		return keep, nil
	}
	v := s.lookAlone(n)
	if v == keep || !n.fi.IsDir() {
		return v, nil
	}
	fd, err := openDir(n.dir, n.name)
	if err != nil {
		return keep, err
	}
	d := os.NewFile(uintptr(fd), n.path)
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return keep, err
	}
	for _, name := range names {
		child, err := lookAt(fd, name, filepath.Join(n.path, name))
		if err != nil {
			return keep, err
		}
		below, err := s.judge(child)
		if err != nil || below == keep {
			return keep, err
		}
	}
	return v, nil
}

// hidesLower tells whether an entry left out would let one of a lower directory
// show through: then a whiteout has to take its place.
func hidesLower(lowers []string, path string) bool {
	for _, lower := range lowers {
		root, err := unix.Open(lower, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		fd, err := unix.Openat2(root, path, &unix.OpenHow{
			Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS,
		})
		_ = unix.Close(root)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		err = unix.Fstat(fd, &st)
		_ = unix.Close(fd)
		// The topmost that has it decides; a whiteout there hides it already.
		return err == nil && (st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0)
	}
	return false
}

func proc(dir int, name string) string {
	return "/proc/self/fd/" + strconv.Itoa(dir) + "/" + name
}
