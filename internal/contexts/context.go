package contexts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/projectatomic/buildah/copier"
)

// Context is what `COPY` and `ADD` take their sources from.
type Context struct {
	Dir string // absolute, without links
	// File is the Dockerfile that the argument itself named or was; "" when it is
	// to be looked for.
	File string
	// What is known of a context that was fetched: the ID of the commit, or what the
	// server said of it, see [Identity].
	Commit, Identity string

	temp   string
	single string // the name of what is fetched and no archive; "" means it is a Dockerfile
}

// Options is what a context may be fetched with.
type Options struct {
	Stdin   io.Reader // for "-"
	Cwd     string    // absolute; what relative names count from
	TempDir string    // where fetched contexts are kept; "" means the system's
	HTTP    HTTP      // how http URLs are fetched
	// CPPFlags are further flags for the preprocessor of files whose name ends in ".in".
	CPPFlags []string
	Warn     func(format string, args ...any) // nil drops warnings
}

// Open resolves the context argument of a build; "" is the current directory.
// The forms are tried in the order of spec build.md, 1.2. The caller closes it.
func Open(ctx context.Context, arg string, o Options) (*Context, error) {
	switch {
	case arg == "-":
		return openTemp(o, func(c *Context) error { return c.fromReader(ctx, o.Stdin, "standard input") })
	case IsGit(arg):
		g, err := ParseGit(arg)
		if err != nil {
			return nil, err
		}
		return OpenGit(ctx, g, o)
	case IsURL(arg):
		return openTemp(o, func(c *Context) error { return c.fromURL(ctx, o, arg) })
	case strings.HasPrefix(arg, "github.com/"):
		return openTemp(o, func(c *Context) error { return c.fromGitHub(ctx, o, arg) })
	}
	return openLocal(arg, o)
}

// Close removes what was fetched.
func (c *Context) Close() error {
	if c == nil || c.temp == "" {
		return nil
	}
	if err := os.RemoveAll(c.temp); err != nil {
		return fmt.Errorf("removing the fetched context: %w", err)
	}
	c.temp = ""
	return nil
}

// Fetched tells that the directory is a temporary one of ours.
func (c *Context) Fetched() bool { return c.temp != "" }

// IsURL tells whether a name is to be fetched over HTTP.
func IsURL(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

// openLocal takes a directory, or a Dockerfile whose directory is the context.
func openLocal(arg string, o Options) (*Context, error) {
	path := arg
	if !filepath.IsAbs(path) {
		path = filepath.Join(o.Cwd, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("opening the build context: %w", err)
	}
	c := &Context{Dir: path}
	if !info.IsDir() {
		c.Dir, c.File = filepath.Dir(path), arg
	}
	if c.Dir, err = filepath.EvalSymlinks(c.Dir); err != nil {
		return nil, fmt.Errorf("opening the build context: %w", err)
	}
	return c, nil
}

// openTemp makes a temporary directory and fills it; nothing is left of it on failure.
func openTemp(o Options, fill func(*Context) error) (*Context, error) {
	temp, err := os.MkdirTemp(o.TempDir, "buildah-context-")
	if err != nil {
		return nil, fmt.Errorf("making room for the build context: %w", err)
	}
	c := &Context{Dir: filepath.Join(temp, "context"), temp: temp}
	err = os.Mkdir(c.Dir, 0o755)
	if err == nil {
		err = os.Chmod(c.Dir, 0o755) //nolint:gosec // it may be mounted for anybody; nobody gets at temp
	}
	if err == nil {
		err = fill(c)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// fromReader unpacks an archive, or takes what is not one for a Dockerfile.
func (c *Context) fromReader(ctx context.Context, r io.Reader, what string) error {
	if r == nil {
		r = strings.NewReader("")
	}
	body, err := os.CreateTemp(c.temp, "body-")
	if err != nil {
		return fmt.Errorf("reading the build context: %w", err)
	}
	defer body.Close()
	size, err := io.Copy(body, r)
	if err != nil {
		return fmt.Errorf("reading the build context from %s: %w", what, err)
	}
	if size == 0 {
		return fmt.Errorf("reading the build context: no contents in %q", what)
	}
	return c.unpack(ctx, body, size)
}

// unpack makes a context of a file. That an archive cannot be unpacked is an
// error: taken for a Dockerfile it would only fail in a stranger way.
func (c *Context) unpack(ctx context.Context, body *os.File, size int64) error {
	root, err := copier.OpenRoot(c.Dir)
	if err != nil {
		return fmt.Errorf("unpacking the build context: %w", err)
	}
	defer root.Close()
	archive, err := copier.IsArchive(body)
	if err != nil {
		return fmt.Errorf("reading the build context: %w", err)
	}
	if archive {
		if err := copier.Extract(ctx, root, "/", io.NewSectionReader(body, 0, size), copier.ExtractOptions{}); err != nil {
			return fmt.Errorf("unpacking the build context: %w", err)
		}
		return nil
	}
	if c.single != "" {
		if err := os.Rename(body.Name(), filepath.Join(c.Dir, c.single)); err != nil {
			return fmt.Errorf("keeping what was fetched: %w", err)
		}
		return nil
	}
	if size > fileLimit {
		return fmt.Errorf("reading the build context: it is no archive, and too large for a Dockerfile: %d bytes", size)
	}
	data := make([]byte, size)
	if _, err := body.ReadAt(data, 0); err != nil {
		return fmt.Errorf("reading the build context: %w", err)
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return errors.New("reading the build context: it is neither an archive nor a Dockerfile")
	}
	if err := root.WriteFile("Dockerfile", data, copier.FileOptions{Mode: 0o600}); err != nil {
		return fmt.Errorf("keeping the Dockerfile: %w", err)
	}
	c.File = filepath.Join(c.Dir, "Dockerfile")
	return nil
}

// Redact hides the password of an address, be it valid or not.
func Redact(source string) string { return redacted(source) }

func redacted(source string) string {
	if u, err := url.Parse(source); err == nil {
		return u.Redacted()
	}
	scheme, rest, found := strings.Cut(source, "://")
	if !found {
		return source
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "xxxxx" + rest[at:]
	}
	return scheme + "://" + rest
}
