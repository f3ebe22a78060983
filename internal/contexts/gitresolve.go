package contexts

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Resolve asks the remote which commit, or tag, the address means, without fetching
// it: the ID is what [Context.Commit] would be.
func (g GitURL) Resolve(ctx context.Context) (string, error) {
	want := g.want()
	if isCommit(want) {
		return want, nil
	}
	if _, err := exec.LookPath("git"); err != nil {
		return "", fmt.Errorf("asking %q: git is not installed", redacted(g.Remote))
	}
	w := &worktree{dir: "/", url: g} // it needs no repository
	out, err := w.git(ctx, "ls-remote", "--", g.Remote, want)
	if err != nil {
		return "", err
	}
	if id := pickRef(out, want); id != "" {
		return id, nil
	}
	return "", fmt.Errorf("asking %q: it has no %q", redacted(g.Remote), want)
}

// refRules are where git looks a short name up, in this order (gitrevisions(7)).
var refRules = []string{"", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"}

// pickRef finds the reference that git would fetch among the lines of ls-remote,
// which also has those that merely end in the name.
func pickRef(lines, want string) string {
	ids := map[string]string{}
	for line := range strings.Lines(lines) {
		id, ref, found := strings.Cut(strings.TrimSpace(line), "\t")
		if found && isCommit(id) {
			ids[ref] = id
		}
	}
	for _, rule := range refRules {
		if id := ids[rule+want]; id != "" {
			return id
		}
	}
	return ids["refs/remotes/"+want+"/HEAD"]
}

// commit is the ID of what was fetched: of a tag, if it is one that has a text.
func (w *worktree) commit(ctx context.Context) (string, error) {
	out, err := w.git(ctx, "rev-parse", "FETCH_HEAD")
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(out)
	if !isCommit(id) {
		return "", errors.New("git has fetched no commit")
	}
	return id, nil
}
