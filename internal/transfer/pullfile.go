package transfer

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/pkg/compression"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"

	"github.com/projectatomic/buildah/internal/store"
)

// fromElsewhere copies an image that a transport other than a registry names.
// Policies do not apply: what is spelled out is what is wanted now.
func (j *pullJob) fromElsewhere(ctx context.Context, t types.ImageTransport, rest string) (Pulled, error) {
	if t.Name() == storeTransport && !strings.HasPrefix(rest, "[") {
		m, err := j.c.find(storeTransport+":"+rest, LookupOptions{Platform: j.o.Platform})
		if err != nil {
			return Pulled{}, err
		}
		return j.keep(&m), nil
	}
	ref, err := j.c.parse(t, rest)
	if err != nil {
		return Pulled{}, err
	}
	sys, err := j.c.permit(j.sys, ref)
	if err != nil {
		return Pulled{}, err
	}
	named, err := embeddedName(ref, rest)
	if err != nil {
		return Pulled{}, err
	}
	if j.o.Unnamed {
		named = nil
	}
	var p Pulled
	err = j.c.retry(ctx, j.o.Registry, func() error {
		p, err = j.fetchAs(ctx, sys, ref, named)
		return err
	})
	p.TransportName = t.Name()
	return p, err
}

// fetchAs copies an image into the store under a name, nil for none.
func (j *pullJob) fetchAs(ctx context.Context, sys *types.SystemContext, ref types.ImageReference, named reference.Named) (Pulled, error) {
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return Pulled{}, err
	}
	opened := &openedReference{ImageReference: ref, src: src} // unwrapped: else signatures for sigstore are lost
	defer opened.close()
	if err := j.readable(ctx, sys, limitedSource{src}); err != nil {
		return Pulled{}, err
	}
	if named != nil {
		dest, err := istorage.Transport.NewStoreReference(j.c.Store.Raw(), named, "")
		if err != nil {
			return Pulled{}, err
		}
		return j.copy(ctx, sys, opened, dest)
	}
	return j.copyUnnamed(ctx, sys, opened)
}

// copyUnnamed stores an image under the ID that it will have anyway, because the
// library wants either a name or an ID.
func (j *pullJob) copyUnnamed(ctx context.Context, sys *types.SystemContext, opened *openedReference) (Pulled, error) {
	img, err := image.FromUnparsedImage(ctx, sys, image.UnparsedInstance(opened.src, nil))
	if err != nil {
		return Pulled{}, err
	}
	if d := img.ConfigInfo().Digest; d.Validate() == nil {
		dest, err := istorage.Transport.NewStoreReference(j.c.Store.Raw(), nil, d.Encoded())
		if err != nil {
			return Pulled{}, err
		}
		return j.copy(ctx, sys, opened, dest)
	}
	// Manifests from before 2016 have no configuration: a name is lent to the image.
	named, err := reference.ParseNormalizedNamed(localhost + strings.ToLower(rand.Text()) + "-tmp:latest")
	if err != nil {
		return Pulled{}, err
	}
	dest, err := istorage.Transport.NewStoreReference(j.c.Store.Raw(), named, "")
	if err != nil {
		return Pulled{}, err
	}
	p, err := j.copy(ctx, sys, opened, dest)
	if err != nil {
		return Pulled{}, err
	}
	p.Name = ""
	return p, j.c.Store.RemoveImageName(p.ID, named.String())
}

// fromDockerArchive imports the image that is named, or all of them; all of
// their tags come along.
func (j *pullJob) fromDockerArchive(ctx context.Context, t types.ImageTransport, rest string) (first Pulled, err error) {
	ref, err := j.c.parse(t, rest)
	if err != nil {
		return first, err
	}
	reader, bound, err := archive.NewReaderForReference(j.sys, ref)
	if err != nil {
		return first, err
	}
	defer func() { _ = reader.Close() }()
	_, _, one := strings.Cut(rest, ":")
	images, err := archivedImages(reader, bound, one)
	if err != nil {
		return first, err
	}
	for i, img := range images {
		p, err := j.importArchived(ctx, img)
		if err != nil {
			return first, err
		}
		if i == 0 {
			first = p
		}
	}
	if len(images) == 0 {
		return first, fmt.Errorf("the archive holds no image: %w", store.ErrImageUnknown)
	}
	first.TransportName = t.Name()
	return first, nil
}

// archived is an image in a docker archive and the names that it has there.
type archived struct {
	ref   types.ImageReference
	names []string
}

// archivedImages lists the image that a reference chooses, or all of them.
func archivedImages(reader *archive.Reader, bound types.ImageReference, one bool) ([]archived, error) {
	if one {
		tags, err := reader.ManifestTagsForReference(bound)
		return []archived{{bound, tags}}, err
	}
	groups, err := reader.List()
	if err != nil {
		return nil, err
	}
	var images []archived
	for _, refs := range groups {
		img := archived{ref: refs[0]}
		for _, ref := range refs {
			if named := ref.DockerReference(); named != nil {
				img.names = append(img.names, named.String())
			}
		}
		images = append(images, img)
	}
	return images, nil
}

func (j *pullJob) importArchived(ctx context.Context, img archived) (Pulled, error) {
	var names []reference.Named
	for _, text := range img.names {
		named, err := reference.ParseNormalizedNamed(text)
		if err != nil {
			return Pulled{}, fmt.Errorf("naming an image of the archive %q: %w", text, err)
		}
		names = append(names, reference.TagNameOnly(named))
	}
	if len(names) == 0 || j.o.Unnamed {
		return j.fetchAs(ctx, j.sys, img.ref, nil)
	}
	p, err := j.fetchAs(ctx, j.sys, img.ref, names[0])
	if err != nil {
		return Pulled{}, err
	}
	for _, more := range names[1:] {
		if err := j.c.Store.AddImageName(p.ID, more.String()); err != nil {
			return Pulled{}, err
		}
	}
	return p, nil
}

// embeddedName is the name that an image gets in the store: what the transport
// knows about it, nil if that is nothing.
func embeddedName(ref types.ImageReference, rest string) (reference.Named, error) {
	switch ref.Transport().Name() {
	case "oci":
		_, name, _ := strings.Cut(rest, ":")
		return localName(name), nil
	case "oci-archive":
		file, name, _ := strings.Cut(rest, ":")
		name, err := archiveName(file, name)
		return localName(name), err
	case "docker-daemon", "atomic", storeTransport:
		if named := ref.DockerReference(); named != nil && !reference.IsNameOnly(named) {
			return named, nil
		}
	}
	return nil, nil
}

// localName makes a full name of an embedded one; short ones are localhost's. nil
// if it cannot be a name.
func localName(name string) reference.Named {
	if name == "" || strings.HasPrefix(name, "@") {
		return nil
	}
	named, _, err := parseNew(name)
	if err != nil {
		return nil
	}
	return named
}

// indexLimit bounds the index.json of an archive.
const indexLimit = 4 << 20

// archiveName reads the name of an image from the index of an OCI archive,
// without unpacking it.
func archiveName(file, wanted string) (string, error) {
	index, err := archiveIndex(file)
	if err != nil {
		return "", fmt.Errorf("reading the index of %q: %w", file, err)
	}
	for _, m := range index.Manifests {
		ref := m.Annotations[imgspec.AnnotationRefName]
		if wanted != "" && ref != wanted {
			continue
		}
		if full := m.Annotations["io.containerd.image.name"]; full != "" {
			return full, nil
		}
		return ref, nil
	}
	return wanted, nil // the copier says what is missing
}

func archiveIndex(file string) (imgspec.Index, error) {
	var index imgspec.Index
	f, err := os.Open(file)
	if err != nil {
		return index, err
	}
	defer f.Close()
	r, err := plainTar(f)
	if err != nil {
		return index, err
	}
	defer r.Close()
	for entries := tar.NewReader(r); ; {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return index, errors.New("the archive has no index.json: it is not an OCI archive")
		}
		if err != nil {
			return index, err
		}
		if strings.TrimPrefix(h.Name, "./") == imgspec.ImageIndexFile {
			err := json.NewDecoder(io.LimitReader(entries, indexLimit)).Decode(&index)
			return index, err
		}
	}
}

// plainTar undoes the compression of an archive. An archive that has none stays
// seekable, so that what is skipped is not read.
func plainTar(f *os.File) (io.ReadCloser, error) {
	r, compressed, err := compression.AutoDecompress(f)
	if err != nil || compressed {
		return r, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}
