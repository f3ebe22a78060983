package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

// containersOptions are the flags of `containers`.
type containersOptions struct {
	all, asJSON, noHeading, noTruncate, quiet bool
	filter, format                            string
}

func (p *program) containersCommand() *cli.Command {
	var o containersOptions
	return &cli.Command{
		Name:     "containers",
		Aliases:  []string{"list", "ls", "ps"},
		Usage:    "list working containers",
		Category: containerGroup,
		UsageText: "buildah containers\nbuildah containers --filter ancestor=debian --format '{{.ContainerName}} {{.ImageName}}'\n" +
			"buildah containers --all --json",
		Flags: asFlags([]*option{
			boolOption("all,a", &o.all, "also list containers of other tools"),
			textOption("filter,f", "KEY=VALUE", &o.filter, "list only what fits: id, name, ancestor; several with commas"),
			textOption("format", "TEMPLATE", &o.format, "one line for each container from a Go template"),
			boolOption("json", &o.asJSON, "write JSON"),
			boolOption("noheading,n", &o.noHeading, "leave out the line of titles"),
			boolOption("notruncate", &o.noTruncate, "write IDs and names in full"),
			boolOption("quiet,q", &o.quiet, "write only the IDs, in full"),
		}),
		Before: takes(0, 0),
		Action: func(c *cli.Context) error {
			if o.quiet && o.format != "" {
				return usageError{text: "quiet and format are mutually exclusive"}
			}
			keep, err := builder.ContainerFilter(o.filter)
			if err != nil {
				return err
			}
			return p.withEngine(c, func(e *builder.Engine) error {
				list, err := e.ListContainers(o.all)
				if err != nil {
					return err
				}
				return p.showContainers(rowsOfContainers(list, keep), o)
			})
		},
	}
}

// containerRow is one container as scripts see it: the keys of --json, the fields of --format.
type containerRow struct {
	ID            string `json:"id"`
	IsBuilder     bool   `json:"builder"`
	ImageID       string `json:"imageid"`
	ImageName     string `json:"imagename"`
	ContainerName string `json:"containername"`
}

// ContainerID is the name of the ID in templates.
func (r containerRow) ContainerID() string { return r.ID }

// Builder is the mark of our containers.
func (r containerRow) Builder() string {
	if r.IsBuilder {
		return "   *"
	}
	return ""
}

func rowsOfContainers(list []builder.ContainerInfo, keep func(builder.ContainerInfo) bool) []containerRow {
	var rows []containerRow // nil, which --json shows as null, when there are none
	for _, c := range list {
		if keep(c) {
			rows = append(rows, containerRow{ID: c.ID, IsBuilder: c.Ours, ImageID: c.ImageID, ImageName: c.ImageName, ContainerName: c.Name})
		}
	}
	return rows
}

func (p *program) showContainers(rows []containerRow, o containersOptions) error {
	switch {
	case o.asJSON:
		return writeJSON(p.stdout, rows)
	case o.format != "":
		f, err := parseRows(o.format)
		if err != nil {
			return err
		}
		return writeRowsOf(p.stdout, f, map[string]string{
			"ContainerID": "CONTAINER ID", "Builder": "BUILDER", "ImageID": "IMAGE ID", "ImageName": "IMAGE NAME", "ContainerName": "CONTAINER NAME",
		}, rows)
	}
	layout := "%-12.12s  %-8s %-12.12s %-32s %s\n"
	if o.noTruncate {
		layout = "%-64s %-8s %-64s %-32s %s\n"
	}
	var b strings.Builder
	if !o.noHeading && !o.quiet {
		fmt.Fprintf(&b, layout, "CONTAINER ID", "BUILDER", "IMAGE ID", "IMAGE NAME", "CONTAINER NAME")
	}
	for _, r := range rows {
		if o.quiet {
			fmt.Fprintf(&b, "%-64s\n", r.ID)
			continue
		}
		name := r.ImageName
		if !o.noTruncate && len(name) > 32 {
			name = name[:29] + "..."
		}
		fmt.Fprintf(&b, layout, r.ID, r.Builder(), r.ImageID, name, r.ContainerName)
	}
	_, err := fmt.Fprint(p.stdout, b.String())
	return err
}
