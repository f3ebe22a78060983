package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/projectatomic/buildah/copier"
)

// Export is where the root file system of the result goes besides the image:
// one of the three is set.
type Export struct {
	Dir    string    // it is merged into this directory, which is made where it is missing
	File   string    // it becomes this tar archive
	Stream io.Writer // it is written here as a tar archive

	below string // directory in the archive, when several platforms share it
	open  bool   // the archive goes on after this
}

// complete comes before the result: nothing of it is seen, neither its name nor its
// files, unless all the other stages have succeeded.
func (r *stageRun) complete(ctx context.Context) error {
	if err := r.awaitStages(ctx, r.stage.index); err != nil {
		return err
	}
	return r.export(ctx)
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
	if err := r.awaitArchive(ctx); err != nil {
		return err
	}
	for _, x := range r.o.Exports {
		switch {
		case x.Dir != "":
			err = r.exportTree(ctx, root, x.Dir)
		case x.File != "":
			err = r.exportFile(ctx, root, x.File)
		default:
			err = r.exportTar(ctx, root, x)
		}
		if err != nil {
			return fmt.Errorf("exporting the root file system: %w", err)
		}
	}
	return nil
}

// awaitArchive waits until the platform before has written its part of an archive
// that is for all.
func (r *stageRun) awaitArchive(ctx context.Context) error {
	shares := slices.ContainsFunc(r.o.Exports, func(x Export) bool { return x.below != "" })
	if !shares || r.before == nil {
		return nil
	}
	nodes := r.before.nodes
	_, err := r.schedule.need(ctx, nodes[len(nodes)-1], r.out)
	return err
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

// exportFile replaces a file at once.
func (r *stageRun) exportFile(ctx context.Context, root *copier.Root, name string) error {
	f, err := createFile(name)
	if err != nil {
		return err
	}
	err = r.exportTar(ctx, root, Export{Stream: f})
	return errors.Join(err, f.finish(err == nil))
}

// outFile is a file that others see once it is complete; what is no file, such as
// a pipe, is written to as it is.
type outFile struct {
	*os.File
	name string // "" when it is written to in its place
}

func createFile(name string) (*outFile, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		return &outFile{File: f}, err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	return &outFile{File: f, name: name}, err
}

// finish closes the file and gives it its name, or takes it away.
func (f *outFile) finish(keep bool) error {
	if f.name == "" {
		return f.Close()
	}
	err := errors.Join(f.Chmod(0o644), f.Close())
	if keep && err == nil {
		err = os.Rename(f.Name(), f.name)
	}
	if !keep || err != nil {
		os.Remove(f.Name())
	}
	return err
}

func (r *stageRun) exportTar(ctx context.Context, root *copier.Root, x Export) error {
	return copier.Tar(ctx, x.Stream, root, "/", copier.TarOptions{
		Times: r.o.Commit.Times.Fixed(), Note: r.note, Prefix: x.below, Open: x.open,
	})
}

func (r *stageRun) note(text string) { r.warn("%s", text) }
