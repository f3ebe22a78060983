package layers

import (
	"archive/tar"
	"errors"
	"io"
	"path"
	"strings"
	"syscall"
	"time"

	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/idtools"

	"github.com/projectatomic/buildah/internal/store"
)

// rewriter changes a tar stream on its way: times are clamped, entries left out.
// What it need not change comes out byte for byte as it went in.
type rewriter struct {
	clamp Clamp
	drop  map[string]bool
}

func (rw *rewriter) rewrite(w io.Writer, r io.Reader) error {
	tr, tw := tar.NewReader(r), tar.NewWriter(w)
	buf := make([]byte, chunkSize)
	for {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return tw.Close()
		}
		if err != nil {
			return err
		}
		if rw.drop[cleanName(hdr.Name)] {
			continue
		}
		rw.clampTimes(hdr)
		if err := tw.WriteHeader(hdr); err != nil {
			return err
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{tw}, struct{ io.Reader }{tr}, buf); err != nil {
			return err
		}
	}
}

func (rw *rewriter) clampTimes(hdr *tar.Header) {
	hdr.ModTime = rw.clamp.apply(hdr.ModTime)
	// these are only altered where they are present
	for _, t := range []*time.Time{&hdr.AccessTime, &hdr.ChangeTime} {
		if !t.IsZero() {
			*t = rw.clamp.apply(*t)
		}
	}
}

func cleanName(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// inStream finds the entries of a tar stream that are mount stubs, and nothing
// else: a directory only if all that is below it is left out too.
func (s *stubSet) inStream(r io.Reader, maps *idtools.IDMappings) (map[string]bool, error) {
	drop := map[string]bool{}
	var kept []string
	tr := tar.NewReader(r)
	for {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		name := cleanName(hdr.Name)
		if s.stubHeader(name, hdr, maps) {
			drop[name] = true
			continue
		}
		kept = append(kept, name)
	}
	for _, name := range kept {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			delete(drop, dir)
		}
	}
	return drop, nil
}

// stubHeader compares a header with what was recorded.
func (s *stubSet) stubHeader(name string, hdr *tar.Header, maps *idtools.IDMappings) bool {
	ids := idtools.IDPair{UID: hdr.Uid, GID: hdr.Gid}
	if !maps.Empty() {
		var err error
		if ids, err = maps.ToHost(ids); err != nil {
			return false
		}
	}
	st := syscall.Stat_t{Uid: uint32(ids.UID), Gid: uint32(ids.GID), Size: hdr.Size, Mtim: syscall.NsecToTimespec(hdr.ModTime.UnixNano())}
	switch hdr.Typeflag {
	case tar.TypeDir:
		st.Mode = syscall.S_IFDIR
	case tar.TypeReg:
		st.Mode = syscall.S_IFREG
	default:
		return false
	}
	st.Mode |= uint32(hdr.Mode) & 0o7777
	// the stream has whole seconds
	made, pulled := wholeSeconds(s.made, name), wholeSeconds(s.pulledUp, name)
	seconds := stubSet{made: made, pulledUp: pulled}
	switch seconds.look(name, &st) {
	case leavePulled:
		for key := range hdr.PAXRecords {
			if strings.HasPrefix(key, archive.PaxSchilyXattr) {
				return false
			}
		}
		return true
	case leaveOut:
		return true
	}
	return false
}

// wholeSeconds is the record of one path, with its time as a tar has it.
func wholeSeconds(set map[string]store.Stub, name string) map[string]store.Stub {
	stub, ok := set[name]
	if !ok {
		return nil
	}
	stub.ModTime = time.Unix(0, stub.ModTime).Truncate(time.Second).UnixNano()
	return map[string]store.Stub{name: stub}
}
