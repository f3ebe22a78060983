package contexts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/projectatomic/buildah/copier"
)

// fileLimit is the largest Dockerfile that is read, in bytes.
const fileLimit = 64 << 20

// File is one Dockerfile.
type File struct {
	Name string // as messages show it
	Path string // where it lies on the host, "" when it came over a stream
	Data []byte
}

// Files reads the Dockerfiles of a build: those of the -f flags, in their order,
// else the one that the context argument was, else the one of the usual name.
func (c *Context) Files(ctx context.Context, names []string, o Options) ([]File, error) {
	if len(names) == 0 && c.File != "" {
		f, err := readHost(c.File, o.Cwd)
		if err != nil {
			return nil, err
		}
		if c.temp != "" {
			f.Name = "Dockerfile"
		}
		f, err = c.preprocessed(ctx, f, o)
		return []File{f}, err
	}
	root, err := copier.OpenRoot(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the build context: %w", err)
	}
	defer root.Close()
	if len(names) == 0 {
		f, err := c.usual(root)
		return []File{f}, err
	}
	files := make([]File, 0, len(names))
	for _, name := range names {
		f, err := c.named(ctx, root, name, o)
		if err != nil {
			return nil, err
		}
		if f, err = c.preprocessed(ctx, f, o); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// usual looks for the names that a Dockerfile has when nobody says one.
func (c *Context) usual(root *copier.Root) (File, error) {
	for _, name := range []string{"Containerfile", "Dockerfile"} {
		info, err := root.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		full := filepath.Join(c.Dir, name)
		if err != nil {
			return File{}, fmt.Errorf("looking for the Dockerfile: %q: %w", full, err)
		}
		if !info.Mode.IsRegular() {
			return File{}, fmt.Errorf("looking for the Dockerfile: %q is not a file", full)
		}
		return readInside(root, name, full)
	}
	return File{}, &NoDockerfileError{Dir: c.Dir}
}

// NoDockerfileError is a context without a file of the usual names, where none was named.
type NoDockerfileError struct{ Dir string }

func (e *NoDockerfileError) Error() string {
	return fmt.Sprintf("cannot find Containerfile or Dockerfile in context directory: %q: %v", e.Dir, syscall.ENOENT)
}

func (e *NoDockerfileError) Unwrap() error { return syscall.ENOENT }

// named reads what a -f flag names.
func (c *Context) named(ctx context.Context, root *copier.Root, name string, o Options) (File, error) {
	if name == "-" {
		return readStream(o.Stdin, name, "-")
	}
	if IsURL(name) {
		response, err := o.get(ctx, name)
		if err != nil {
			return File{}, err
		}
		defer response.Body.Close()
		return readStream(response.Body, name, redacted(name))
	}
	f, err := readHost(name, o.Cwd)
	if !errors.Is(err, fs.ErrNotExist) || strings.HasPrefix(name, c.Dir) {
		return f, err
	}
	return readInside(root, name, filepath.Join(c.Dir, name))
}

// readHost reads a file that the user named.
func readHost(name, cwd string) (File, error) {
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(cwd, full)
	}
	info, err := os.Stat(full)
	if err != nil {
		return File{}, fmt.Errorf("reading the Dockerfile: %w", err)
	}
	if info.IsDir() {
		return File{}, fmt.Errorf("reading the Dockerfile: %q: containerfile cannot be path to a directory", name)
	}
	r, err := os.Open(full)
	if err != nil {
		return File{}, fmt.Errorf("reading the Dockerfile: %w", err)
	}
	defer r.Close()
	f, err := readStream(r, name, name)
	if info.Mode().IsRegular() {
		f.Path = full
	}
	return f, err
}

// readInside reads a file of the context, with links followed inside it.
func readInside(root *copier.Root, name, full string) (File, error) {
	info, err := root.Stat(name)
	if err != nil {
		return File{}, fmt.Errorf("reading the Dockerfile: %q: %w", full, err)
	}
	if info.Mode.IsDir() {
		return File{}, fmt.Errorf("reading the Dockerfile: %q: containerfile cannot be path to a directory", full)
	}
	data, err := root.ReadFile(name, fileLimit)
	if err != nil {
		return File{}, fmt.Errorf("reading the Dockerfile: %q: %w", full, err)
	}
	if len(data) == 0 {
		return File{}, fmt.Errorf("reading the Dockerfile: no contents in %q", full)
	}
	return File{Name: name, Path: full, Data: data}, nil
}

// readStream reads what is not known to be a plain file.
func readStream(r io.Reader, name, shown string) (File, error) {
	if r == nil {
		r = strings.NewReader("")
	}
	data, err := io.ReadAll(io.LimitReader(r, fileLimit+1))
	switch {
	case err != nil:
		return File{}, fmt.Errorf("reading the Dockerfile %q: %w", shown, err)
	case len(data) > fileLimit:
		return File{}, fmt.Errorf("reading the Dockerfile %q: more than %d bytes", shown, fileLimit)
	case len(data) == 0:
		return File{}, fmt.Errorf("reading the Dockerfile: no contents in %q", shown)
	}
	if name == "-" {
		shown = "stdin"
	}
	return File{Name: shown, Data: data}, nil
}

// IgnoreFile finds the ignore file of a build (spec build.md, 1.5). explicit, from
// --ignorefile, must be readable; "" means to look for one. A file that is not
// there has the name "".
func (c *Context) IgnoreFile(explicit string, files []string, cwd string) (File, error) {
	if explicit != "" {
		return readIgnore(explicit, cwd)
	}
	for _, name := range files {
		if name == "-" || IsURL(name) {
			continue
		}
		for _, suffix := range []string{".dockerignore", ".containerignore"} {
			f, err := c.readBeside(name + suffix)
			if err == nil || !isMissing(err) {
				return f, err
			}
		}
	}
	root, err := copier.OpenRoot(c.Dir)
	if err != nil {
		return File{}, fmt.Errorf("opening the build context: %w", err)
	}
	defer root.Close()
	for _, name := range []string{".containerignore", ".dockerignore"} {
		data, err := root.ReadFile(name, fileLimit)
		if isMissing(err) {
			continue
		}
		if err != nil {
			return File{}, fmt.Errorf("reading the ignore file %q: %w", filepath.Join(c.Dir, name), err)
		}
		full := filepath.Join(c.Dir, name)
		return File{Name: full, Path: full, Data: data}, nil
	}
	return File{}, nil
}

// readBeside reads the ignore file of a Dockerfile. In a context that was fetched,
// it is looked up as all else there; a local one may have links to wherever.
func (c *Context) readBeside(name string) (File, error) {
	inside, err := filepath.Rel(c.Dir, name)
	if !filepath.IsAbs(name) {
		inside, err = name, nil
	}
	if c.temp == "" || err != nil || !filepath.IsLocal(inside) {
		return readIgnore(name, c.Dir)
	}
	root, err := copier.OpenRoot(c.Dir)
	if err != nil {
		return File{}, fmt.Errorf("opening the build context: %w", err)
	}
	defer root.Close()
	data, err := root.ReadFile(inside, fileLimit)
	if err != nil {
		return File{}, fmt.Errorf("reading the ignore file: %w", err)
	}
	full := filepath.Join(c.Dir, inside)
	return File{Name: full, Path: full, Data: data}, nil
}

// readIgnore reads an ignore file beside a Dockerfile or of the user's choice.
func readIgnore(name, cwd string) (File, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(cwd, name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return File{}, fmt.Errorf("reading the ignore file: %w", err)
	}
	return File{Name: name, Path: name, Data: data}, nil
}

func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
