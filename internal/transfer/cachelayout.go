package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layoutLock is the file whose lock is held while the index of a layout is replaced.
const layoutLock = ".buildah-lock"

// putLayout writes into an OCI layout that others may be writing to: the library's
// own way of changing the index is neither atomic nor made for two.
func (r *CacheRepo) putLayout(ctx context.Context, tag string, a Artifact) (err error) {
	ref, sys, err := r.locate(tag)
	if err != nil {
		return err
	}
	r.dropDamaged(ctx, tag)
	dest, err := ref.NewImageDestination(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dest.Close()) }()
	manifest, err := r.putParts(ctx, dest, a)
	if err == nil {
		err = putText(ctx, dest, manifest)
	}
	if err != nil {
		return err
	}
	return r.index(ctx, imgspec.Descriptor{
		MediaType: imgspec.MediaTypeImageManifest, ArtifactType: a.Type,
		Digest: digest.FromBytes(manifest), Size: int64(len(manifest)),
		Annotations: map[string]string{imgspec.AnnotationRefName: tag},
	})
}

// index names an artifact in the index of the layout, and nothing else that name.
func (r *CacheRepo) index(ctx context.Context, d imgspec.Descriptor) error {
	dir := r.place.Name
	lock, err := lockFile(ctx, filepath.Join(dir, layoutLock))
	if err != nil {
		return fmt.Errorf("locking %q: %w", dir, err)
	}
	defer lock.Close()
	name := filepath.Join(dir, imgspec.ImageIndexFile)
	index := imgspec.Index{MediaType: imgspec.MediaTypeImageIndex}
	index.SchemaVersion = 2
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, &index)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	tag := d.Annotations[imgspec.AnnotationRefName]
	index.Manifests = slices.DeleteFunc(index.Manifests, func(have imgspec.Descriptor) bool {
		return have.Annotations[imgspec.AnnotationRefName] == tag
	})
	index.Manifests = append(index.Manifests, d)
	if data, err = json.Marshal(index); err != nil {
		return err
	}
	mark, err := json.Marshal(imgspec.ImageLayout{Version: imgspec.ImageLayoutVersion})
	if err != nil {
		return err
	}
	return errors.Join(replace(filepath.Join(dir, imgspec.ImageLayoutFile), mark), replace(name, data))
}

// replace writes a file that others read.
func replace(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// dropDamaged removes the layers of an artifact that are not what they are called:
// else they would be taken for ones that need not be written.
func (r *CacheRepo) dropDamaged(ctx context.Context, tag string) {
	a, err := r.get(ctx, tag)
	if err != nil {
		return
	}
	for _, l := range a.Layers {
		name := filepath.Join(r.place.Name, imgspec.ImageBlobsDir, l.Digest.Algorithm().String(), l.Digest.Encoded())
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		if sum, err := digest.Canonical.FromReader(f); err == nil && sum != l.Digest {
			os.Remove(name)
		}
		f.Close()
	}
}
