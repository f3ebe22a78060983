package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/ignore"
)

// input is what is read once, for however many platforms: standard input, say,
// cannot be read again.
type input struct {
	opened   *contexts.Context
	context  *copier.Root
	files    []contexts.File
	ignored  []string // patterns
	ignoring string   // the file they are from
	pool     contextPool
	indexes  shared[*copier.Root, *buildcache.Index] // of what is in the files of contexts

	temporaries temporaries
}

// openInput fetches the context and reads the Dockerfiles. The caller closes it.
func openInput(ctx context.Context, s Source) (in *input, err error) {
	in = &input{}
	if in.opened, err = contexts.Open(ctx, s.Context, s.Fetch); err != nil {
		return nil, err
	}
	if err := in.read(ctx, s); err != nil {
		return nil, errors.Join(err, in.close())
	}
	return in, nil
}

func (in *input) read(ctx context.Context, s Source) (err error) {
	in.files, err = in.opened.Files(ctx, s.Files, s.Fetch)
	var cpp *contexts.PreprocessError
	if errors.As(err, &cpp) {
		return fmt.Errorf("%w: %w", err, &builder.ExitError{Code: cpp.Status})
	}
	if err != nil {
		return err
	}
	if in.context, err = copier.OpenRoot(in.opened.Dir); err != nil {
		return fmt.Errorf("opening the build context: %w", err)
	}
	return in.readIgnoreFile(s)
}

func (in *input) readIgnoreFile(s Source) error {
	f, err := in.opened.IgnoreFile(s.IgnoreFile, s.Files, s.Fetch.Cwd)
	if err != nil || f.Name == "" {
		return err
	}
	in.ignoring = f.Name
	if in.ignored, err = ignore.Parse(strings.NewReader(string(f.Data))); err != nil {
		return fmt.Errorf("%q: %w", f.Name, err)
	}
	if _, err := ignore.New(in.ignored); err != nil {
		return fmt.Errorf("%q: %w", f.Name, err)
	}
	return nil
}

func (in *input) close() error {
	var errs []error
	for _, x := range in.indexes.list() {
		errs = append(errs, x.Save())
	}
	if in.context != nil {
		in.context.Close()
	}
	return errors.Join(append(errs, in.pool.close(), in.opened.Close())...)
}
