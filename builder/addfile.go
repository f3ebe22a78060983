package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/layers"
)

// AddFile is a file of the host that a commit puts into a layer of its own.
type AddFile struct {
	Source string // path on the host
	Dest   string // absolute path in the image
}

// ParseAddFile reads SOURCE[:DEST]; without DEST the file keeps its path.
func ParseAddFile(text string) (AddFile, error) {
	source, dest, given := strings.Cut(text, ":")
	if !given {
		dest = source
	}
	if source == "" || dest == "" {
		return AddFile{}, fmt.Errorf("adding file %q: use SOURCE[:DESTINATION]", text)
	}
	return AddFile{Source: source, Dest: path.Join("/", dest)}, nil
}

// addFileLayer makes a layer of the files on parent.
func (e *Engine) addFileLayer(ctx context.Context, parent string, o CommitOptions) (layers.Layer, error) {
	for _, f := range o.AddFiles { // all are looked at before anything is written
		info, err := os.Stat(f.Source)
		if err != nil {
			return layers.Layer{}, fmt.Errorf("adding file %q: %w", f.Source, errors.Unwrap(err))
		}
		if !info.Mode().IsRegular() {
			return layers.Layer{}, fmt.Errorf("adding file %q: it is not a regular file", f.Source)
		}
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(tarFiles(w, o.AddFiles)) }()
	defer func() { _ = r.Close() }() // ends the writer when the layer is refused
	return layers.AddTarClamped(ctx, e.Store, parent, r, o.Times.clamp())
}

// tarFiles writes the files, each with its parent directories left out: they
// come from the layers below, or are made with the usual mode.
func tarFiles(w io.Writer, files []AddFile) error {
	tw := tar.NewWriter(w)
	for _, f := range files {
		if err := tarFile(tw, f); err != nil {
			return err
		}
	}
	return tw.Close()
}

func tarFile(tw *tar.Writer, f AddFile) error {
	file, err := os.OpenFile(f.Source, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: strings.TrimPrefix(f.Dest, "/"), Mode: int64(info.Mode().Perm()),
		Size: info.Size(), ModTime: info.ModTime().Truncate(1e9),
	}
	if err := tw.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(tw, io.LimitReader(file, info.Size()))
	return err
}
