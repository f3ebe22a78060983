package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
)

// fileTransports begin the names of images that are files. In a Dockerfile, they
// are files of the build context. The value tells whether a ":" ends the path.
var fileTransports = map[string]bool{"oci": true, "oci-archive": true, "docker-archive": true, "dir": false}

// otherTransports begin the names of images that are neither files of the
// context, nor looked up in the store and in registries. What they mean depends
// on the host, so a Dockerfile has no say in it.
var otherTransports = []string{"containers-storage", "ostree", "sif", "tarball"}

// checkImage refuses images that would be looked up outside of the context, of
// the store and of registries.
func checkImage(name string) error {
	transport, _, found := strings.Cut(name, ":")
	if found && slices.Contains(otherTransports, transport) {
		return fmt.Errorf("unexpected container image transport %q in %q: fetch the image first with `buildah pull`, and write the name or the ID that it has in the store",
			transport, name)
	}
	if _, path, _, ok := cutImage(name); ok && escapes(path) {
		return fmt.Errorf("image %q: %w: files of the build context are possible only", name, copier.ErrEscapes)
	}
	return checkReference(name)
}

// checkReference refuses what can be no name of an image in the store or a registry.
func checkReference(name string) error {
	if _, _, _, ok := cutImage(name); ok {
		return nil
	}
	for _, daemon := range []string{"docker-daemon:", "atomic:"} {
		if strings.HasPrefix(name, daemon) {
			return nil
		}
	}
	if _, err := reference.ParseAnyReference(strings.TrimPrefix(name, "docker://")); err != nil {
		return fmt.Errorf("image %q: %w", name, err)
	}
	return nil
}

// cutImage takes apart the name of an image that is a file of the context.
func cutImage(name string) (transport, path, rest string, ok bool) {
	transport, path, found := strings.Cut(name, ":")
	reference, known := fileTransports[transport]
	if !found || !known {
		return "", "", "", false
	}
	if at := strings.IndexByte(path, ':'); reference && at >= 0 {
		path, rest = path[:at], path[at:]
	}
	return transport, path, rest, true
}

// baseState resolves an image that a Dockerfile names, or the one that the source
// policy puts in its place.
func (b *build) baseState(ctx context.Context, name string, o builder.BaseOptions) (st builder.State, err error) {
	if err := checkImage(name); err != nil {
		return builder.State{}, err
	}
	if name != builder.Scratch {
		if name, err = b.o.Policy.Apply(name); err != nil {
			return builder.State{}, err
		}
	}
	transport, path, rest, ok := cutImage(name)
	if !ok {
		return b.engine.Base(ctx, name, o)
	}
	// The image is read where nobody but us can change it, and where no link leads
	// out of the context. The names that it says it has are none in the store: they
	// could be those of other images.
	dir, err := os.MkdirTemp(b.o.Source.Fetch.TempDir, "buildah-image-")
	if err != nil {
		return st, fmt.Errorf("reading image %q: %w", name, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := b.takeOut(ctx, path, dir); err != nil {
		return st, fmt.Errorf("reading image %q of the build context: %w", name, err)
	}
	o.Unnamed = true
	st, err = b.engine.Base(ctx, transport+":"+filepath.Join(dir, "image")+rest, o)
	if err != nil {
		return st, fmt.Errorf("reading image %q of the build context: %w", name, &shownError{err: err, text: strings.ReplaceAll(err.Error(), dir+"/image", path)})
	}
	st.ImageName = ""
	return st, nil
}

// shownError is an error in other words: those of the user, who does not know
// the places that we copy things to.
type shownError struct {
	err  error
	text string
}

func (e *shownError) Error() string { return e.text }
func (e *shownError) Unwrap() error { return e.err }

// takeOut copies a file or a directory of the context to dir/image.
func (b *build) takeOut(ctx context.Context, path, dir string) error {
	to, err := copier.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer to.Close()
	_, err = copier.Copy(ctx, copier.Target{Root: to, Path: "/image"}, b.contextRoot(), []string{path}, copier.CopyOptions{LiteralNames: true, NoDigest: true})
	if err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Join(dir, "image"), func(full string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Type()&fs.ModeSymlink != 0:
			return fmt.Errorf("%q: invalid symbolic link: an image is made of files only", d.Name())
		case !d.IsDir() && !d.Type().IsRegular():
			return fmt.Errorf("%q: disallowed entry type: an image is made of files only", d.Name())
		}
		return nil
	})
}
