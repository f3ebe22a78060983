package builder

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
)

// isRepository tells whether an address is that of a git repository, with or
// without #REF[:DIRECTORY].
func isRepository(source string) bool {
	u, err := url.Parse(source)
	return err == nil && strings.HasSuffix(u.Path, ".git")
}

// repository copies the files of one commit of a repository. Its history stays
// out: it would make the same commit different content every time.
func (a *adding) repository(ctx context.Context, source string) (err error) {
	clone, err := contexts.Open(ctx, source, contexts.Options{TempDir: a.engine.Host.TempDir})
	if err != nil {
		return fmt.Errorf("source %q: %w", redact(source), err)
	}
	defer func() {
		if undo := clone.Close(); err == nil {
			err = undo
		}
	}()
	root, err := copier.OpenRoot(clone.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.RemoveAll(".git"); err != nil {
		return err
	}
	result, err := copier.Copy(ctx, copier.Target{Root: a.root, Path: a.target(), Workdir: a.workdir()}, root, []string{"."}, a.copyOptions())
	if err != nil {
		return err
	}
	result.Kind = "" // as of every download
	a.items = append(a.items, result)
	return nil
}
