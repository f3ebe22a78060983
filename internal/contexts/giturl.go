package contexts

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// GitURL is the address of one commit of a git repository, and of a directory
// in it. It is written in one of two ways, whose parts may be mixed as long as
// nothing is said twice:
//
//	REMOTE#REF:SUBDIR
//	REMOTE?ref=...&subdir=...
type GitURL struct {
	Remote string // for git, without what is below
	Ref    string // branch, tag or commit; "" is the remote's HEAD
	Subdir string // of the repository; "" is all of it
	// Checksum is the ID that the commit or the tag must have, or its beginning;
	// "" checks nothing.
	Checksum string
	// ByCommit fetches Checksum itself: the reference may have moved on.
	ByCommit bool
	// KeepGitDir says whether .git stays. Default leaves it to the caller.
	KeepGitDir Choice
	Submodules Choice // Default and Yes fetch them, with their own
	// CommitTime gives all files the time of the commit, instead of now.
	CommitTime bool
}

// Choice is yes, no, or not said.
type Choice int

// The choices.
const (
	Default Choice = iota
	Yes
	No
)

// choose reads the value of a switch; one that stands alone is on.
func choose(text string) (Choice, error) {
	if text == "" {
		return Yes, nil
	}
	on, err := strconv.ParseBool(text)
	switch {
	case err != nil:
		return Default, errors.New("use true or false")
	case on:
		return Yes, nil
	}
	return No, nil
}

// IsGit tells whether a name is that of a git repository: git:// and ssh:// URLs,
// USER@HOST:PATH with the user git, and http URLs whose path ends in ".git".
func IsGit(name string) bool {
	for _, prefix := range []string{"git://", "ssh://"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	if isSCP(name) {
		return true
	}
	if !IsURL(name) {
		return false
	}
	end := strings.IndexAny(name, "?#")
	if end < 0 {
		end = len(name)
	}
	return strings.HasSuffix(name[:end], ".git")
}

// isSCP tells the form that ssh users know from scp.
func isSCP(name string) bool {
	host, _, found := strings.Cut(strings.TrimPrefix(name, "git@"), ":")
	return strings.HasPrefix(name, "git@") && found && host != "" && !strings.ContainsAny(host, "/?#")
}

// ParseGit reads the address of a git repository. Errors never show a password.
func ParseGit(text string) (GitURL, error) {
	g, err := parseGit(text)
	if err != nil {
		return GitURL{}, fmt.Errorf("git repository %q: %w", redacted(text), err)
	}
	return g, nil
}

func parseGit(text string) (g GitURL, err error) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return g, errors.New("it holds a control character")
	}
	rest, fragment, _ := strings.Cut(text, "#")
	rest, query, _ := strings.Cut(rest, "?")
	if err := checkRemote(rest); err != nil {
		return g, err
	}
	g.Remote = rest
	if err := g.setFragment(fragment); err != nil {
		return g, err
	}
	if err := g.setQuery(query); err != nil {
		return g, err
	}
	return g, g.check()
}

// checkRemote refuses what git could take for a flag or would ask somebody about.
func checkRemote(remote string) error {
	if isSCP(remote) {
		host, dir, _ := strings.Cut(strings.TrimPrefix(remote, "git@"), ":")
		if strings.HasPrefix(host, "-") || dir == "" {
			return errors.New("it is not of the form git@HOST:PATH")
		}
		return nil
	}
	u, err := url.Parse(remote)
	switch {
	case err != nil:
		return errors.New("it is not a URL") // the cause may quote a password
	case u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-"):
		return errors.New("it names no host")
	case strings.Trim(u.Path, "/") == "":
		return errors.New("it names no repository")
	case u.User != nil && strings.HasPrefix(u.User.Username(), "-"):
		return errors.New("it names no user")
	}
	return nil
}

// setFragment takes REF:SUBDIR.
func (g *GitURL) setFragment(text string) error {
	ref, dir, _ := strings.Cut(text, ":")
	for _, part := range []struct {
		to   *string
		text string
	}{{&g.Ref, ref}, {&g.Subdir, dir}} {
		plain, err := url.PathUnescape(part.text)
		if err != nil {
			return fmt.Errorf("fragment %q: %w", text, err)
		}
		*part.to = plain
	}
	return nil
}

// setQuery takes the keys after the question mark.
func (g *GitURL) setQuery(text string) error {
	if text == "" {
		return nil
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	said := map[string]string{} // what a key is about -> the key that said it
	if g.Ref != "" {
		said["reference"] = "the part after #"
	}
	if g.Subdir != "" {
		said["subdirectory"] = "the part after the colon"
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		list := values[key]
		if len(list) != 1 {
			return fmt.Errorf("%q is given %d times", key, len(list))
		}
		subject, err := g.setKey(key, list[0])
		if err != nil {
			return err
		}
		if before := said[subject]; before != "" {
			return fmt.Errorf("%q and %s both name the %s", key, before, subject)
		}
		said[subject] = strconv.Quote(key)
	}
	return nil
}

// setKey takes one key and tells what it is about.
func (g *GitURL) setKey(key, value string) (subject string, err error) {
	switch key {
	case "ref":
		g.Ref, subject = value, "reference"
	case "tag":
		g.Ref, subject = "refs/tags/"+value, "reference"
	case "branch":
		g.Ref, subject = "refs/heads/"+value, "reference"
	case "subdir":
		g.Subdir, subject = value, "subdirectory"
	case "checksum", "commit":
		g.Checksum, subject = value, "commit"
	default:
		if err := g.setSwitch(key, value); err != nil {
			return "", fmt.Errorf("%q has the value %q: %w", key, value, err)
		}
		return key, nil
	}
	if value == "" {
		return "", fmt.Errorf("%q is empty", key)
	}
	return subject, nil
}

// setSwitch takes the keys that have one of two values.
func (g *GitURL) setSwitch(key, value string) (err error) {
	var by Choice
	switch key {
	case "keep-git-dir":
		g.KeepGitDir, err = choose(value)
	case "submodules":
		g.Submodules, err = choose(value)
	case "fetch-by-commit":
		by, err = choose(value)
		g.ByCommit = by == Yes
	case "mtime":
		if value != "checkout" && value != "commit" {
			err = errors.New("use checkout or commit")
		}
		g.CommitTime = value == "commit"
	default:
		err = errors.New("the key is not known: ref, tag, branch, subdir, checksum, commit, keep-git-dir, submodules, mtime and fetch-by-commit are")
	}
	return err
}

var (
	// badRef is what git-check-ref-format(1) forbids, and what makes a refspec of a name.
	badRef   = regexp.MustCompile(`^[-+]|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(/|$)|/$|^$|\.$`)
	commitID = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	someID   = regexp.MustCompile(`^[0-9a-f]{4,64}$`)
)

func isCommit(text string) bool { return commitID.MatchString(text) }

// check looks at the values.
func (g *GitURL) check() error {
	if g.Ref != "" && badRef.MatchString(g.Ref) {
		return fmt.Errorf("%q is no name of a commit", g.Ref)
	}
	if g.Subdir = strings.TrimPrefix(path.Clean("/"+g.Subdir), "/"); strings.ContainsRune(g.Subdir, 0) {
		return fmt.Errorf("%q is no name of a directory", g.Subdir)
	}
	if err := g.RequireCommit(""); err != nil {
		return err
	}
	if g.ByCommit && !isCommit(g.Checksum) {
		return errors.New(`"fetch-by-commit" needs the whole ID of the commit in "checksum"`)
	}
	return nil
}

// RequireCommit adds what else is said about the commit: the beginning of its ID.
// Both must be able to be right.
func (g *GitURL) RequireCommit(id string) error {
	g.Checksum = strings.ToLower(g.Checksum)
	id = strings.ToLower(id)
	for _, text := range []string{g.Checksum, id} {
		if text != "" && !someID.MatchString(text) {
			return fmt.Errorf("checksum %q is no ID of a commit: it has from 4 to 64 hexadecimal digits", text)
		}
	}
	switch {
	case strings.HasPrefix(g.Checksum, id):
	case strings.HasPrefix(id, g.Checksum):
		g.Checksum = id
	default:
		return fmt.Errorf("checksum %q and checksum %q are of different commits", g.Checksum, id)
	}
	return nil
}

// OverSSH tells whether the remote is reached with the user's keys.
func (g *GitURL) OverSSH() bool { return isSCP(g.Remote) || strings.HasPrefix(g.Remote, "ssh://") }

// want is what is asked of the remote.
func (g *GitURL) want() string {
	switch {
	case g.ByCommit, g.Ref == "" && isCommit(g.Checksum):
		return g.Checksum
	case g.Ref == "":
		return "HEAD"
	}
	return g.Ref
}
