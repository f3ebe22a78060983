package layertree

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"
	tarsplit "github.com/vbatts/tar-split/tar/storage"
)

// ReadTar gives the entries of a tar.
func ReadTar(r io.Reader) ([]Entry, error) { return readTar(r, maxNames) }

// readTar takes so many bytes of names.
func readTar(r io.Reader, most int) ([]Entry, error) {
	var list []Entry
	names := 0
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading a tar: %w", err)
		}
		if len(list) == maxNodes {
			return nil, fmt.Errorf("reading a tar: there are more than %d entries", maxNodes)
		}
		e := EntryOf(h)
		if names += len(e.Name) + len(e.Link); names > most {
			return nil, fmt.Errorf("reading a tar: its names have more than %d bytes", most)
		}
		list = append(list, e)
	}
}

// ReadHeaders gives the entries of a layer from what a store keeps of its tar: all of
// it but the content of files (tar-split, compressed).
func ReadHeaders(r io.Reader) ([]Entry, error) {
	plain, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("reading the headers of a layer: %w", err)
	}
	return ReadTar(&withoutContent{lines: bufio.NewReaderSize(plain, 64<<10)})
}

// withoutContent is a tar with zeros for content. The reader of tars seeks over them.
type withoutContent struct {
	lines   *bufio.Reader
	long    []byte // a line that the buffer has no place for
	payload []byte // decoded, used again
	segment []byte // the rest of payload
	zeros   int64
	pos     int64
}

func (w *withoutContent) Read(p []byte) (int, error) {
	n, err := w.advance(int64(len(p)), p)
	if n > 0 {
		err = nil
	}
	return int(n), err
}

// longest is what a layer may have in bytes, well below where a position overflows.
const longest = 1 << 62

// Seek goes forward only, which is all that the reader of tars wants.
func (w *withoutContent) Seek(offset int64, whence int) (int64, error) {
	if offset > longest-w.pos {
		return 0, errors.New("reading the headers of a layer: it is longer than any file")
	}
	if whence != io.SeekCurrent || offset < 0 {
		return 0, errors.New("a layer is read from its begin to its end")
	}
	for offset > 0 {
		n, err := w.advance(offset, nil)
		if offset -= n; err != nil {
			return w.pos, err
		}
	}
	return w.pos, nil
}

// advance goes up to n bytes on, and copies them to p unless that is nil.
func (w *withoutContent) advance(n int64, p []byte) (int64, error) {
	for len(w.segment) == 0 && w.zeros == 0 && n > 0 {
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	if len(w.segment) > 0 {
		n = min(n, int64(len(w.segment)))
		copy(p, w.segment[:n])
		w.segment = w.segment[n:]
	} else {
		n = min(n, w.zeros)
		if p != nil {
			clear(p[:n])
		}
		w.zeros -= n
	}
	w.pos += n
	return n, nil
}

// next reads a line: a piece of the tar, or how much content comes here.
func (w *withoutContent) next() error {
	line, err := w.line()
	if err != nil {
		return err
	}
	if text, ok := bytes.CutPrefix(line, []byte(`{"type":2,"payload":"`)); ok {
		if end := bytes.IndexByte(text, '"'); end >= 0 {
			return w.setSegment(text[:end])
		}
	}
	if n, ok := sizeIn(line); ok {
		w.zeros = n
		return nil
	}
	return w.parse(line)
}

// sizeIn is the size in a line about content, if it is written the way it usually is.
func sizeIn(line []byte) (int64, bool) {
	if !bytes.HasPrefix(line, []byte(`{"type":1,`)) {
		return 0, false
	}
	// Within a string quotes are escaped, so this is the key.
	_, text, ok := bytes.Cut(line, []byte(`,"size":`))
	end := bytes.IndexAny(text, ",}")
	if !ok || end < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text[:end]), 10, 64)
	return n, err == nil && n >= 0
}

// parse reads a line that is not written the way it usually is.
func (w *withoutContent) parse(line []byte) error {
	var e tarsplit.Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("reading the headers of a layer: %w", err)
	}
	w.segment, w.zeros = nil, 0
	switch {
	case e.Type == tarsplit.SegmentType:
		w.segment = e.Payload
	case e.Size < 0:
		return errors.New("reading the headers of a layer: a size is negative")
	default:
		w.zeros = e.Size
	}
	return nil
}

func (w *withoutContent) setSegment(text []byte) error {
	if need := base64.StdEncoding.DecodedLen(len(text)); cap(w.payload) < need {
		w.payload = make([]byte, need)
	}
	n, err := base64.StdEncoding.Decode(w.payload[:cap(w.payload)], text)
	if err != nil {
		return fmt.Errorf("reading the headers of a layer: %w", err)
	}
	w.segment = w.payload[:n]
	return nil
}

// maxLine is what a line may have: the largest piece is the headers of one entry.
const maxLine = 16 << 20

func (w *withoutContent) line() ([]byte, error) {
	line, err := w.lines.ReadSlice('\n')
	w.long = w.long[:0]
	for errors.Is(err, bufio.ErrBufferFull) {
		if w.long = append(w.long, line...); len(w.long) > maxLine {
			return nil, fmt.Errorf("reading the headers of a layer: a line has more than %d bytes", maxLine)
		}
		line, err = w.lines.ReadSlice('\n')
	}
	if len(w.long) > 0 {
		w.long = append(w.long, line...)
		line = w.long
	}
	if errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) > 0 {
		err = nil
	}
	return line, err
}
