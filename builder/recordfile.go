package builder

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/projectatomic/buildah/internal/imageconfig"
)

const (
	recordFile = "buildah.json"
	// recordLimit bounds what we read: a record holds a manifest and a configuration, each at most 4 MiB, in base64.
	recordLimit = 32 << 20
)

// loadRecord reads the record in dir. A missing file gives fs.ErrNotExist; a
// broken one, or one of another type, gives [ErrBadRecord].
func loadRecord(dir string) (Record, error) {
	path := filepath.Join(dir, recordFile)
	info, err := os.Lstat(path)
	if err != nil {
		return Record{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > recordLimit {
		return Record{}, fmt.Errorf("%w: %q is not a regular file of at most %d bytes", ErrBadRecord, path, recordLimit)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Record{}, fmt.Errorf("reading the record: %w", err)
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, fmt.Errorf("%w: %q: %w", ErrBadRecord, path, err)
	}
	if r.Type != recordType {
		return Record{}, fmt.Errorf("%w: %q has type %q, not %q", ErrBadRecord, path, r.Type, recordType)
	}
	r.checkSeal()
	r.normalize()
	return r, nil
}

// normalize fills what older writers leave out. It is not saved by itself.
func (r *Record) normalize() {
	if r.CommonBuildOpts == nil {
		r.CommonBuildOpts = &CommonOptions{}
	}
	img := imageconfig.Image{OCI: r.OCIv1, Docker: r.Docker}
	img.Normalize(time.Now().UTC(), imageconfig.Host())
	r.OCIv1, r.Docker = img.OCI, img.Docker
}

// save replaces the record in dir: whoever reads it sees the old one or the new
// one, whole.
func (r *Record) save(dir string) (err error) {
	data, err := r.sealed()
	if err != nil {
		return fmt.Errorf("encoding the record: %w", err)
	}
	f, err := os.CreateTemp(dir, ".tmp-"+recordFile)
	if err != nil {
		return fmt.Errorf("writing the record: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return errors.Join(fmt.Errorf("writing the record: %w", err), f.Close())
	}
	// A record that is lost in a power cut takes the container with it: it is
	// synced like the store's own lists.
	if err := f.Sync(); err != nil {
		return errors.Join(fmt.Errorf("writing the record: %w", err), f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("writing the record: %w", err)
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, recordFile)); err != nil {
		return fmt.Errorf("writing the record: %w", err)
	}
	return nil
}
