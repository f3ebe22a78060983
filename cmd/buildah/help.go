package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// helpPage is a text of help in the making.
type helpPage struct {
	strings.Builder
	width int // of the terminal; 0 leaves lines as long as they are
}

// writeHelp writes the help of a command, or that of the program when no command is named.
func (p *program) writeHelp(app *cli.App, path []*cli.Command) error {
	b := &helpPage{width: terminalWidth(p.stdout)}
	if len(path) == 0 {
		b.root(app)
	} else {
		b.command(path)
	}
	_, err := io.WriteString(p.stdout, b.String())
	return err
}

// terminalWidth is how many letters fit into a line, 0 where no terminal shows them.
func terminalWidth(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

const threeLines = `  ctr=$(buildah from debian:12)
  buildah run "$ctr" -- apt-get -qq update
  buildah commit --rm "$ctr" my-debian
`

func (b *helpPage) root(app *cli.App) {
	b.WriteString("Usage:\n  buildah [flags] COMMAND\n\n")
	fmt.Fprintf(b, "Buildah: %s, from a shell script or from a Dockerfile.\n", app.Usage)
	b.WriteString("\nBy script:\n" + threeLines + "\nBy Dockerfile:\n  buildah build -t my-image .\n")
	for _, group := range commandGroups() {
		b.commands(group, app.Commands)
	}
	b.options([]flagGroup{{"Flags", byName(app.Flags)}}, "  -h, --help", "show this help", "  -v, --version", "show the version")
	b.WriteString("\nFlags of the program may also follow the command.\n" +
		"`buildah help COMMAND` says more of a command, with examples; docs/tutorials begin at the beginning.\n")
}

// commands lists the commands of one group, nothing when it is empty.
func (b *helpPage) commands(group string, commands []*cli.Command) {
	var rows [][2]string
	for _, c := range commands {
		if !c.Hidden && c.Category == group {
			rows = append(rows, [2]string{"  " + c.Name, c.Usage})
		}
	}
	if len(rows) > 0 {
		fmt.Fprintf(b, "\n%s:\n", cmp.Or(group, "Commands"))
		b.rows(rows)
	}
}

func (b *helpPage) command(path []*cli.Command) {
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
	b.commands("", c.Subcommands)
	b.options(byTheme(byName(c.Flags)), "  -h, --help", "show this help")
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

// byName sorts the visible flags.
func byName(flags []cli.Flag) []*option {
	options := visible(flags)
	slices.SortFunc(options, func(a, b *option) int { return strings.Compare(a.name, b.name) })
	return options
}

// options lists groups of flags; the extra rows (name, text, name, text, ...) end the
// last group.
func (b *helpPage) options(groups []flagGroup, extra ...string) {
	for i, g := range groups {
		var rows [][2]string
		for _, o := range g.options {
			rows = append(rows, [2]string{optionColumn(o), optionText(o)})
		}
		for j := 0; i == len(groups)-1 && j+1 < len(extra); j += 2 {
			rows = append(rows, [2]string{extra[j], extra[j+1]})
		}
		fmt.Fprintf(b, "\n%s:\n", g.title)
		b.rows(rows)
	}
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

// rows aligns the second column, except after a first column that is much longer
// than the others, and wraps it at the edge of the terminal.
func (b *helpPage) rows(rows [][2]string) {
	const widest, gap = 36, 3
	width := 0
	for _, r := range rows {
		if len(r[0]) <= widest {
			width = max(width, len(r[0]))
		}
	}
	indent := strings.Repeat(" ", width+gap)
	for _, r := range rows {
		taken := max(width, len(r[0])) + gap
		lines := wrap(r[1], b.width-taken, b.width-len(indent))
		fmt.Fprintf(b, "%-*s   %s\n", width, r[0], strings.Join(lines, "\n"+indent))
	}
}

// narrowest is below what a column is not wrapped: it would be one of single words.
const narrowest = 24

// wrap breaks a text between words, at first after so many letters and later after
// rest. Where too few fit it is left whole.
func wrap(text string, first, rest int) []string {
	if rest < narrowest {
		return []string{text}
	}
	var lines []string
	line, room := "", first
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= room:
			line += " " + word
		default:
			lines = append(lines, line)
			line, room = word, rest
		}
	}
	return append(lines, line)
}

// sentence is a one-line usage with a capital.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
