package sourceimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/compress"
)

// CreateOptions adjusts Create.
type CreateOptions struct {
	Author  string     // "" leaves it out
	Created *time.Time // nil leaves it out
}

// config is the configuration of a source image.
type config struct {
	Created *time.Time `json:"created,omitempty"`
	Author  string     `json:"author,omitempty"`
}

// Create makes an empty source image at PATH[:REF]. There must be nothing yet.
func Create(text string, o CreateOptions) error {
	dir, ref := Split(text)
	err := Make(dir, func(temp string) error { return fill(temp, ref, o) })
	if err != nil {
		return fmt.Errorf("creating source image %q: %w", text, err)
	}
	return nil
}

func fill(dir, ref string, o CreateOptions) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	l := &layout{root: root, index: imgspec.Index{}}
	defer l.close()
	l.index.SchemaVersion = 2
	text, err := json.Marshal(config{Created: o.Created, Author: o.Author})
	if err != nil {
		return err
	}
	m := imgspec.Manifest{MediaType: imgspec.MediaTypeImageManifest, Layers: []imgspec.Descriptor{}}
	m.SchemaVersion = 2
	if m.Config, err = l.put(ConfigMediaType, text); err != nil {
		return err
	}
	d, err := l.putManifest(m)
	if err != nil {
		return err
	}
	if ref != "" {
		d.Annotations = map[string]string{imgspec.AnnotationRefName: ref}
	}
	l.index.Manifests = []imgspec.Descriptor{d}
	if err := l.writeFile(imgspec.ImageIndexFile, l.index); err != nil {
		return err
	}
	return l.writeFile(imgspec.ImageLayoutFile, imgspec.ImageLayout{Version: imgspec.ImageLayoutVersion})
}

func (l *layout) putManifest(m imgspec.Manifest) (imgspec.Descriptor, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return imgspec.Descriptor{}, err
	}
	return l.put(imgspec.MediaTypeImageManifest, data)
}

// ParseAnnotations reads KEY=VALUE texts. A key may be given once.
func ParseAnnotations(texts []string) (map[string]string, error) {
	var all map[string]string
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("invalid annotation %q: it has to be KEY=VALUE", text)
		}
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("annotation %q is given more than once", key)
		}
		if all == nil {
			all = map[string]string{}
		}
		all[key] = value
	}
	return all, nil
}

// Add puts a file, or what is in a directory, into the source image at PATH[:REF],
// as a layer with annotations. A reader sees the image without it or with it.
func Add(ctx context.Context, text, artifact string, annotations map[string]string) error {
	dir, ref := Split(text)
	err := add(ctx, dir, ref, artifact, annotations)
	if err != nil {
		return fmt.Errorf("adding %q to source image %q: %w", artifact, text, err)
	}
	return nil
}

func add(ctx context.Context, dir, ref, artifact string, annotations map[string]string) error {
	l, err := openLayout(dir)
	if err != nil {
		return err
	}
	defer l.close()
	unlock, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock.Close()
	if err := l.load(); err != nil {
		return err
	}
	at, err := l.find(ref)
	if err != nil {
		return err
	}
	m, err := l.manifest(at)
	if err != nil {
		return err
	}
	layer, err := l.pack(ctx, artifact)
	if err != nil {
		return err
	}
	layer.Annotations = maps.Clone(annotations)
	if err := l.append(at, m, layer); err != nil {
		return errors.Join(err, l.undo(layer.Digest))
	}
	return nil
}

// append replaces the image at a place of the index by one with another layer.
func (l *layout) append(at int, m imgspec.Manifest, layer imgspec.Descriptor) error {
	m.Layers = append(slices.Clone(m.Layers), layer)
	d, err := l.putManifest(m)
	if err != nil {
		return err
	}
	old := l.index.Manifests[at]
	l.index.Manifests[at].Digest, l.index.Manifests[at].Size = d.Digest, d.Size
	if err := l.writeFile(imgspec.ImageIndexFile, l.index); err != nil {
		l.index.Manifests[at] = old
		return errors.Join(err, l.undo(d.Digest))
	}
	return l.drop(old.Digest)
}

// pack writes an artifact as a compressed tar.
func (l *layout) pack(ctx context.Context, artifact string) (d imgspec.Descriptor, err error) {
	real, err := filepath.EvalSymlinks(artifact)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return d, err
	}
	info, err := os.Stat(real)
	if err != nil {
		return d, err
	}
	dir, name := real, "."
	switch {
	case info.Mode().IsRegular():
		dir, name = filepath.Dir(real), filepath.Base(real)
	case !info.IsDir():
		return d, errors.New("it is neither a file nor a directory")
	}
	own, err := filepath.Abs(l.root.Name())
	if err == nil {
		own, err = filepath.EvalSymlinks(own)
	}
	if err == nil && info.IsDir() {
		if rel, err := filepath.Rel(real, own); err == nil && filepath.IsLocal(rel) {
			return d, errors.New("the source image lies in it")
		}
	}
	root, err := copier.OpenRoot(dir)
	if err != nil {
		return d, err
	}
	defer root.Close()
	read := make(chan struct{})
	defer func() { <-read }() // the root is in use until then
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	go func() {
		defer close(read)
		w.CloseWithError(copier.Tar(ctx, w, root, name, copier.TarOptions{}))
	}()
	defer r.Close() //nolint:errcheck // a pipe in memory
	packed, err := compress.NewBudget(0).Reader(ctx, r, compress.Gzip, compress.DefaultGzipLevel)
	if err != nil {
		return d, err
	}
	d, err = l.stream(imgspec.MediaTypeImageLayerGzip, packed)
	return d, errors.Join(err, packed.Close())
}

// Check finds out whether there is a source image at PATH[:REF], and gives the
// reference that names it, which may be "" only where it has none.
func Check(text string) (dir, ref string, err error) {
	dir, ref = Split(text)
	l, err := openLayout(dir)
	if err != nil {
		return dir, ref, fmt.Errorf("reading source image %q: %w", text, err)
	}
	defer l.close()
	var at int
	if err = l.load(); err == nil {
		at, err = l.find(ref)
	}
	if err == nil {
		_, err = l.manifest(at)
	}
	if err != nil {
		return dir, ref, fmt.Errorf("reading source image %q: %w", text, err)
	}
	return dir, l.index.Manifests[at].Annotations[imgspec.AnnotationRefName], nil
}
