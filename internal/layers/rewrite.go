package layers

import (
	"archive/tar"
	"errors"
	"io"
	"time"
)

// rewriter changes the times in a tar stream on its way. What it need not change
// comes out byte for byte as it went in.
type rewriter struct{ clamp Clamp }

func (rw *rewriter) rewrite(w io.Writer, r io.Reader) error {
	tr, tw := tar.NewReader(r), tar.NewWriter(w)
	buf := make([]byte, chunkSize)
	for {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return tw.Close()
		}
		if err != nil {
			return err
		}
		rw.clampTimes(hdr)
		if err := tw.WriteHeader(hdr); err != nil {
			return err
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{tw}, struct{ io.Reader }{tr}, buf); err != nil {
			return err
		}
	}
}

func (rw *rewriter) clampTimes(hdr *tar.Header) {
	hdr.ModTime = rw.clamp.apply(hdr.ModTime)
	// these are only altered where they are present
	for _, t := range []*time.Time{&hdr.AccessTime, &hdr.ChangeTime} {
		if !t.IsZero() {
			*t = rw.clamp.apply(*t)
		}
	}
}
