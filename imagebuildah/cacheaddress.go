package imagebuildah

import (
	"context"
	"fmt"
	"os"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/contexts"
)

// What is at an address is known by what its server says of it: of a repository the
// ID of the commit, which says everything; of a download an ETag or a time. Where that
// is another one than before, or there is none, the download itself tells.

// addressKey adds what is at the addresses that an ADD names. A reason is why that
// cannot be told.
func (r *stageRun) addressKey(ctx context.Context, q *question, x copying) (why string) {
	at := -1
	for _, s := range x.words.SourcePaths {
		git := contexts.IsGit(s)
		if !git && !contexts.IsURL(s) {
			continue
		}
		at++
		name := fmt.Sprintf("%s%d", addressPrefix, at+1)
		switch {
		case git:
			value, err := r.repositoryCommit(ctx, s, x.o.Checksum)
			if err != nil { // fetching it says so, too
				return "its repository cannot be asked: " + err.Error()
			}
			q.add(value, filePart{name: name, came: r.cameFrom(at, func(f builder.Fetched) (string, string) { return f.Identity, "" })})
		case x.o.Checksum == "": // otherwise the text of the instruction says what it is
			q.add(r.saidOf(ctx, s), filePart{
				name: name, vague: true, digest: r.downloadDigest(s),
				came: r.cameFrom(at, func(f builder.Fetched) (string, string) { return f.Identity, downloadText(f.Digest, f.Modified) }),
			})
		}
	}
	return ""
}

// repositoryCommit asks a repository for the commit of an ADD.
func (r *stageRun) repositoryCommit(ctx context.Context, address, checksum string) (string, error) {
	g, err := contexts.ParseGit(address)
	if err == nil {
		err = g.RequireCommit(checksum)
	}
	if err != nil {
		return "", err
	}
	return r.commitOf(ctx, g)
}

// saidOf is what a server says of a download, while steps are looked up.
func (r *stageRun) saidOf(ctx context.Context, address string) string {
	if !r.armed() {
		return ""
	}
	return r.o.Source.Fetch.HTTP.Identify(ctx, address)
}

const addressPrefix = "address "

// downloadText tells downloads apart, with the time that the file gets.
func downloadText(digest, modified string) string {
	if digest == "" {
		return ""
	}
	return digest + " " + modified
}

// cameFrom gives what an ADD has really fetched.
func (r *stageRun) cameFrom(at int, values func(builder.Fetched) (value, content string)) func() (value, content string, ok bool) {
	return func() (value, content string, ok bool) {
		if at >= len(r.caching.remote) {
			return "", "", false
		}
		value, content = values(r.caching.remote[at])
		return value, content, value != "" || content != ""
	}
}

// commitOf asks a repository which commit is meant, while steps are looked up.
func (r *stageRun) commitOf(ctx context.Context, g contexts.GitURL) (string, error) {
	if !r.armed() {
		return "", nil
	}
	return g.Resolve(ctx)
}

// downloadDigest fetches what is at an address, once for the stage: the step takes it
// from there.
func (r *stageRun) downloadDigest(address string) func(context.Context, *buildcache.Files) (string, error) {
	return func(ctx context.Context, _ *buildcache.Files) (string, error) {
		d := r.caching.ready[address]
		if d == nil {
			var err error
			if d, err = r.o.Source.Fetch.HTTP.Download(ctx, address, r.o.Source.Fetch.TempDir); err != nil {
				return "", err
			}
			if r.caching.ready == nil {
				r.caching.ready = map[string]*contexts.Download{}
			}
			r.caching.ready[address] = d
			r.later(func(context.Context) error { return os.Remove(d.Path) })
		}
		return downloadText(d.Digest, d.Header.Get("Last-Modified")), nil
	}
}

// remoteKey adds files of a named context that is fetched.
func (r *stageRun) remoteKey(ctx context.Context, q *question, n contexts.Named, p filePart) (why string) {
	p.vague = !contexts.IsGit(n.Value)
	value, err := r.remoteIdentity(ctx, n)
	if err != nil {
		return "the repository of a build context cannot be asked: " + err.Error()
	}
	copied := p.came != nil
	read := p.digest
	p.came = func() (value, content string, ok bool) {
		c, ok := r.pool.opened.peek(n.Value)
		if !ok {
			return "", "", false
		}
		if !p.vague {
			return c.Commit, "", c.Commit != ""
		}
		if copied {
			return c.Identity, r.caching.sources, true
		}
		list := &buildcache.Files{}
		content, err := read(ctx, list)
		return c.Identity, content, err == nil && r.cache.KeepFiles(content, list) == nil
	}
	q.add(value, p)
	return ""
}

// remoteIdentity says what is at the address of a named context, while steps are looked up.
func (r *stageRun) remoteIdentity(ctx context.Context, n contexts.Named) (string, error) {
	if c, ok := r.pool.opened.peek(n.Value); ok {
		return c.Commit + c.Identity, nil // it has one of them
	}
	if !contexts.IsGit(n.Value) {
		return r.saidOf(ctx, n.Value), nil
	}
	g, err := contexts.ParseGit(n.Value)
	if err != nil {
		return "", err
	}
	return r.commitOf(ctx, g)
}
