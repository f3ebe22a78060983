// Package sourceimage keeps source images: OCI images of what an ordinary image
// was made from. One lives in a directory in the OCI layout; whatever another
// process sees of it is whole.
package sourceimage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// ConfigMediaType is what tells a source image from others.
const ConfigMediaType = "application/vnd.oci.source.image.config.v1+json"

var (
	// ErrNotSource is an image that can be run, or something else that is no source image.
	ErrNotSource = errors.New("it is not a source image")
	errExists    = errors.New("it exists already")
)

const (
	indexLimit    = 4 << 20 // bytes
	manifestLimit = 4 << 20 // bytes, as registries have it
	blobDir       = "blobs/sha256"
	newPrefix     = "new-" // of files that nobody refers to yet
)

// Split divides PATH[:REF]. Only what has no slash can be a REF.
func Split(text string) (dir, ref string) {
	if i := strings.LastIndexByte(text, ':'); i > 0 && !strings.Contains(text[i:], "/") {
		return text[:i], text[i+1:]
	}
	return text, ""
}

// Make fills a new directory, which appears under its name when fill is done with
// it, or not at all.
func Make(dir string, fill func(dir string) error) (err error) {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("making %q: %w", dir, errExists)
	}
	parent, name := filepath.Split(filepath.Clean(dir))
	temp := filepath.Join(parent, "."+name+"."+strings.ToLower(rand.Text()))
	if err := os.Mkdir(temp, 0o755); err != nil {
		return fmt.Errorf("making %q: %w", dir, err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temp)
		}
	}()
	if err := fill(temp); err != nil {
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, filepath.Clean(dir), unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("making %q: %w", dir, errExists)
	}
	if errors.Is(err, unix.EINVAL) { // the file system cannot promise that; only an empty directory could be replaced
		err = os.Rename(temp, dir)
	}
	if err != nil {
		return fmt.Errorf("making %q: %w", dir, err)
	}
	return nil
}

// layout is an open directory. Nothing outside of it can be reached through it.
type layout struct {
	root  *os.Root
	index imgspec.Index
	made  map[digest.Digest]bool // blobs that were not there before
}

// openLayout opens a directory. The caller closes it.
func openLayout(dir string) (*layout, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	l := &layout{root: root}
	if err := l.readJSON(imgspec.ImageLayoutFile, indexLimit, &imgspec.ImageLayout{}); err != nil {
		root.Close()
		return nil, fmt.Errorf("it is no OCI layout: %w", err)
	}
	return l, nil
}

// load reads the index.
func (l *layout) load() error {
	l.index = imgspec.Index{}
	return l.readJSON(imgspec.ImageIndexFile, indexLimit, &l.index)
}

func (l *layout) close() { l.root.Close() }

func (l *layout) readJSON(name string, limit int64, into any) error {
	data, err := l.read(name, limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	return nil
}

func (l *layout) read(name string, limit int64) ([]byte, error) {
	// What is no file, such as a pipe, is not waited for.
	f, err := l.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("reading %q: it has more than %d bytes", name, limit)
	}
	return data, nil
}

// lock keeps other commands from changing the layout until it is closed.
func (l *layout) lock(ctx context.Context) (io.Closer, error) {
	const pause = 50 * time.Millisecond
	f, err := l.root.Open(".")
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			break
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking it: %w", err)
	}
	return f, nil
}

// find gives the place in the index of the image that a reference names; without
// a reference there must be one only.
func (l *layout) find(ref string) (int, error) {
	var at []int
	for i, d := range l.index.Manifests {
		if ref == "" || d.Annotations[imgspec.AnnotationRefName] == ref {
			at = append(at, i)
		}
	}
	switch {
	case len(at) == 1:
		return at[0], nil
	case len(at) == 0 && ref != "":
		return 0, fmt.Errorf("it has no image %q", ref)
	case len(at) == 0:
		return 0, errors.New("it has no image")
	}
	return 0, fmt.Errorf("it has %d images: name one as PATH:REF", len(at))
}

// manifest reads the image at a place of the index, which must be a source image.
func (l *layout) manifest(at int) (imgspec.Manifest, error) {
	var m imgspec.Manifest
	d := l.index.Manifests[at]
	name, err := blobName(d.Digest)
	if err != nil {
		return m, err
	}
	data, err := l.read(name, manifestLimit)
	if err != nil {
		return m, err
	}
	if d.Digest != digest.FromBytes(data) {
		return m, fmt.Errorf("reading the manifest: it is not what its digest %q says", d.Digest)
	}
	return ParseManifest(data)
}

// ParseManifest reads the manifest of a source image, and refuses any other.
func ParseManifest(data []byte) (imgspec.Manifest, error) {
	var m imgspec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("reading the manifest: %w", err)
	}
	if m.MediaType != "" && m.MediaType != imgspec.MediaTypeImageManifest {
		return m, fmt.Errorf("%w: its manifest is %q", ErrNotSource, m.MediaType)
	}
	if m.Config.MediaType != ConfigMediaType {
		return m, fmt.Errorf("%w: its configuration is %q", ErrNotSource, m.Config.MediaType)
	}
	for _, d := range append([]imgspec.Descriptor{m.Config}, m.Layers...) {
		if err := d.Digest.Validate(); err != nil {
			return m, fmt.Errorf("reading the manifest: blob %q: %w", d.Digest, err)
		}
	}
	return m, nil
}

func blobName(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil || d.Algorithm() != digest.SHA256 {
		return "", fmt.Errorf("%q is not a sha256 digest", d)
	}
	return path.Join(blobDir, d.Encoded()), nil
}

// put writes a blob that fits in memory.
func (l *layout) put(mediaType string, data []byte) (imgspec.Descriptor, error) {
	return l.stream(mediaType, bytes.NewReader(data))
}

// stream writes a blob whose digest shows at its end.
func (l *layout) stream(mediaType string, r io.Reader) (imgspec.Descriptor, error) {
	d := imgspec.Descriptor{MediaType: mediaType}
	sum := digest.SHA256.Digester()
	temp, size, err := l.temporary(io.TeeReader(r, sum.Hash()))
	if err != nil {
		return d, err
	}
	d.Digest, d.Size = sum.Digest(), size
	name, err := blobName(d.Digest)
	if err == nil {
		_, found := l.root.Lstat(name)
		l.note(d.Digest, errors.Is(found, fs.ErrNotExist))
		err = l.root.Rename(temp, name)
	}
	if err != nil {
		return d, errors.Join(err, l.root.Remove(temp))
	}
	return d, nil
}

// note remembers a blob that is new.
func (l *layout) note(d digest.Digest, isNew bool) {
	if l.made == nil {
		l.made = map[digest.Digest]bool{}
	}
	l.made[d] = l.made[d] || isNew
}

// undo removes a blob again, unless it was there before: other images may have it.
func (l *layout) undo(d digest.Digest) error {
	if !l.made[d] {
		return nil
	}
	return l.drop(d)
}

// temporary writes a file beside the blobs, which is on disk when this returns.
func (l *layout) temporary(r io.Reader) (name string, size int64, err error) {
	if err := l.root.MkdirAll(blobDir, 0o755); err != nil {
		return "", 0, err
	}
	name = path.Join(blobDir, newPrefix+strings.ToLower(rand.Text()))
	f, err := l.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", 0, err
	}
	size, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", 0, errors.Join(err, l.root.Remove(name))
	}
	return name, size, nil
}

// writeFile replaces a file of the layout.
func (l *layout) writeFile(name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	temp, _, err := l.temporary(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if err := l.root.Rename(temp, name); err != nil {
		return errors.Join(err, l.root.Remove(temp))
	}
	return nil
}

// drop removes a blob that no image of the index names; it may be gone already. What
// lists in the index name is not known, so that beside one everything stays.
func (l *layout) drop(d digest.Digest) error {
	if slices.ContainsFunc(l.index.Manifests, func(have imgspec.Descriptor) bool {
		return have.Digest == d || have.MediaType != imgspec.MediaTypeImageManifest
	}) {
		return nil
	}
	name, err := blobName(d)
	if err != nil {
		return err
	}
	if err := l.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
