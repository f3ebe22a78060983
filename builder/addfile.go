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
	"time"

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
	if err := checkAddFiles(o.AddFiles); err != nil {
		return layers.Layer{}, err
	}
	r, w := io.Pipe()
	go func() {
		tw := tar.NewWriter(w)
		err := writeAddFiles(tw, o.AddFiles, func(t time.Time) time.Time { return t })
		if err == nil {
			err = tw.Close()
		}
		w.CloseWithError(err)
	}()
	defer func() { _ = r.Close() }() // ends the writer when the layer is refused
	return layers.AddTarClamped(ctx, e.Store, parent, r, o.Times.clamp())
}

// checkAddFiles looks at all files before anything is written.
func checkAddFiles(files []AddFile) error {
	for _, f := range files {
		info, err := os.Stat(f.Source)
		if err != nil {
			return fmt.Errorf("adding file %q: %w", f.Source, errors.Unwrap(err))
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("adding file %q: it is not a regular file", f.Source)
		}
	}
	return nil
}

// writeAddFiles writes the files, each with its parent directories left out: they
// come from the layers below, or are made with the usual mode.
func writeAddFiles(tw *tar.Writer, files []AddFile, clamp func(time.Time) time.Time) error {
	for _, f := range files {
		if err := tarFile(tw, f, clamp); err != nil {
			return err
		}
	}
	return nil
}

func tarFile(tw *tar.Writer, f AddFile, clamp func(time.Time) time.Time) error {
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
		Size: info.Size(), ModTime: clamp(info.ModTime().Truncate(time.Second)),
	}
	if err := tw.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(tw, io.LimitReader(file, info.Size()))
	return err
}
