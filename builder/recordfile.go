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
	var r Record
	if err := decodeRecord(dir, &r, &r.Type); err != nil {
		return Record{}, err
	}
	r.checkSeal()
	r.normalize()
	return r, nil
}

// recordHead is what listings show of a record. To decode no more makes them fast.
type recordHead struct {
	Type        string     `json:"type"`
	FromImage   string     `json:"image"`
	FromImageID string     `json:"image-id"`
	Container   string     `json:"container-name"`
	Steps       *StepChain `json:"step-cache"`
}

func loadHead(dir string) (recordHead, error) {
	var h recordHead
	err := decodeRecord(dir, &h, &h.Type)
	return h, err
}

// decodeRecord reads the record in dir into to, whose type is kind then.
func decodeRecord(dir string, to any, kind *string) error {
	path := filepath.Join(dir, recordFile)
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > recordLimit {
		return fmt.Errorf("%w: %q is not a regular file of at most %d bytes", ErrBadRecord, path, recordLimit)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the record: %w", err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%w: %q: %w", ErrBadRecord, path, err)
	}
	if *kind != recordType {
		return fmt.Errorf("%w: %q has type %q, not %q", ErrBadRecord, path, *kind, recordType)
	}
	return nil
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
