package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/projectatomic/buildah/copier"
)

// Export is where the root file system of the result goes besides the image:
// one of the three is set.
type Export struct {
	Dir    string    // it is merged into this directory, which is made where it is missing
	File   string    // it becomes this tar archive
	Stream io.Writer // it is written here as a tar archive
}

// export writes the root file system as it will be in the image.
func (r *stageRun) export(ctx context.Context) error {
	if len(r.o.Exports) == 0 {
		return nil
	}
	root, done, err := r.ws.Root(ctx)
	if err != nil {
		return err
	}
	defer done()
	for _, x := range r.o.Exports {
		switch {
		case x.Dir != "":
			err = r.exportTree(ctx, root, x.Dir)
		case x.File != "":
			err = r.exportFile(ctx, root, x.File)
		default:
			err = r.exportTar(ctx, root, x.Stream)
		}
		if err != nil {
			return fmt.Errorf("exporting the root file system: %w", err)
		}
	}
	return nil
}

func (r *stageRun) exportTree(ctx context.Context, root *copier.Root, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	to, err := copier.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer to.Close()
	_, err = copier.Copy(ctx, copier.Target{Root: to, Path: "/"}, root, []string{"/"}, copier.CopyOptions{
		KeepOwner: true, LiteralNames: true, NoDigest: true, Times: r.o.Commit.Times.Fixed(), Note: r.note,
	})
	return err
}

// exportFile replaces a file at once; what is no file, such as a pipe, is written to.
func (r *stageRun) exportFile(ctx context.Context, root *copier.Root, name string) (err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(r.exportTar(ctx, root, f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := errors.Join(r.exportTar(ctx, root, f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func (r *stageRun) exportTar(ctx context.Context, root *copier.Root, w io.Writer) error {
	return copier.Tar(ctx, w, root, "/", copier.TarOptions{Times: r.o.Commit.Times.Fixed(), Note: r.note})
}

func (r *stageRun) note(text string) { r.o.Output.warn("%s", text) }
