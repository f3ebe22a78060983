package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/pkg/compression"
	compressiontypes "go.podman.io/image/v5/pkg/compression/types"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"

	"github.com/projectatomic/buildah/internal/store"
)

// blob is a compressed form of a layer.
type blob struct {
	Digest      digest.Digest     `json:"digest"`
	Size        int64             `json:"size"`
	Format      string            `json:"format"`          // gzip, zstd or zstd:chunked
	Level       *int              `json:"level,omitempty"` // nil when another tool compressed it
	Annotations map[string]string `json:"annotations,omitempty"`
	Places      []string          `json:"places,omitempty"` // repositories that have had it, host/path, the latest first

	unread bool // nobody here has read all of it
}

// blobRecord is what is remembered about a layer.
type blobRecord struct {
	Version int    `json:"version"`
	Blobs   []blob `json:"blobs"`
}

const (
	blobVersion    = 1
	blobDir        = "buildah-blobs"
	blobsKept      = 8  // of a layer
	placesKept     = 16 // of a blob
	blobRecordMost = 1 << 20
)

// algorithm is how the library calls the format.
func (b *blob) algorithm() (compressiontypes.Algorithm, error) {
	return compression.AlgorithmByName(b.Format)
}

// info is the blob as the copier wants to know it, in the place of a layer of the
// given media type that is not compressed.
func (b *blob) info(mediaType string) types.BlobInfo {
	info := types.BlobInfo{Digest: b.Digest, Size: b.Size, MediaType: mediaType, Annotations: b.Annotations}
	if algorithm, err := b.algorithm(); err == nil {
		info.CompressionOperation, info.CompressionAlgorithm = types.Compress, &algorithm
	}
	return info
}

func (b *blob) valid() bool {
	_, err := b.algorithm()
	return err == nil && b.Digest.Validate() == nil && b.Size > 0
}

// ledger remembers the blobs of layers in files beside them in the store, one for
// each digest of a layer's tar. It also serves layers of stores that are only read.
// A lost record costs time and nothing else, so that a record which can't be read
// is none, and one which can't be written is no error.
type ledger struct {
	dir string
	raw storage.Store
}

func newLedger(s *store.Store) ledger {
	return ledger{dir: filepath.Join(s.GraphRoot(), blobDir), raw: s.Raw()}
}

func (l ledger) file(diffID digest.Digest) string {
	return filepath.Join(l.dir, diffID.Algorithm().String()+"-"+diffID.Encoded()+".json")
}

// read gives the blobs of a layer, the latest first.
func (l ledger) read(diffID digest.Digest) []blob {
	f, err := os.Open(l.file(diffID))
	if err != nil {
		return nil
	}
	defer f.Close()
	var r blobRecord
	if err := json.NewDecoder(io.LimitReader(f, blobRecordMost)).Decode(&r); err != nil || r.Version != blobVersion {
		return nil
	}
	return slices.DeleteFunc(r.Blobs, func(b blob) bool { return !b.valid() })
}

// note remembers a blob and the repository that has it, "" for none. Nothing is
// written when it is known.
func (l ledger) note(diffID digest.Digest, b blob, place string) {
	if b.unread {
		return
	}
	if algorithm, err := b.algorithm(); err == nil && b.Level == nil {
		b.Format, b.Annotations = algorithm.BaseVariantName(), nil // the rest is a claim of some image
	}
	list := l.read(diffID)
	known := slices.IndexFunc(list, func(have blob) bool { return have.Digest == b.Digest })
	if known >= 0 {
		have := list[known]
		if place == "" || slices.Contains(have.Places, place) {
			return
		}
		if b.Level == nil {
			b.Level, b.Format, b.Annotations = have.Level, have.Format, have.Annotations
		}
		b.Places = have.Places
		list = slices.Delete(list, known, known+1)
	}
	if place != "" {
		b.Places = append([]string{place}, slices.DeleteFunc(slices.Clone(b.Places), func(p string) bool { return p == place })...)
	}
	b.Places = b.Places[:min(len(b.Places), placesKept)]
	list = append([]blob{b}, list...)
	if err := l.write(diffID, blobRecord{Version: blobVersion, Blobs: list[:min(len(list), blobsKept)]}); err == nil {
		l.sweep()
	}
}

func (l ledger) write(diffID digest.Digest, r blobRecord) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("remembering a blob: %w", err)
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return fmt.Errorf("remembering a blob: %w", err)
	}
	tmp, err := os.CreateTemp(l.dir, "new-*")
	if err != nil {
		return fmt.Errorf("remembering a blob: %w", err)
	}
	_, err = io.Copy(tmp, bytes.NewReader(data))
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), l.file(diffID))
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("remembering a blob: %w", err)
	}
	return nil
}

// sweep forgets layers that are gone, once there are many.
func (l ledger) sweep() {
	const few = 64
	entries, err := os.ReadDir(l.dir)
	if err != nil || len(entries) < few {
		return
	}
	layers, err := l.raw.Layers()
	if err != nil || len(entries) < 2*len(layers) {
		return
	}
	wanted := map[string]bool{}
	for i := range layers {
		if d := layers[i].UncompressedDigest; d != "" {
			wanted[filepath.Base(l.file(d))] = true
		}
	}
	for _, e := range entries {
		if !wanted[e.Name()] && !fresh(e) {
			os.Remove(filepath.Join(l.dir, e.Name()))
		}
	}
}

// fresh tells temporary files that another process may be writing.
func fresh(e fs.DirEntry) bool {
	if !strings.HasPrefix(e.Name(), "new-") {
		return false
	}
	info, err := e.Info()
	return err == nil && time.Since(info.ModTime()) < time.Hour
}

// original is the blob that a layer was unpacked from. The store has read all of
// it and computed both digests, unless it only fetched parts.
func original(layer *storage.Layer) (blob, bool) {
	formats := map[archive.Compression]string{archive.Gzip: compression.Gzip.Name(), archive.Zstd: compression.Zstd.Name()}
	b := blob{Digest: layer.CompressedDigest, Size: layer.CompressedSize, Format: formats[layer.CompressionType]}
	if layer.TOCDigest != "" || layer.UncompressedDigest == "" || layer.CompressedDigest == layer.UncompressedDigest {
		return blob{}, false
	}
	return b, b.valid()
}
