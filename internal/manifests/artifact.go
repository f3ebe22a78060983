package manifests

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/store"
)

// UnknownArtifact is the type of artifacts that say none.
const UnknownArtifact = "application/vnd.unknown.artifact.v1"

// Artifact is files that become a member of a list.
type Artifact struct {
	Files       []string
	Type        string            // "" means UnknownArtifact
	Config      []byte            // nil means the empty one
	ConfigType  string            // "" means that of the empty one
	LayerType   string            // "" means as the name or the content of each file says
	NoTitles    bool              // the names of the files are not said
	Annotations map[string]string // of the artifact's manifest
	Subject     *imgspec.Descriptor
}

// Each artifact of a list is an image layout of its own below the directory of the
// list: instances.json names it like any other member, so that every tool can push
// it, and it comes and goes in one rename.
const (
	artifactsDir = "artifacts"
	layoutMark   = "oci:"
	unfinished   = ".new-"
	sniffed      = 512 // bytes that say of which type a file is
)

// AddArtifact makes an artifact of files and puts it into a list of the store. edit
// says what else is known of the member.
func AddArtifact(st *store.Store, id string, a Artifact, o Override) (d digest.Digest, err error) {
	err = Change(st, id, func(l *List) error {
		place, err := artifactPlace(st, id)
		if err != nil {
			return err
		}
		entry, err := a.write(place)
		if err != nil {
			return fmt.Errorf("making an artifact of %q: %w", a.Files, err)
		}
		o.Apply(&entry)
		l.Add(entry)
		d = entry.Digest
		return nil
	})
	return d, err
}

// artifactPlace makes the directory of a list's artifacts.
func artifactPlace(st *store.Store, id string) (string, error) {
	dir, err := st.ListDirectory(id)
	if err != nil {
		return "", err
	}
	if strings.ContainsRune(dir, ':') {
		return "", fmt.Errorf("artifacts cannot lie below %q: a path with a colon names no image layout; use another --root", dir)
	}
	dir = filepath.Join(dir, artifactsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the directory of artifacts: %w", err)
	}
	return dir, nil
}

// write makes the layout below dir.
func (a *Artifact) write(dir string) (e Entry, err error) {
	temp, err := os.MkdirTemp(dir, unfinished)
	if err != nil {
		return e, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	m, err := a.blobs(layout(temp))
	if err != nil {
		return e, err
	}
	data, err := json.Marshal(m)
	if err != nil {
		return e, err
	}
	e.ArtifactType = m.ArtifactType
	if e.Descriptor, err = layout(temp).put(strings.NewReader(string(data)), imgspec.MediaTypeImageManifest); err != nil {
		return e, err
	}
	if err := layout(temp).finish(e.Descriptor); err != nil {
		return e, err
	}
	e.ArtifactType = m.ArtifactType
	final := filepath.Join(dir, e.Digest.Encoded())
	e.Location = layoutMark + final
	for _, name := range a.Files {
		full, err := filepath.Abs(name)
		if err != nil {
			return e, err
		}
		e.Files = append(e.Files, full)
	}
	if _, err := os.Stat(final); err == nil {
		return e, os.RemoveAll(temp) // the same artifact once more
	}
	return e, os.Rename(temp, final)
}

// blobs writes configuration and layers, and gives the manifest that names them.
func (a *Artifact) blobs(to layout) (imgspec.Manifest, error) {
	m := imgspec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageManifest,
		ArtifactType: cmp.Or(a.Type, UnknownArtifact), Subject: a.Subject, Annotations: a.Annotations,
	}
	config := a.Config
	if config == nil {
		config = imgspec.DescriptorEmptyJSON.Data
	}
	var err error
	if err := os.MkdirAll(to.blob(""), 0o700); err != nil {
		return m, err
	}
	if m.Config, err = to.put(strings.NewReader(string(config)), cmp.Or(a.ConfigType, imgspec.MediaTypeEmptyJSON)); err != nil {
		return m, err
	}
	for _, name := range a.Files {
		layer, err := a.layer(to, name)
		if err != nil {
			return m, err
		}
		m.Layers = append(m.Layers, layer)
	}
	return m, nil
}

// layer copies a file.
func (a *Artifact) layer(to layout, name string) (imgspec.Descriptor, error) {
	f, err := os.Open(name)
	if err != nil {
		return imgspec.Descriptor{}, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return imgspec.Descriptor{}, errors.Join(err, fmt.Errorf("%q is a directory: name the files in it", name))
	}
	content := bufio.NewReader(f)
	mediaType := a.LayerType
	if mediaType == "" {
		mediaType = mime.TypeByExtension(filepath.Ext(name))
	}
	if mediaType == "" {
		start, err := content.Peek(sniffed)
		if err != nil && !errors.Is(err, io.EOF) {
			return imgspec.Descriptor{}, err
		}
		mediaType = http.DetectContentType(start)
	}
	mediaType, _, _ = strings.Cut(mediaType, ";") // a media type in a descriptor has no parameters
	d, err := to.put(content, mediaType)
	if !a.NoTitles {
		d.Annotations = map[string]string{imgspec.AnnotationTitle: filepath.Base(name)}
	}
	return d, err
}

// layout is the directory of an image layout.
type layout string

func (l layout) blob(hex string) string { return filepath.Join(string(l), "blobs", "sha256", hex) }

// put writes a blob.
func (l layout) put(content io.Reader, mediaType string) (d imgspec.Descriptor, err error) {
	f, err := os.CreateTemp(string(l), "blob-")
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := digest.Canonical.Digester()
	n, err := io.Copy(io.MultiWriter(f, hash.Hash()), content)
	if err != nil {
		return d, err
	}
	if err := f.Sync(); err != nil {
		return d, err
	}
	d = imgspec.Descriptor{MediaType: mediaType, Digest: hash.Digest(), Size: n}
	return d, os.Rename(f.Name(), l.blob(d.Digest.Encoded()))
}

// finish writes what makes a directory a layout with one image.
func (l layout) finish(image imgspec.Descriptor) error {
	index, err := json.Marshal(imgspec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageIndex, Manifests: []imgspec.Descriptor{image},
	})
	if err != nil {
		return err
	}
	mark, err := json.Marshal(imgspec.ImageLayout{Version: imgspec.ImageLayoutVersion})
	if err != nil {
		return err
	}
	if err := l.write(imgspec.ImageLayoutFile, mark); err != nil {
		return err
	}
	return l.write(imgspec.ImageIndexFile, index)
}

// write writes a small file; once the layout has its name, all of it is on the disk.
func (l layout) write(name string, data []byte) error {
	f, err := os.OpenFile(filepath.Join(string(l), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// sweepArtifacts removes the artifacts that were members and are none now, and what
// a killed process left. The caller holds the lock of the list.
func sweepArtifacts(st *store.Store, id string, before, now map[string]string) error {
	kept := map[string]bool{}
	some := false
	for _, places := range []map[string]string{before, now} {
		for _, place := range places {
			some = some || strings.HasPrefix(place, layoutMark) && filepath.Base(filepath.Dir(place)) == artifactsDir
		}
	}
	if !some {
		return nil
	}
	for _, place := range now {
		kept[place] = true
	}
	dir, err := artifactPlace(st, id)
	if err != nil {
		return err
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("sweeping artifacts: %w", err)
	}
	var errs []error
	for _, f := range found {
		if path := filepath.Join(dir, f.Name()); !kept[layoutMark+path] {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}

// artifactsItem is artifacts.json.
type artifactsItem struct {
	Files map[digest.Digest][]string `json:"files,omitempty"` // by the digest of the artifact
}

// nameFiles fills in of what artifacts were made.
func (l *List) nameFiles(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var item artifactsItem
	if len(data) > maxSize {
		return fmt.Errorf("parsing the files of artifacts: %d bytes, %d are the most", len(data), maxSize)
	}
	if err := json.Unmarshal(data, &item); err != nil {
		return fmt.Errorf("parsing the files of artifacts: %w", err)
	}
	for i := range l.Entries {
		l.Entries[i].Files = item.Files[l.Entries[i].Digest]
	}
	return nil
}

// fileNames is what artifacts.json says: nil when there is nothing to say.
func (l *List) fileNames() ([]byte, error) {
	item := artifactsItem{Files: map[digest.Digest][]string{}}
	for _, e := range l.Entries {
		if len(e.Files) > 0 {
			item.Files[e.Digest] = e.Files
		}
	}
	if len(item.Files) == 0 {
		return nil, nil
	}
	data, err := json.Marshal(item)
	if err != nil {
		return nil, fmt.Errorf("encoding the files of artifacts: %w", err)
	}
	return data, nil
}
