package builder

import (
	"context"
	"errors"
	"fmt"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// repository copies the files of one commit of a repository.
func (a *adding) repository(ctx context.Context, source string) (err error) {
	g, err := a.gitURL(source)
	if err != nil {
		return err
	}
	clone, err := contexts.OpenGit(ctx, g, contexts.Options{TempDir: a.engine.Host.TempDir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clone.Close()) }()
	root, err := copier.OpenRoot(clone.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	o := a.copyOptions()
	o.Exclude, o.Parents, o.KeepOwner = a.o.Selection.Exclude, false, false
	result, err := copier.Copy(ctx, copier.Target{Root: a.root, Path: a.target(), Workdir: a.workdir()}, root, []string{"."}, o)
	if err != nil {
		return err
	}
	result.Kind = "" // as of every download
	a.items = append(a.items, result)
	a.remote = append(a.remote, Fetched{Identity: clone.Commit})
	return nil
}

// gitURL joins what the address says with the options.
func (a *adding) gitURL(source string) (contexts.GitURL, error) {
	g, err := contexts.ParseGit(source)
	if err != nil {
		return g, err
	}
	if err := g.RequireCommit(a.o.Checksum); err != nil {
		return g, fmt.Errorf("git repository %q: %w", redact(source), err)
	}
	said := map[Choice]contexts.Choice{imageconfig.Yes: contexts.Yes, imageconfig.No: contexts.No}[a.o.KeepGitDir]
	if said != contexts.Default {
		g.KeepGitDir = said
	}
	return g, nil
}
