package transfer

import (
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	tarsplit "github.com/vbatts/tar-split/tar/storage"
	graphdriver "go.podman.io/storage/drivers"
)

// layerStream is the tar of a layer: the headers that were kept when it was
// applied, and between them the files of the driver, read straight into the
// caller's buffer. The checksum of each file is left alone, as all users check the
// digest of the whole.
type layerStream struct {
	headers *os.File
	parts   tarsplit.Unpacker
	files   graphdriver.FileGetCloser

	segment []byte // of the headers, to be read next
	file    io.ReadCloser
	name    string
	left    int64 // of file
}

func newLayerStream(headers *os.File, files graphdriver.FileGetCloser) (*layerStream, error) {
	plain, err := gzip.NewReader(headers)
	if err != nil {
		return nil, fmt.Errorf("reading its headers: %w", err)
	}
	return &layerStream{headers: headers, parts: tarsplit.NewJSONUnpacker(plain), files: files}, nil
}

func (l *layerStream) Read(p []byte) (int, error) {
	for {
		switch {
		case len(l.segment) > 0:
			n := copy(p, l.segment)
			l.segment = l.segment[n:]
			return n, nil
		case l.left > 0:
			return l.readFile(p)
		}
		if err := l.next(); err != nil {
			return 0, err
		}
	}
}

func (l *layerStream) readFile(p []byte) (int, error) {
	n, err := l.file.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	if l.left == 0 {
		return n, l.closeFile()
	}
	if errors.Is(err, io.EOF) {
		return n, fmt.Errorf("file %q of the layer lacks %d bytes", l.name, l.left)
	}
	return n, err
}

// next goes on to the next part; io.EOF is the end of the layer.
func (l *layerStream) next() error {
	entry, err := l.parts.Next()
	if err != nil {
		return err
	}
	switch {
	case entry.Type == tarsplit.SegmentType:
		l.segment = entry.Payload
	case entry.Size > 0:
		l.name = entry.GetName()
		if l.file, err = l.files.Get(l.name); err != nil {
			return err
		}
		l.left = entry.Size
	}
	return nil
}

func (l *layerStream) closeFile() error {
	f := l.file
	l.file = nil
	if f == nil {
		return nil
	}
	return f.Close()
}

func (l *layerStream) Close() error {
	return errors.Join(l.closeFile(), l.headers.Close(), l.files.Close())
}

// verified is a stream that ends with an error unless it has a digest.
type verified struct {
	r    io.Reader
	hash hash.Hash
	want digest.Digest
	note func(n int) // of progress; nil without

	wrong bool // it has ended, or failed, without being what it should
}

func newVerified(r io.Reader, want digest.Digest) *verified {
	return &verified{r: r, hash: sha256.New(), want: want}
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	_, _ = v.hash.Write(p[:n])
	if v.note != nil {
		v.note(n)
	}
	if !errors.Is(err, io.EOF) {
		v.wrong = v.wrong || err != nil
		return n, err
	}
	if got := digest.NewDigest(digest.SHA256, v.hash); got != v.want {
		v.wrong = true
		return n, fmt.Errorf("the layer's content was changed behind the store's back: its digest is %q, not %q", got, v.want)
	}
	return n, io.EOF
}
