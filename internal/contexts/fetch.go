package contexts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/projectatomic/buildah/copier"
)

// fetchLimit is the largest context that is downloaded, in bytes.
const fetchLimit = 64 << 30

// isGit tells whether a context is a git repository.
func isGit(arg string) bool {
	if strings.HasPrefix(arg, "git://") {
		return true
	}
	u, err := url.Parse(arg)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.HasSuffix(u.Path, ".git")
}

// fromURL downloads an archive or a Dockerfile.
func (c *Context) fromURL(ctx context.Context, o Options, source string) error {
	body, err := o.get(ctx, source)
	if err != nil {
		return err
	}
	defer body.Close()
	return c.fromReader(ctx, io.LimitReader(body, fetchLimit), redacted(source))
}

// fromGitHub is the short form for the main branch of a repository there.
func (c *Context) fromGitHub(ctx context.Context, o Options, arg string) error {
	repository := strings.TrimSuffix(arg, "/")
	if err := c.fromURL(ctx, o, "https://"+repository+"/archive/master.tar.gz"); err != nil {
		return err
	}
	return c.enter(path.Base(repository) + "-master")
}

// get asks for a URL; the caller closes the body.
func (o Options) get(ctx context.Context, source string) (io.ReadCloser, error) {
	client := o.Client
	if client == nil {
		client = http.DefaultClient
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("getting %q: %w", redacted(source), err)
	}
	response, err := client.Do(request)
	if err != nil {
		var uerr *url.Error // it repeats the address, with any password in it
		if errors.As(err, &uerr) {
			err = uerr.Err
		}
		return nil, fmt.Errorf("getting %q: %w", redacted(source), err)
	}
	switch {
	case response.StatusCode < 200 || response.StatusCode >= 400:
		err = fmt.Errorf("getting %q: invalid response status %d", redacted(source), response.StatusCode)
	case response.ContentLength == 0:
		err = fmt.Errorf("getting %q: no contents in %q", redacted(source), redacted(source))
	default:
		return response.Body, nil
	}
	return nil, errors.Join(err, response.Body.Close())
}

// fromGit fetches one commit of a repository: URL, URL#REF, URL#REF:DIR, URL#:DIR.
func (c *Context) fromGit(ctx context.Context, arg string) error {
	if _, err := exec.LookPath("git"); err != nil {
		return errors.New("fetching the build context: git is needed for it and not installed: install git, or clone the repository and build in its directory")
	}
	remote, fragment, _ := strings.Cut(arg, "#")
	ref, dir, _ := strings.Cut(fragment, ":")
	if ref == "" {
		ref = "HEAD"
	}
	if strings.HasPrefix(ref, "-") {
		return fmt.Errorf("fetching the build context: %q is no name of a commit", ref)
	}
	for _, args := range [][]string{
		{"init", "-q"},
		{"remote", "add", "origin", remote},
		{"fetch", "-q", "-u", "--depth=1", "origin", "--", ref},
		{"checkout", "-q", "FETCH_HEAD"},
	} {
		if err := c.git(ctx, args...); err != nil {
			return err
		}
	}
	return c.enter(dir)
}

// git runs git in the context. Its status is only text: it means nothing to our caller.
func (c *Context) git(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = c.Dir
	// git must neither ask for a password on the terminal nor take the repository around us for its own.
	cmd.Env = append(cleanEnv(cmd.Environ()), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		text := strings.Join(strings.Fields(strings.ReplaceAll(string(out), args[len(args)-1], redacted(args[len(args)-1]))), " ")
		return fmt.Errorf("fetching the build context: failed while performing `git %s`: %s: %s", args[0], err.Error(), text)
	}
	return nil
}

// cleanEnv drops what would point git to another repository.
func cleanEnv(env []string) []string {
	var kept []string
	for _, kv := range env {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY":
		default:
			kept = append(kept, kv)
		}
	}
	return kept
}

// enter makes a directory inside what was fetched the context.
func (c *Context) enter(dir string) error {
	if dir == "" {
		return nil
	}
	root, err := copier.OpenRoot(c.Dir)
	if err != nil {
		return fmt.Errorf("opening the build context: %w", err)
	}
	defer root.Close()
	inside, err := root.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("opening %q in the build context: %w", dir, err)
	}
	full := filepath.Join(c.Dir, inside)
	// Nobody else writes there, and the links were followed inside the root.
	info, err := os.Lstat(full)
	if err != nil {
		return fmt.Errorf("opening %q in the build context: %w", dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("opening %q in the build context: not a directory", dir)
	}
	c.Dir, c.File = full, ""
	return nil
}
