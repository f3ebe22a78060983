package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"
)

// ErrNoHeaders is a layer whose tar must be made anew by the driver.
var ErrNoHeaders = errors.New("the headers of the layer were not kept")

// OpenHeaders opens what is kept of a layer's tar, all but the content of files
// (tar-split, compressed). It is in the store that the layer is in. The caller closes it.
func (s *Store) OpenHeaders(layerID string) (*os.File, error) {
	driver, err := s.raw.GraphDriver()
	if err != nil {
		return nil, fmt.Errorf("asking the storage driver: %w", err)
	}
	roots := append([]string{s.raw.GraphRoot(), s.raw.ImageStore()}, driver.AdditionalImageStores()...)
	for _, root := range roots {
		if root == "" {
			continue
		}
		f, err := os.Open(filepath.Join(root, driver.String()+"-layers", layerID+".tar-split.gz"))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, ErrNoHeaders
}

// LayerTar is the tar of a layer. The caller closes it, and holds up who wants to
// change the layer until then.
func (s *Store) LayerTar(id string) (rc io.ReadCloser, err error) {
	none := archive.Uncompressed
	if rc, err = s.raw.Diff("", id, &storage.DiffOptions{Compression: &none}); err != nil {
		return nil, fmt.Errorf("reading layer %q: %w", id, err)
	}
	return rc, nil
}
