package contexts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
)

// OpenGit fetches one commit of a repository into a temporary directory. .git
// stays unless the address says otherwise. The caller closes the context.
func OpenGit(ctx context.Context, g GitURL, o Options) (*Context, error) {
	return openTemp(o, func(c *Context) error { return c.fromGit(ctx, g) })
}

func (c *Context) fromGit(ctx context.Context, g GitURL) error {
	if _, err := exec.LookPath("git"); err != nil {
		return fmt.Errorf("fetching %q: git is needed for it and not installed: install git, or clone the repository and use its directory", redacted(g.Remote))
	}
	w := &worktree{dir: c.Dir, url: g}
	err := w.fetch(ctx)
	if err == nil {
		c.Commit, err = w.commit(ctx)
	}
	if err != nil {
		return err
	}
	if err := w.finish(ctx); err != nil {
		return fmt.Errorf("preparing what was fetched from %q: %w", redacted(g.Remote), err)
	}
	return c.enter(g.Subdir, g.Remote)
}

// worktree is a repository with one commit checked out. Nobody else writes there.
type worktree struct {
	dir string
	url GitURL
}

// fetch gets the commit and nothing of what came before it.
func (w *worktree) fetch(ctx context.Context) error {
	begin := []string{"init", "-q", "--template="}
	if len(w.url.want()) == 64 && isCommit(w.url.want()) {
		begin = append(begin, "--object-format=sha256")
	}
	for _, args := range [][]string{
		begin,
		{"config", "core.logAllRefUpdates", "false"}, // logs hold the time of day
		{"remote", "add", "origin", w.url.Remote},
		{"fetch", "-q", "-u", "--depth=1", "origin", "--", w.url.want()},
	} {
		if _, err := w.git(ctx, args...); err != nil {
			return err
		}
	}
	if err := w.verify(ctx); err != nil {
		return err
	}
	if _, err := w.git(ctx, "checkout", "-q", "FETCH_HEAD"); err != nil {
		return err
	}
	if w.url.Submodules == No {
		return nil
	}
	if info, err := os.Lstat(filepath.Join(w.dir, ".gitmodules")); err != nil || !info.Mode().IsRegular() {
		return nil //nolint:nilerr // most repositories have none
	}
	_, err := w.git(ctx, "submodule", "-q", "update", "--init", "--recursive", "--depth=1")
	return err
}

// verify compares what came with the checksum: the ID of the commit, or of the
// tag that led to it.
func (w *worktree) verify(ctx context.Context) error {
	if w.url.Checksum == "" {
		return nil
	}
	out, err := w.git(ctx, "rev-parse", "FETCH_HEAD", "FETCH_HEAD^{commit}")
	if err != nil {
		return err
	}
	ids := strings.Fields(out)
	for _, id := range ids {
		if strings.HasPrefix(id, w.url.Checksum) {
			return nil
		}
	}
	return fmt.Errorf("fetching %q: unexpected commit %s, want %s", redacted(w.url.Remote), ids[len(ids)-1], w.url.Checksum)
}

// git runs git in the repository and gives its output. Its status is only text:
// it means nothing to our caller.
func (w *worktree) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = w.dir
	// git must neither ask for a password on the terminal nor take the repository around us for its own.
	cmd.Env = append(cleanEnv(cmd.Environ()), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		text := strings.ReplaceAll(said.String()+out.String(), w.url.Remote, redacted(w.url.Remote))
		return "", fmt.Errorf("fetching %q: failed while performing `git %s`: %s: %s",
			redacted(w.url.Remote), args[0], err.Error(), strings.Join(strings.Fields(text), " "))
	}
	return out.String(), nil
}

// cleanEnv drops what would point git to another repository.
func cleanEnv(env []string) []string {
	var kept []string
	for _, kv := range env {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_NAMESPACE":
		default:
			kept = append(kept, kv)
		}
	}
	return kept
}

// finish makes the same commit the same files, whoever fetched it and when.
func (w *worktree) finish(ctx context.Context) error {
	var at *time.Time
	if w.url.CommitTime {
		out, err := w.git(ctx, "log", "-1", "--format=%ct", "HEAD")
		if err != nil {
			return err
		}
		seconds, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
		if err != nil {
			return fmt.Errorf("reading the time of the commit: %w", err)
		}
		t := time.Unix(seconds, 0)
		at = &t
	}
	if w.url.KeepGitDir != No {
		if err := w.tidy(ctx); err != nil {
			return err
		}
	}
	return w.settle(at)
}

// tidy takes out of .git what a password or the time of day is in.
func (w *worktree) tidy(ctx context.Context) error {
	if u, err := url.Parse(w.url.Remote); err == nil && u.User != nil {
		u.User = nil
		if _, err := w.git(ctx, "remote", "set-url", "origin", u.String()); err != nil {
			return err
		}
	}
	for _, name := range []string{"index", "FETCH_HEAD", "ORIG_HEAD"} {
		if err := os.RemoveAll(filepath.Join(w.dir, ".git", name)); err != nil {
			return err
		}
	}
	_, err := w.git(ctx, "read-tree", "HEAD") // an index without inodes and times
	return err
}

// settle gives files the modes that git knows, whatever our umask, and their
// times, and removes .git of the repository and of its submodules if it is not
// to stay.
func (w *worktree) settle(at *time.Time) error {
	var dirs []string
	err := filepath.WalkDir(w.dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".git" && w.url.KeepGitDir == No:
			if err := os.RemoveAll(name); err != nil || !d.IsDir() {
				return err
			}
			return fs.SkipDir
		case d.IsDir():
			dirs = append(dirs, name)
			return os.Chmod(name, 0o755) //nolint:gosec // as git has it
		case d.Type().IsRegular():
			if err := setGitMode(name, d); err != nil {
				return err
			}
		}
		return touch(name, at)
	})
	for i := len(dirs) - 1; i >= 0 && err == nil; i-- {
		err = touch(dirs[i], at)
	}
	return err
}

func setGitMode(name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	if info.Mode().Perm() == mode {
		return nil
	}
	return os.Chmod(name, mode)
}

// touch sets the time of a file, or of a link itself; nil leaves it.
func touch(name string, at *time.Time) error {
	if at == nil {
		return nil
	}
	ts, err := unix.TimeToTimespec(*at)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// enter makes a directory inside of what was fetched from a remote the context.
func (c *Context) enter(dir, remote string) error {
	if dir == "" {
		return nil
	}
	root, err := copier.OpenRoot(c.Dir)
	if err != nil {
		return fmt.Errorf("opening what was fetched: %w", err)
	}
	defer root.Close()
	inside, err := root.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("opening the directory %q of %q: %w", dir, redacted(remote), errors.Unwrap(err))
	}
	full := filepath.Join(c.Dir, inside)
	// Nobody else writes there, and the links were followed inside the root.
	info, err := os.Lstat(full)
	if err != nil {
		return fmt.Errorf("opening the directory %q of %q: %w", dir, redacted(remote), err)
	}
	if !info.IsDir() {
		return fmt.Errorf("opening the directory %q of %q: %w", dir, redacted(remote), syscall.ENOTDIR)
	}
	c.Dir, c.File = full, ""
	return nil
}
