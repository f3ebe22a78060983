package main

import (
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

// mountedRow is one mounted container in --json.
type mountedRow struct {
	Container  string `json:"container,omitempty"`
	MountPoint string `json:"mountPoint"`
}

func (p *program) mountCommand() *cli.Command {
	var asJSON, noTruncate bool
	return &cli.Command{
		Name:      "mount",
		Usage:     "mount the root file system of working containers",
		ArgsUsage: "[CONTAINER ... | CONTAINER /DIRECTORY]",
		Description: "Mounts the containers and writes where. Without a name it lists what is mounted.\n" +
			"With one name and an absolute path, the container is mounted at that directory.",
		Category:  containerGroup,
		UsageText: "dir=$(buildah mount web)\nbuildah mount web /mnt\nbuildah mount",
		Flags: asFlags([]*option{
			boolOption("json", &asJSON, "write JSON"),
			boolOption("notruncate", &noTruncate, "accepted, paths are never cut").hide(),
		}),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				names := c.Args().Slice()
				switch {
				case len(names) == 0:
					return p.listMounts(e, asJSON)
				case len(names) == 2 && filepath.IsAbs(names[1]):
					return p.mountAt(c, e, names[0], names[1])
				}
				return p.mountAll(c, e, names, asJSON)
			})
		},
	}
}

func (p *program) mountAt(c *cli.Context, e *builder.Engine, name, directory string) error {
	b, err := builder.Open(e, name)
	if err != nil {
		return err
	}
	if err := b.MountAt(c.Context, directory); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, directory)
	return err
}

func (p *program) mountAll(c *cli.Context, e *builder.Engine, names []string, asJSON bool) error {
	var rows []mountedRow
	failed := p.eachContainerNamed(e, names, func(name string, b *builder.Builder) error {
		path, err := b.Mount(c.Context)
		if err != nil {
			return err
		}
		if len(names) == 1 {
			name = ""
		}
		rows = append(rows, mountedRow{Container: name, MountPoint: path})
		return nil
	})
	if err := p.showMounts(rows, asJSON); err != nil {
		return err
	}
	return failed
}

func (p *program) listMounts(e *builder.Engine, asJSON bool) error {
	all, err := builder.OpenAll(e)
	if err != nil {
		return err
	}
	var rows []mountedRow
	for _, b := range all {
		path, err := b.Mounted()
		if err != nil {
			return err
		}
		if path != "" {
			rows = append(rows, mountedRow{Container: b.Name(), MountPoint: path})
		}
	}
	return p.showMounts(rows, asJSON)
}

func (p *program) showMounts(rows []mountedRow, asJSON bool) error {
	if asJSON {
		return writeJSON(p.stdout, rows)
	}
	for _, r := range rows {
		line := r.MountPoint
		if r.Container != "" {
			line = r.Container + " " + r.MountPoint
		}
		if _, err := fmt.Fprintln(p.stdout, line); err != nil {
			return err
		}
	}
	return nil
}
