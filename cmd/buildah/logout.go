package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/internal/transfer"
)

func (p *program) logoutCommand() *cli.Command {
	var (
		f   accountFlags
		all bool
	)
	return &cli.Command{
		Name:        "logout",
		Usage:       "forget the credentials for a registry",
		ArgsUsage:   "[REGISTRY[/REPOSITORY]]",
		Description: "Removes what `buildah login` has kept for a registry, or for all registries.",
		Category:    registryGroup,
		UsageText:   "buildah logout registry.example.com\nbuildah logout --all",
		Flags:       asFlags(f.options(), []*option{boolOption("all,a", &all, "forget the credentials for all registries")}),
		Before:      takes(0, 1),
		Action: func(c *cli.Context) error {
			switch {
			case all && c.NArg() > 0:
				return usageError{text: fmt.Sprintf("--all takes no registry, received %q", c.Args().First())}
			case !all && c.NArg() == 0:
				return usageError{text: "logout needs REGISTRY[/REPOSITORY], or --all"}
			}
			account, err := f.settle(p, transfer.Registry{}, c.Args().First())
			if err != nil {
				return err
			}
			client, err := p.loginClient()
			if err != nil {
				return err
			}
			if all {
				if err := client.LogoutAll(account); err != nil {
					return err
				}
				_, err := fmt.Fprintln(p.stdout, "Removed login credentials for all registries")
				return err
			}
			return p.logout(c, client, account)
		},
	}
}

func (p *program) logout(c *cli.Context, client *transfer.Client, a transfer.Account) error {
	err := client.Logout(a)
	if err == nil {
		_, err = fmt.Fprintf(p.stdout, "Removed login credentials for %s\n", a.Key)
		return err
	}
	if !errors.Is(err, transfer.ErrNotLoggedIn) {
		return err
	}
	// They may be where another program keeps its own.
	with, elsewhere := client.Stored(a)
	if elsewhere == nil {
		elsewhere = client.CheckLogin(c.Context, a, with)
	}
	if elsewhere != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "Not logged in to %s by buildah; credentials for it were kept by another program, such as docker: log out with that\n", a.Key)
	return err
}
