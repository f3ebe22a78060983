package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
	"golang.org/x/sys/unix"
)

// Put writes an artifact under a tag, in place of what is there. Readers see the old
// one or the new one, whole.
func (r *CacheRepo) Put(ctx context.Context, tag string, a Artifact) error {
	return inOneLine(r.c.retry(ctx, r.registry, func() error {
		switch r.place.Kind {
		case PlaceOCI:
			return r.putLayout(ctx, tag, a)
		case PlaceDir:
			return r.putDir(ctx, tag, a)
		}
		return r.putRegistry(ctx, tag, a)
	}))
}

func (r *CacheRepo) putRegistry(ctx context.Context, tag string, a Artifact) error {
	ref, sys, err := r.locate(tag)
	if err != nil {
		return err
	}
	return r.putWhole(ctx, sys, ref, a)
}

// putWhole writes an artifact where the library's way of naming it is good enough.
func (r *CacheRepo) putWhole(ctx context.Context, sys *types.SystemContext, ref types.ImageReference, a Artifact) (err error) {
	dest, err := ref.NewImageDestination(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dest.Close()) }()
	manifest, err := r.putParts(ctx, dest, a)
	if err != nil {
		return err
	}
	if err := dest.PutManifest(ctx, manifest, nil); err != nil {
		return err
	}
	return dest.Commit(ctx, nil)
}

// putParts writes layers and text, and gives the manifest.
func (r *CacheRepo) putParts(ctx context.Context, dest types.ImageDestination, a Artifact) ([]byte, error) {
	var layers []imgspec.Descriptor
	for _, l := range a.Layers {
		d, err := r.layer(ctx, dest, l)
		if err != nil {
			return nil, err
		}
		layers = append(layers, d)
	}
	if len(layers) == 0 { // registries want at least one
		layers = []imgspec.Descriptor{imgspec.DescriptorEmptyJSON}
		if err := putText(ctx, dest, imgspec.DescriptorEmptyJSON.Data); err != nil {
			return nil, err
		}
	}
	if err := putText(ctx, dest, a.Text); err != nil {
		return nil, err
	}
	return renderArtifact(a, layers)
}

// putText writes a small blob.
func putText(ctx context.Context, dest types.ImageDestination, text []byte) error {
	info := types.BlobInfo{Digest: digest.FromBytes(text), Size: int64(len(text))}
	_, err := dest.PutBlob(ctx, bytes.NewReader(text), info, none.NoCache, true)
	return err
}

// layer brings a layer of the store to the destination, unless it is there or the
// registry has it somewhere. Another goroutine or process that is about to do the
// same is waited for.
func (r *CacheRepo) layer(ctx context.Context, dest types.ImageDestination, l ArtifactLayer) (imgspec.Descriptor, error) {
	unlock, err := r.c.lock(ctx, "layer "+l.DiffID.String())
	if err != nil {
		return imgspec.Descriptor{}, err
	}
	defer unlock()
	s := &sender{
		c: r.c, o: r.options(), dest: dest, ledger: newLedger(r.c.Store), anyZstd: true,
		src: &streamSource{store: r.c.Store, raw: r.c.Store.Raw(), layers: map[digest.Digest]string{l.DiffID: l.ID}},
	}
	if r.place.Kind == PlaceRegistry {
		s.place = r.place.Name
	}
	b, err := s.layer(ctx, l.DiffID)
	return b.descriptor(), err
}

// putDir writes a directory with the layout of "dir:" and renames it.
func (r *CacheRepo) putDir(ctx context.Context, tag string, a Artifact) (err error) {
	sys, err := r.system()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.place.Name, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(r.place.Name, ".new-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	ref, err := directory.NewReference(tmp)
	if err != nil {
		return err
	}
	if err := r.putWhole(ctx, sys, ref, a); err != nil {
		return err
	}
	return exchange(tmp, filepath.Join(r.place.Name, tag))
}

// exchange gives a directory its name. One that has the name already gets that of
// the new one.
func exchange(from, to string) error {
	err := os.Rename(from, to)
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTEMPTY) {
		err = unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
	}
	if err != nil {
		return fmt.Errorf("replacing %q: %w", to, err)
	}
	return nil
}
