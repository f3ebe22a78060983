package contexts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// fetchLimit is the largest context that is downloaded, in bytes.
const fetchLimit = 64 << 30

// fromURL downloads an archive or a Dockerfile.
func (c *Context) fromURL(ctx context.Context, o Options, source string) error {
	response, err := o.get(ctx, source)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	c.Identity = Identity(response)
	return c.fromReader(ctx, io.LimitReader(response.Body, fetchLimit), redacted(source))
}

// fromGitHub is the short form for the main branch of a repository there.
func (c *Context) fromGitHub(ctx context.Context, o Options, arg string) error {
	repository := strings.TrimSuffix(arg, "/")
	if err := c.fromURL(ctx, o, "https://"+repository+"/archive/master.tar.gz"); err != nil {
		return err
	}
	return c.enter(path.Base(repository)+"-master", "https://"+repository)
}

// get asks for a URL; the caller closes the body.
func (o Options) get(ctx context.Context, source string) (*http.Response, error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("getting %q: it is not a URL", redacted(source))
	}
	response, err := o.HTTP.Get(ctx, u)
	if err != nil {
		return nil, err
	}
	if response.ContentLength == 0 {
		err := fmt.Errorf("getting %q: no contents in %q", redacted(source), redacted(source))
		return nil, errors.Join(err, response.Body.Close())
	}
	return response, nil
}
