package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/internal/transfer"
)

// accountFlags say where credentials are kept.
type accountFlags struct {
	authFile, compatFile string
}

func (f *accountFlags) options() []*option {
	return []*option{
		textOption("authfile", "FILE", &f.authFile, "keep credentials in FILE"),
		textOption("compat-auth-file", "FILE", &f.compatFile, "keep credentials in FILE, a config.json of docker's"),
	}
}

// settle fills what was not on the command line from the environment.
func (f *accountFlags) settle(p *program, registry transfer.Registry, word string) (a transfer.Account, err error) {
	a.Registry = registry
	switch {
	case f.authFile != "" && f.compatFile != "":
		return a, usageError{text: "only one of --authfile and --compat-auth-file may be given"}
	case f.authFile != "" || f.compatFile != "":
		a.Registry.AuthFile, a.CompatFile = f.authFile, f.compatFile
	case p.env("REGISTRY_AUTH_FILE") != "":
		a.Registry.AuthFile = p.env("REGISTRY_AUTH_FILE")
	case p.env("DOCKER_CONFIG") != "":
		a.CompatFile = filepath.Join(p.env("DOCKER_CONFIG"), "config.json")
	}
	if word != "" {
		if a.Key, err = transfer.ParseAccount(word); err != nil {
			return a, usageError{cause: err}
		}
	}
	return a, nil
}

// loginFlags are the flags of login.
type loginFlags struct {
	account  accountFlags
	registry registryFlags

	user, password string
	fromStdin      bool
	show           bool // --get-login
	verbose        bool
}

func (f *loginFlags) options() []*option {
	return []*option{
		f.registry.certDir(),
		newOption("get-login", "", "show the user name that is kept, and do nothing else", func(s string) error {
			f.show = true
			_, err := strconv.ParseBool(s)
			return withoutPrefix(err)
		}),
		textOption("password,p", "PASSWORD", &f.password, "the password; others can see it while the command runs"),
		boolOption("password-stdin", &f.fromStdin, "read the password from standard input"),
		f.registry.tlsVerify(),
		textOption("username,u", "NAME", &f.user, "the user name"),
		boolOption("verbose,v", &f.verbose, "show where the credentials are kept"),
	}
}

func (p *program) loginCommand() *cli.Command {
	var f loginFlags
	return &cli.Command{
		Name:        "login",
		Usage:       "keep credentials for a registry",
		ArgsUsage:   "REGISTRY[/REPOSITORY]",
		Description: "Asks the registry whether it accepts a user name and a password, and keeps them for the commands that use it.",
		Category:    registryGroup,
		UsageText:   "buildah login registry.example.com\npass show registry | buildah login --username me --password-stdin registry.example.com\nbuildah login --get-login registry.example.com",
		Flags:       asFlags(f.account.options(), f.options()),
		Before:      takes(1, 1),
		Action: func(c *cli.Context) error {
			account, err := f.account.settle(p, f.registry.registry, c.Args().First())
			if err != nil {
				return err
			}
			client, err := p.loginClient()
			if err != nil {
				return err
			}
			l := &login{p: p, f: &f, client: client, account: account}
			return l.run(c)
		},
	}
}

// login is one call of the command.
type login struct {
	p       *program
	f       *loginFlags
	client  *transfer.Client
	account transfer.Account
}

func (l *login) run(c *cli.Context) error {
	stored, err := l.client.Stored(l.account)
	if err != nil && !errors.Is(err, transfer.ErrNotLoggedIn) {
		return err
	}
	known := err == nil
	if l.f.show {
		if !known {
			return err
		}
		_, err := fmt.Fprintln(l.p.stdout, stored.User)
		return err
	}
	if err := l.check(); err != nil {
		return err
	}
	if known && l.f.user == "" && l.f.password == "" {
		if good, err := l.existing(c, stored); good || err != nil {
			return err
		}
	}
	with, err := l.credentials(stored.User)
	if err != nil {
		return err
	}
	if err := l.client.CheckLogin(c.Context, l.account, with); err != nil {
		return err
	}
	where, err := l.client.Login(l.account, with)
	if err != nil {
		return err
	}
	if l.f.verbose {
		fmt.Fprintln(l.p.stdout, "Used: ", where)
	}
	_, err = fmt.Fprintln(l.p.stdout, "Login Succeeded!")
	return err
}

// existing tells whether credentials that are kept are good. When they are not, and
// the user can be asked for others, that is no error.
func (l *login) existing(c *cli.Context, stored transfer.Credentials) (good bool, err error) {
	fmt.Fprintf(l.p.stdout, "Authenticating with existing credentials for %s\n", l.account.Key)
	err = l.client.CheckLogin(c.Context, l.account, stored)
	switch {
	case err == nil:
		_, err = fmt.Fprintf(l.p.stdout, "Existing credentials are valid. Already logged in to %s\n", l.account.Key)
		return true, err
	case errors.Is(err, transfer.ErrBadLogin) && isTerminal(l.p.stdin):
		_, err = fmt.Fprintln(l.p.stdout, "Existing credentials are invalid, please enter a valid user name and password")
	}
	return false, err
}

// check refuses flags that do not go together.
func (l *login) check() error {
	switch {
	case l.f.fromStdin && l.f.password != "":
		return usageError{text: "only one of --password and --password-stdin may be given"}
	case l.f.fromStdin && l.f.user == "":
		return usageError{text: "--password-stdin needs --username"}
	}
	return nil
}

// credentials are those of the command line, and what the user is asked for.
func (l *login) credentials(stored string) (with transfer.Credentials, err error) {
	with = transfer.Credentials{User: l.f.user, Password: l.f.password}
	if with.User == "" {
		label := "Username: "
		if stored != "" {
			label = fmt.Sprintf("Username (%s): ", stored)
		}
		if with.User, err = l.p.ask(label, false); err != nil {
			return with, fmt.Errorf("reading the user name: %w", err)
		}
		if with.User = strings.TrimSpace(with.User); with.User == "" {
			with.User = stored
		}
	}
	switch {
	case with.User == "":
		return with, errors.New("logging in: the user name is empty")
	case l.f.fromStdin:
		with.Password, err = l.p.readPassword()
	case with.Password == "" && !isTerminal(l.p.stdin):
		return with, usageError{text: "logging in: there is no terminal to ask for the password on", hint: "use --password-stdin"}
	case with.Password == "":
		with.Password, err = l.p.ask("Password: ", true)
	}
	if err == nil && with.Password == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return with, fmt.Errorf("reading the password: %w", err)
	}
	return with, nil
}

// readPassword takes all of standard input; line breaks are not part of a password.
func (p *program) readPassword() (string, error) {
	var password strings.Builder
	lines := bufio.NewScanner(io.LimitReader(p.stdin, authLimit))
	for lines.Scan() {
		password.WriteString(lines.Text())
	}
	return password.String(), lines.Err()
}
