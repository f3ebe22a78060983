package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

// imagesOptions are the flags of `images`.
type imagesOptions struct {
	list                         builder.ListOptions
	digests, history, asJSON     bool
	noHeading, noTruncate, quiet bool
	tree                         bool
	format                       string
}

func (p *program) imagesCommand() *cli.Command {
	var o imagesOptions
	return &cli.Command{
		Name:      "images",
		Usage:     "list images",
		ArgsUsage: "[IMAGE]",
		Category:  imageGroup,
		UsageText: "buildah images\nbuildah images --filter dangling=true --quiet\nbuildah images --format '{{.ID}} {{.Name}}:{{.Tag}}' debian",
		Flags: asFlags([]*option{
			boolOption("all,a", &o.list.All, "also list images that are only steps of others"),
			boolOption("digests", &o.digests, "show the digests of the manifests"),
			listOption("filter,f", "KEY=VALUE", &o.list.Filters, "list only what fits: after, before, containers, dangling, digest, id, intermediate, label, manifest, readonly, reference, since, until"),
			textOption("format", "TEMPLATE", &o.format, "one line for each name of an image from a Go template"),
			boolOption("history", &o.history, "show the names that images had before"),
			boolOption("json", &o.asJSON, "write JSON"),
			boolOption("no-trunc", &o.noTruncate, "write IDs in full"),
			boolOption("noheading,n", &o.noHeading, "leave out the line of titles"),
			boolOption("quiet,q", &o.quiet, "write only the IDs"),
			boolOption("tree", &o.tree, "show which image stands on which, steps of others included"),
		}),
		Before: takes(0, 1),
		Action: func(c *cli.Context) error {
			o.list.Image = c.Args().First()
			switch {
			case o.quiet && o.format != "":
				return usageError{text: "quiet and format are mutually exclusive"}
			case o.list.All && o.list.Image != "":
				return usageError{text: "all and an image name are mutually exclusive"}
			}
			if err := o.settleTree(); err != nil {
				return err
			}
			o.list.NoSize = o.quiet
			return p.withEngine(c, func(e *builder.Engine) error {
				list, err := e.ListImages(c.Context, o.list)
				if err != nil {
					return err
				}
				return p.showImages(list, o)
			})
		},
	}
}

// imageRow is one name of an image; its fields are those of --format.
type imageRow struct {
	Name, Tag, ID, Digest string
	Created               int64
	CreatedAt             string
	CreatedAtRaw          time.Time
	Size                  string
	ReadOnly              bool
	History               string
}

func (p *program) showImages(list []builder.ImageInfo, o imagesOptions) error {
	switch {
	case o.tree:
		return p.showImageTree(list, o)
	case o.asJSON:
		return writeJSON(p.stdout, jsonImages(list, o.noTruncate))
	case o.quiet:
		for _, img := range list {
			if _, err := fmt.Fprintln(p.stdout, shownID(img.ID, o.noTruncate)); err != nil {
				return err
			}
		}
		return nil
	}
	var rows []imageRow
	for _, img := range list {
		rows = append(rows, rowsOfImage(img, o)...)
	}
	if o.format != "" {
		f, err := parseRows(o.format)
		if err != nil {
			return err
		}
		return writeRowsOf(p.stdout, f, imageTitles(), rows)
	}
	return p.imageTable(rows, o)
}

func imageTitles() map[string]string {
	return map[string]string{
		"Name": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "Digest": "DIGEST", "Created": "CREATED", "CreatedAt": "CREATED",
		"CreatedAtRaw": "CREATED", "Size": "SIZE", "ReadOnly": "R/O", "History": "HISTORY",
	}
}

func (p *program) imageTable(rows []imageRow, o imagesOptions) error {
	line := func(r imageRow) []string {
		words := []string{r.Name, r.Tag}
		if o.digests {
			words = append(words, r.Digest)
		}
		words = append(words, r.ID, r.CreatedAt, r.Size)
		if o.history {
			words = append(words, r.History)
		}
		return words
	}
	var lines [][]string
	if !o.noHeading {
		t := imageTitles()
		lines = append(lines, line(imageRow{Name: t["Name"], Tag: t["Tag"], ID: t["ID"], Digest: t["Digest"], CreatedAt: t["CreatedAt"], Size: t["Size"], History: t["History"]}))
	}
	for _, r := range rows {
		lines = append(lines, line(r))
	}
	return writeTable(p.stdout, lines)
}

func shownID(id string, full bool) string {
	if full {
		return "sha256:" + id
	}
	return id[:min(12, len(id))]
}

// rowsOfImage gives a row for each name, or one for an image without names.
func rowsOfImage(img builder.ImageInfo, o imagesOptions) []imageRow {
	names := img.Names
	if len(names) == 0 {
		names = []string{""}
	}
	var rows []imageRow
	for _, name := range names {
		r := imageRow{
			ID: shownID(img.ID, o.noTruncate), Digest: img.Digest.String(), Created: img.Created.Unix(),
			CreatedAt: units.HumanDuration(time.Since(img.Created)) + " ago", CreatedAtRaw: img.Created,
			Size: shownSize(img.Size), ReadOnly: img.ReadOnly, History: shownHistory(img.NamesHistory, name),
		}
		r.Name, r.Tag = splitName(name)
		rows = append(rows, r)
	}
	return rows
}

// splitName cuts an image name into repository and tag.
func splitName(name string) (repository, tag string) {
	const none = "<none>"
	if name == "" {
		return none, none
	}
	name, _, digested := strings.Cut(name, "@")
	at := strings.LastIndexByte(name, ':')
	switch {
	case at > strings.LastIndexByte(name, '/'):
		return name[:at], name[at+1:]
	case digested:
		return name, none
	}
	return name, "latest"
}

// shownSize is a size with three significant digits.
func shownSize(n int64) string {
	if n < 0 {
		return "unknown"
	}
	return units.CustomSize("%.3g %s", float64(n), 1000.0, []string{"B", "KB", "MB", "GB", "TB"})
}

// shownHistory is what an image was called before it got a name. The name it has comes first
// in its history if it is the latest.
func shownHistory(names []string, now string) string {
	if len(names) > 0 && names[0] == now {
		names = names[1:]
	}
	if len(names) == 0 {
		return "<none>"
	}
	return strings.Join(names, ", ")
}

// jsonImage is one image in --json.
type jsonImage struct {
	ID           string    `json:"id"`
	Names        []string  `json:"names"`
	Digest       string    `json:"digest"`
	CreatedAt    string    `json:"createdat"`
	Size         string    `json:"size"`
	Created      int64     `json:"created"`
	CreatedAtRaw time.Time `json:"createdatraw"`
	ReadOnly     bool      `json:"readonly"`
	History      []string  `json:"history"` // always null: scripts know it so
}

func jsonImages(list []builder.ImageInfo, full bool) []jsonImage {
	images := []jsonImage{}
	for _, img := range list {
		images = append(images, jsonImage{
			ID: shownID(img.ID, full), Names: img.Names, Digest: img.Digest.String(),
			CreatedAt: units.HumanDuration(time.Since(img.Created)) + " ago", Size: shownSize(img.Size),
			Created: img.Created.Unix(), CreatedAtRaw: img.Created, ReadOnly: img.ReadOnly,
		})
	}
	return images
}
