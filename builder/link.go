package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/layers"
)

// link copies sources into an empty tree, which a commit makes a layer of its
// own. Nothing of the container is in it, so the same sources give the same layer
// on every base; nothing of it is seen in the container.
func (a *adding) link(ctx context.Context, sources []string) (added Added, err error) {
	if slices.Contains(strings.Split(a.dest, "/"), "..") {
		return Added{}, fmt.Errorf("destination %q of a linked layer: it cannot hold \"..\"", a.dest)
	}
	dir, err := a.engine.Store.ContainerDir(a.ID())
	if err != nil {
		return Added{}, err
	}
	stage, err := os.MkdirTemp(dir, "link-stage-")
	if err != nil {
		return Added{}, fmt.Errorf("staging a linked layer: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	if a.root, err = copier.OpenRoot(stage); err != nil {
		return Added{}, fmt.Errorf("staging a linked layer: %w", err)
	}
	defer a.root.Close()
	if added, err = a.all(ctx, sources); err != nil || added.Digest == "" {
		return added, err
	}
	layer, err := a.pack(ctx, stage)
	if err != nil {
		return Added{}, fmt.Errorf("staging a linked layer: %w", err)
	}
	layer.History.CreatedBy = fmt.Sprintf("/bin/sh -c #(nop) %s --link %s in %s ", verbOf(a.o), added.Summary(), a.fullDest())
	a.record.AppendedLinkedLayers = append(a.record.AppendedLinkedLayers, layer)
	if err := a.Save(); err != nil {
		return Added{}, errors.Join(err, os.Remove(layer.BlobPath))
	}
	return added, nil
}

// fullDest is the destination from the root.
func (a *adding) fullDest() string {
	full := path.Join("/", a.dest)
	if !path.IsAbs(a.dest) {
		full = path.Join("/", a.workdir(), a.dest)
	}
	if strings.HasSuffix(a.dest, "/") && full != "/" {
		full += "/"
	}
	return full
}

// pack makes a tar stream of the staged tree, beside it.
func (a *adding) pack(ctx context.Context, stage string) (LinkedLayer, error) {
	newest, err := settleTimes(stage)
	if err != nil {
		return LinkedLayer{}, err
	}
	blob, err := os.CreateTemp(filepath.Dir(stage), "link-stage-*.tar")
	if err != nil {
		return LinkedLayer{}, err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(copier.Tar(ctx, w, a.root, "/", copier.TarOptions{})) }()
	err = repack(blob, r)
	_ = r.Close() // ends the writer when a name was refused
	if err = errors.Join(err, blob.Close()); err != nil {
		return LinkedLayer{}, errors.Join(err, os.Remove(blob.Name()))
	}
	return LinkedLayer{History: History{Created: &newest}, BlobPath: blob.Name()}, nil
}

// settleTimes gives what was made on the way, such as the directories that lead to
// the destination, the time of the newest source, so that the layer is the same
// every time. Without a source that has a time, that is the beginning of time.
func settleTimes(stage string) (newest time.Time, err error) {
	above, err := os.Lstat(filepath.Dir(stage))
	if err != nil {
		return newest, err
	}
	made := above.ModTime() // the staging directory was the last thing that was made there
	newest = time.Unix(0, 0).UTC()
	var late []string
	err = filepath.WalkDir(stage, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case !info.ModTime().Before(made):
			late = append(late, name)
		case info.ModTime().After(newest):
			newest = info.ModTime().UTC()
		}
		return nil
	})
	if err != nil {
		return newest, err
	}
	ts, err := unix.TimeToTimespec(newest)
	for _, name := range late {
		err = errors.Join(err, unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW))
	}
	return newest, err
}

// repack copies a tar stream without the entry of its top directory, which is that
// of the layers below.
func repack(w io.Writer, r io.Reader) error {
	from, to := tar.NewReader(r), tar.NewWriter(w)
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			return to.Close()
		}
		switch {
		case err != nil:
			return err
		case h.Name == "./":
			continue
		case strings.HasPrefix(path.Base(h.Name), ".wh."):
			return fmt.Errorf("%q: a layer cannot hold a file whose name begins with \".wh.\"", h.Name)
		}
		if err := to.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(to, from); err != nil {
			return err
		}
	}
}

// pushLinked puts the linked layers on top of a state.
func (b *Builder) pushLinked(ctx context.Context, st *State, o CommitOptions) error {
	if len(b.record.PrependedLinkedLayers) > 0 {
		return errors.New("the container has linked layers below its own, which another tool made: commit it with that tool")
	}
	if o.Squash && len(b.record.AppendedLinkedLayers) > 0 {
		return errors.New("can't add prebuilt layers of --link to an image of one layer: commit without --squash, then squash the image")
	}
	for _, linked := range b.record.AppendedLinkedLayers {
		layer, err := b.engine.linkedLayer(ctx, st.TopLayer, linked.BlobPath, o)
		if err != nil {
			return err
		}
		st.push(layer, false)
	}
	return nil
}

func (e *Engine) linkedLayer(ctx context.Context, parent, blob string, o CommitOptions) (layers.Layer, error) {
	file, err := os.Open(blob)
	if err != nil {
		return layers.Layer{}, fmt.Errorf("reading a linked layer: %w", err)
	}
	defer file.Close()
	return layers.AddTarClamped(ctx, e.Store, parent, file, o.Times.clamp())
}

// linkedHistory are the entries of the linked layers. Of a step of a Dockerfile
// there is one, and its text is that of the step.
func (b *Builder) linkedHistory(o CommitOptions) []History {
	var all []History
	for _, linked := range b.record.AppendedLinkedLayers {
		h := linked.History
		h.Author = firstNonEmpty(h.Author, b.image.OCI.Author)
		if o.OnlyLinked && o.CreatedBy != "" {
			h.CreatedBy = o.CreatedBy
		}
		all = append(all, h)
	}
	return all
}
