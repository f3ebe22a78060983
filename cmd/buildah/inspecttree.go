package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/layertree"
	"github.com/projectatomic/buildah/internal/transfer"
)

// layerFlags ask what is in layers.
type layerFlags struct {
	tree, fetch bool
	files       int
}

func (f *layerFlags) options() []*option {
	return []*option{
		newOption("files", "N", "show the N largest files, the layers that they are in and what hides them; alone it means 10", func(s string) (err error) {
			if f.files, err = parseNumber[int](s); err == nil && f.files < 1 {
				err = errors.New("there must be at least one")
			}
			return err
		}).alone("10"),
		f.fetchOption(),
		boolOption("tree", &f.tree, "show the layers: size, instruction, what they add, change, remove and what later ones hide of them"),
	}
}

func (f *layerFlags) fetchOption() *option {
	return boolOption("fetch-layers", &f.fetch, "with --tree or --files, read the layers of an image that is not in the store")
}

func (f *layerFlags) asked() bool { return f.tree || f.files > 0 }

func (f *layerFlags) report(p transfer.Platform) builder.ReportOptions {
	return builder.ReportOptions{Files: f.files, Platform: p}
}

// checkRemote finds what cannot be known without the layers.
func (f *layerFlags) checkRemote() error {
	if f.files > 0 && !f.fetch {
		return usageError{text: "the image is not in the store, and its files are only known when its layers are read", hint: "add --fetch-layers, which reads and keeps nothing, or pull the image first"}
	}
	return nil
}

func (p *program) showReport(r builder.LayerReport, o *inspectOptions) error {
	switch {
	case o.format != "":
		return writeObject(p.stdout, o.format, r)
	case o.asJSON:
		return writeJSON(p.stdout, r)
	}
	var b strings.Builder
	table := func(lines [][]string) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		_ = writeTable(&b, lines) // memory takes everything
	}
	if o.layers.tree {
		table(layerTable(r))
		if r.Counted {
			b.WriteString(reportSum(r) + "\n")
		}
	}
	if o.layers.files > 0 {
		table(fileTable(r.Files))
		if len(r.Whiteouts) > 0 {
			table(whiteoutTable(r.Whiteouts))
		}
	}
	_, err := fmt.Fprint(p.stdout, b.String())
	return err
}

// layerTable has a line for each layer, the base first.
func layerTable(r builder.LayerReport) [][]string {
	if !r.Counted {
		lines := [][]string{{"LAYER", "BLOB SIZE", "BLOB", "CREATED BY"}}
		for _, l := range r.Layers {
			size := l.BlobSize
			if size == 0 {
				size = -1
			}
			lines = append(lines, []string{strconv.Itoa(l.Layer), shownSize(size), shownDigest(l.Digest.Encoded()), shownInstruction(l.CreatedBy)})
		}
		return lines
	}
	lines := [][]string{{"LAYER", "SIZE", "ADDED", "CHANGED", "REMOVED", "HIDDEN", "CREATED BY"}}
	for _, l := range r.Layers {
		lines = append(lines, []string{
			strconv.Itoa(l.Layer), shownSize(l.Size), strconv.Itoa(l.Added), strconv.Itoa(l.Changed), strconv.Itoa(l.Removed),
			shownSize(l.Hidden), shownInstruction(l.CreatedBy),
		})
	}
	return lines
}

func shownDigest(hex string) string { return hex[:min(12, len(hex))] }

// reportSum is what all layers come to.
func reportSum(r builder.LayerReport) string {
	percent := 0.0
	if r.Size > 0 {
		percent = 100 * float64(r.Hidden) / float64(r.Size)
	}
	layers := fmt.Sprintf("%d layers", len(r.Layers))
	if len(r.Layers) == 1 {
		layers = "1 layer"
	}
	return fmt.Sprintf("%s with %s in files, of which later layers hide %s (%.1f%%)", layers, shownSize(r.Size), shownSize(r.Hidden), percent)
}

// instructionWidth is where an instruction is cut in a table; JSON has all of it.
const instructionWidth = 72

// shownInstruction is what made a layer, without what builders put around it.
func shownInstruction(text string) string {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "/bin/sh -c #(nop) "), "/bin/sh -c #(nop)")
	if command, ok := strings.CutPrefix(text, "/bin/sh -c "); ok {
		text = "RUN " + command
	}
	text = strings.Join(strings.Fields(printable(text)), " ")
	if r := []rune(text); len(r) > instructionWidth {
		text = string(r[:instructionWidth-3]) + "..."
	}
	return text
}

// printable leaves nothing in a foreign text that a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case strconv.IsPrint(r):
			return r
		}
		return '\uFFFD'
	}, text)
}

func fileTable(files []layertree.File) [][]string {
	lines := [][]string{{"SIZE", "LAYER", "HIDDEN BY", "FILE"}}
	for _, f := range files {
		hidden := "-"
		if f.HiddenBy > 0 {
			hidden = fmt.Sprintf("%d (%s)", f.HiddenBy, f.How)
		}
		lines = append(lines, []string{shownSize(f.Size), strconv.Itoa(f.Layer), hidden, printable(f.Path)})
	}
	return lines
}

func whiteoutTable(whiteouts []layertree.Whiteout) [][]string {
	lines := [][]string{{"HIDES", "LAYER", "ENTRIES", "WHITEOUT"}}
	for _, w := range whiteouts {
		path := printable(w.Path)
		if w.Opaque {
			path = strings.TrimSuffix(path, "/") + "/*"
		}
		lines = append(lines, []string{shownSize(w.Size), strconv.Itoa(w.Layer), strconv.Itoa(w.Entries), path})
	}
	return lines
}
