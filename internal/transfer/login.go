package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"
)

// Account is for what credentials are kept, and where.
type Account struct {
	// Key is the host[:port] of a registry; a repository, or the beginning of one, may
	// follow, for credentials that are good for that only.
	Key        string
	Registry   Registry // its AuthFile is written and need not exist
	CompatFile string   // instead of Registry.AuthFile: a config.json as docker writes it
}

// Credentials are what a registry knows a user by.
type Credentials struct{ User, Password string }

// The ways in which an account is not as it should be.
var (
	ErrNotLoggedIn = errors.New("not logged in")
	ErrBadLogin    = errors.New("the registry refuses this user name and password")
	errToken       = errors.New("an identity token is kept for it, which can be used but neither shown nor replaced: `buildah logout` first")
)

// ParseAccount reads the word of login and logout: the address of a registry, or
// host[:port][/REPOSITORY].
func ParseAccount(word string) (key string, err error) {
	key = strings.TrimSuffix(word, "/")
	for _, scheme := range []string{"https://", "http://"} {
		if rest, found := strings.CutPrefix(key, scheme); found {
			key, _, _ = strings.Cut(rest, "/")
			break
		}
	}
	host, path, _ := strings.Cut(key, "/")
	switch {
	case strings.Contains(key, "@"):
		return "", fmt.Errorf("%q comes after a user: give that with --username", key[strings.LastIndex(key, "@")+1:]) // a password, too, is before it
	case host == "" || strings.ContainsAny(key, " \t\r\n"):
		return "", fmt.Errorf("%q is no registry: use HOST[:PORT][/REPOSITORY]", word)
	case strings.Contains(path, ":"):
		return "", fmt.Errorf("%q has a tag: credentials are for whole repositories", word)
	}
	return key, nil
}

// Stored gives the credentials that are kept for an account; ErrNotLoggedIn if there
// are none.
func (c *Client) Stored(a Account) (Credentials, error) {
	sys, err := c.accountContext(a)
	if err != nil {
		return Credentials{}, err
	}
	found, err := c.stored(sys, a.Key)
	switch {
	case err != nil:
		return Credentials{}, fmt.Errorf("reading the credentials for %q: %w", a.Key, inOneLine(err))
	case found.IdentityToken != "":
		return Credentials{}, fmt.Errorf("using %q: %w", a.Key, errToken)
	case found == (types.DockerAuthConfig{}):
		return Credentials{}, fmt.Errorf("%w to %q", ErrNotLoggedIn, a.Key)
	}
	return Credentials{User: found.Username, Password: found.Password}, nil
}

// CheckLogin asks the registry whether it accepts credentials. ErrBadLogin is its no.
func (c *Client) CheckLogin(ctx context.Context, a Account, with Credentials) error {
	sys, err := c.accountContext(a)
	if err != nil {
		return err
	}
	host, _, _ := strings.Cut(a.Key, "/")
	err = docker.CheckAuth(ctx, sys, with.User, with.Password, host)
	var denied docker.ErrUnauthorizedForCredentials
	switch {
	case errors.As(err, &denied):
		return fmt.Errorf("logging in to %q as %q: %w", host, with.User, ErrBadLogin)
	case err != nil:
		return inOneLine(fmt.Errorf("logging in to %q: %w", host, &RegistryError{Host: host, Problem: problemOf(err), err: err}))
	}
	return nil
}

// Login keeps credentials, which the caller has checked, and tells where.
func (c *Client) Login(a Account, with Credentials) (where string, err error) {
	sys, err := c.accountContext(a)
	if err != nil {
		return "", err
	}
	helper, err := c.writtenHelper(a)
	if err != nil {
		return "", err
	}
	if helper != "" {
		where, err = "credential helper: "+helper, storeInHelper(helper, a.Key, with)
	} else {
		where, err = config.SetCredentials(sys, a.Key, with.User, with.Password)
	}
	if err != nil {
		return "", inOneLine(fmt.Errorf("keeping the credentials for %q: %w", a.Key, err))
	}
	return where, nil
}

// Logout forgets the credentials of an account. When there are none where it would
// write, it is ErrNotLoggedIn.
func (c *Client) Logout(a Account) error {
	sys, err := c.removalContext(a)
	if err != nil {
		return err
	}
	helper, err := c.writtenHelper(a)
	if err != nil {
		return err
	}
	erased := false
	if helper != "" {
		if erased, err = eraseFromHelper(helper, a.Key); err != nil {
			return err
		}
		sys = withCompatFile(sys, c.writtenFile(a), a.Key)
	}
	err = config.RemoveAuthentication(sys, a.Key)
	switch {
	case errors.Is(err, config.ErrNotLoggedIn) && erased:
		return nil
	case errors.Is(err, config.ErrNotLoggedIn):
		return fmt.Errorf("%w to %q", ErrNotLoggedIn, a.Key)
	case err != nil:
		return inOneLine(fmt.Errorf("forgetting the credentials for %q: %w", a.Key, err))
	}
	return nil
}

// LogoutAll forgets the credentials of all accounts. The key is not looked at.
func (c *Client) LogoutAll(a Account) error {
	sys, err := c.removalContext(a)
	if err != nil {
		return err
	}
	helper, err := c.writtenHelper(a)
	if err != nil {
		return err
	}
	if helper != "" {
		if err := eraseAllFromHelper(helper); err != nil {
			return err
		}
		sys = withCompatFile(sys, c.writtenFile(a), "")
	}
	if err := config.RemoveAllAuthentication(sys); err != nil {
		return inOneLine(fmt.Errorf("forgetting all credentials: %w", err))
	}
	return nil
}

// accountContext is what the library wants to know for credentials: it is no error
// that the file is still to be made.
func (c *Client) accountContext(a Account) (*types.SystemContext, error) {
	if a.CompatFile != "" && a.Registry.AuthFile != "" {
		return nil, errors.New("credentials are kept in one file: either of ours or of docker's")
	}
	file := a.Registry.AuthFile
	a.Registry.AuthFile = ""
	sys, err := c.SystemContext(a.Registry, Platform{})
	if err != nil {
		return nil, err
	}
	sys.AuthFilePath, sys.DockerCompatAuthFilePath = file, a.CompatFile
	return sys, nil
}

// removalContext is the same for what needs a file that is there.
func (c *Client) removalContext(a Account) (*types.SystemContext, error) {
	for _, named := range []string{a.Registry.AuthFile, a.CompatFile} {
		if named == "" {
			continue
		}
		if _, err := os.Stat(named); err != nil {
			return nil, fmt.Errorf("reading the credentials file: %w", err)
		}
	}
	return c.accountContext(a)
}
