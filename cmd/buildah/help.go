package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// writeHelp writes the help of a command, or that of the program when no command is named.
func writeHelp(w io.Writer, app *cli.App, path []*cli.Command) error {
	var b strings.Builder
	if len(path) == 0 {
		rootHelp(&b, app)
	} else {
		commandHelp(&b, path)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func rootHelp(b *strings.Builder, app *cli.App) {
	fmt.Fprintf(b, "buildah: %s, from a shell script or from a Dockerfile\n\n", app.Usage)
	b.WriteString("Usage:\n  buildah [flags] COMMAND\n")
	for _, group := range []string{imageGroup, containerGroup, registryGroup, systemGroup} {
		writeCommands(b, group, app.Commands)
	}
	writeOptions(b, "Flags", app.Flags, "  -h, --help", "show this help", "  -v, --version", "show the version")
	b.WriteString("\nFlags of the program may also follow the command. `buildah COMMAND --help` says more.\n")
}

// writeCommands lists the commands of one group, nothing when it is empty.
func writeCommands(b *strings.Builder, group string, commands []*cli.Command) {
	var rows [][2]string
	for _, c := range commands {
		if !c.Hidden && c.Category == group {
			rows = append(rows, [2]string{"  " + c.Name, c.Usage})
		}
	}
	if len(rows) > 0 {
		fmt.Fprintf(b, "\n%s:\n", cmp.Or(group, "Commands"))
		writeRows(b, rows)
	}
}

func commandHelp(b *strings.Builder, path []*cli.Command) {
	c, full := path[len(path)-1], commandPath(path)
	fmt.Fprintf(b, "%s\n", sentence(c.Usage))
	if c.Description != "" {
		fmt.Fprintf(b, "\n%s\n", strings.TrimSpace(c.Description))
	}
	fmt.Fprintf(b, "\nUsage:\n  %s\n", usageLine(c, full))
	if len(c.Aliases) > 0 {
		fmt.Fprintf(b, "\nAliases:\n  %s\n", strings.Join(c.Names(), ", "))
	}
	if c.UsageText != "" {
		b.WriteString("\nExamples:\n")
		for line := range strings.Lines(strings.TrimSpace(c.UsageText)) {
			b.WriteString("  " + strings.TrimSpace(line) + "\n")
		}
	}
	writeCommands(b, "", c.Subcommands)
	writeOptions(b, "Flags", c.Flags, "  -h, --help", "show this help")
}

func commandPath(path []*cli.Command) string {
	full := "buildah"
	for _, c := range path {
		full += " " + c.Name
	}
	return full
}

// usageLine is the shape of a command: its path, that it has flags, its words.
func usageLine(c *cli.Command, path string) string {
	line := path
	if len(c.Flags) > 0 {
		line += " [flags]"
	}
	if len(c.Subcommands) > 0 {
		line += " [command]"
	}
	if c.ArgsUsage != "" {
		line += " " + c.ArgsUsage
	}
	return line
}

// writeOptions lists the visible flags and the extra rows (name, text, name, text, ...).
func writeOptions(b *strings.Builder, title string, flags []cli.Flag, extra ...string) {
	var rows [][2]string
	options := visible(flags)
	slices.SortFunc(options, func(a, b *option) int { return strings.Compare(a.name, b.name) })
	for _, o := range options {
		rows = append(rows, [2]string{optionColumn(o), optionText(o)})
	}
	for i := 0; i+1 < len(extra); i += 2 {
		rows = append(rows, [2]string{extra[i], extra[i+1]})
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	writeRows(b, rows)
}

func optionColumn(o *option) string {
	text := "      --" + o.name
	if o.short != "" {
		text = "  -" + o.short + ", --" + o.name
	}
	switch {
	case o.isSwitch():
	case o.bare != "":
		text += "[=" + o.word + "]"
	default:
		text += " " + o.word
	}
	return text
}

func optionText(o *option) string {
	if o.preset == "" || o.preset == "false" {
		return o.usage
	}
	return fmt.Sprintf("%s (default: %s)", o.usage, o.preset)
}

// writeRows aligns the second column, except after a first column that is much
// longer than the others.
func writeRows(b *strings.Builder, rows [][2]string) {
	const widest = 36
	width := 0
	for _, r := range rows {
		if len(r[0]) <= widest {
			width = max(width, len(r[0]))
		}
	}
	for _, r := range rows {
		fmt.Fprintf(b, "%-*s   %s\n", width, r[0], r[1])
	}
}

// sentence is a one-line usage with a capital.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
