package contexts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Kind is what a named context is.
type Kind int

// The kinds.
const (
	Directory Kind = iota // of the host
	Image                 // of the store, a registry or a layout
	Remote                // a repository, an archive or a file, which is fetched
)

// Named is a context with a name, which COPY, RUN and FROM may say.
type Named struct {
	Name     string
	Platform string // it is for builds for this one only; "" means all
	Kind     Kind
	Value    string // path, reference of an image, or address
}

// Prefixes of values that are images.
var imagePrefixes = []string{"docker-image://", "container-image://", "docker://"}

const layoutPrefix = "oci-layout://"

// ParseNamed reads NAME[::PLATFORM]=VALUE. Relative paths count from cwd.
func ParseNamed(text, cwd string) (Named, error) {
	name, value, found := strings.Cut(text, "=")
	if !found || name == "" {
		return Named{}, fmt.Errorf("build context %q: while parsing additional build context: accepts value in the form of key=value", text)
	}
	n := Named{Name: name, Value: value}
	if before, platform, found := strings.Cut(name, "::"); found {
		n.Name, n.Platform = before, platform
		if before == "" || platform == "" {
			return Named{}, fmt.Errorf("build context %q: it is named NAME or NAME::PLATFORM", text)
		}
	}
	err := n.parse(cwd)
	return n, err
}

// parse finds out what the value is.
func (n *Named) parse(cwd string) error {
	for _, prefix := range imagePrefixes {
		if image, ok := strings.CutPrefix(n.Value, prefix); ok {
			if n.Kind, n.Value = Image, image; image == "" {
				return errors.New(`invalid build context image name ""`)
			}
			return nil
		}
	}
	if layout, ok := strings.CutPrefix(n.Value, layoutPrefix); ok {
		return n.parseLayout(layout, cwd)
	}
	switch {
	case n.Value == "http://", n.Value == "https://":
		return errors.New(`invalid build context image URL ""`)
	case IsGit(n.Value):
		n.Kind = Remote
		_, err := ParseGit(n.Value)
		return err
	case IsURL(n.Value):
		n.Kind = Remote
		return nil
	case n.Value == "":
		return errors.New(`invalid build context path ""`)
	}
	if !filepath.IsAbs(n.Value) {
		n.Value = filepath.Join(cwd, n.Value)
	}
	return nil
}

// parseLayout makes of PATH[:TAG][@DIGEST] the reference of an image in a layout.
func (n *Named) parseLayout(text, cwd string) error {
	n.Kind = Image
	dir, want, pinned := strings.Cut(text, "@")
	tag := ""
	if at := strings.LastIndexByte(dir, ':'); at > strings.LastIndexByte(dir, '/') {
		dir, tag = dir[:at], dir[at+1:]
	}
	if dir == "" {
		return errors.New(`invalid build context path ""`)
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(cwd, dir)
	}
	if strings.ContainsAny(dir, ":@") {
		return fmt.Errorf("build context %q: the path of a layout cannot hold a colon or an at sign", n.Name)
	}
	n.Value = "oci:" + dir
	if pinned {
		at, err := layoutIndex(dir, want)
		if err != nil {
			return fmt.Errorf("build context %q: %w", n.Name, err)
		}
		n.Value += fmt.Sprintf(":@%d", at)
	} else if tag != "" {
		n.Value += ":" + tag
	}
	return nil
}

// layoutIndex finds an image of a layout by the digest of its manifest.
func layoutIndex(dir, want string) (int, error) {
	id, err := digest.Parse(want)
	if err != nil {
		return 0, fmt.Errorf("digest %q: %w", want, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, imgspec.ImageIndexFile))
	if err != nil {
		return 0, fmt.Errorf("reading the layout: %w", err)
	}
	var index imgspec.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return 0, fmt.Errorf("reading the layout %q: %w", dir, err)
	}
	at := slices.IndexFunc(index.Manifests, func(d imgspec.Descriptor) bool { return d.Digest == id })
	if at < 0 {
		return 0, fmt.Errorf("the layout %q lists no image with the digest %s", dir, id)
	}
	return at, nil
}

// Open opens what is no image. The caller closes it.
func (n Named) Open(ctx context.Context, o Options) (*Context, error) {
	switch {
	case IsGit(n.Value):
		return Open(ctx, n.Value, o)
	case n.Kind == Remote:
		return openTemp(o, func(c *Context) error {
			if u, err := url.Parse(n.Value); err == nil {
				c.single = path.Base(path.Clean("/" + u.Path))
			}
			if c.single == "/" || c.single == "" {
				c.single = "download"
			}
			return c.fromURL(ctx, o, n.Value)
		})
	}
	c, err := openLocal(n.Value, o)
	if err == nil && c.File != "" {
		return nil, fmt.Errorf("opening the build context: %q is not a directory", n.Value)
	}
	return c, err
}
