package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/internal/tools/manpage"
)

const docsDir = "../../docs"

// manual reads the page of a command, "" for the program.
func manual(t *testing.T, name string) string {
	t.Helper()
	page := "buildah.1.md"
	if name != "" {
		page = "buildah-" + name + ".1.md"
	}
	text, err := manpage.Read(filepath.Join(docsDir, page))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pageFlags gives the flags that a page describes: those in bold at the start of a line.
func pageFlags(text string) []string {
	flags := regexp.MustCompile(`\*\*(--?[a-zA-Z0-9-]+)\*\*`)
	var list []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "**-") {
			continue
		}
		for _, m := range flags.FindAllStringSubmatch(line, -1) {
			list = append(list, m[1])
		}
	}
	slices.Sort(list)
	return list
}

// commandFlags gives the visible flags of a command.
func commandFlags(flags []cli.Flag) []string {
	var list []string
	for _, o := range visible(flags) {
		list = append(list, "--"+o.name)
		if o.short != "" {
			list = append(list, "-"+o.short)
		}
	}
	slices.Sort(list)
	return list
}

// page is a command that has a page of its own.
type page struct {
	*cli.Command
	name  string   // of the page: "source-create"
	words []string // as it is typed: "source", "create"
}

// pages are the visible commands, and those of groups.
func pages(commands []*cli.Command, group ...string) []page {
	var list []page
	for _, c := range commands {
		if c.Hidden {
			continue
		}
		words := append(slices.Clone(group), c.Name)
		list = append(list, page{c, strings.Join(words, "-"), words})
		list = append(list, pages(c.Subcommands, words...)...)
	}
	return list
}

func TestManualHasEveryFlag(t *testing.T) {
	t.Parallel()
	app := testProgram().app()
	check := func(name string, flags []cli.Flag) {
		if diff := cmp.Diff(commandFlags(flags), pageFlags(manual(t, name))); diff != "" {
			t.Errorf("buildah %s: help (-) and manual page (+) describe different flags:\n%s", name, diff)
		}
	}
	check("", append(slices.Clone(app.Flags), asFlags([]*option{newOption("help,h", "", "", nil), newOption("version,v", "", "", nil)})...))
	for _, c := range pages(app.Commands) {
		check(c.name, c.Flags)
	}
}

func TestManualHasEveryCommand(t *testing.T) {
	t.Parallel()
	app := testProgram().app()
	files, err := filepath.Glob(filepath.Join(docsDir, "buildah-*.1.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented, commands, listed []string
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "buildah-"), ".1.md")
		documented = append(documented, name)
	}
	root := manual(t, "")
	for _, m := range regexp.MustCompile(`(?m)^\*\*buildah-([a-z-]+)\*\*\(1\)$`).FindAllStringSubmatch(root, -1) {
		listed = append(listed, m[1])
	}
	for _, c := range pages(app.Commands) {
		commands = append(commands, c.name)
	}
	slices.Sort(commands)
	slices.Sort(documented)
	slices.Sort(listed)
	if diff := cmp.Diff(commands, documented); diff != "" {
		t.Errorf("commands (-) and manual pages (+):\n%s", diff)
	}
	if diff := cmp.Diff(commands, listed); diff != "" {
		t.Errorf("commands (-) and the table in buildah(1) (+):\n%s", diff)
	}
}

func TestManualOpensLikeHelp(t *testing.T) {
	t.Parallel()
	for _, c := range pages(testProgram().app().Commands) {
		text := manual(t, c.name)
		if want := "buildah-" + c.name + " - " + c.Usage + "\n"; !strings.Contains(text, want) {
			t.Errorf("the page of %s does not have the line %q", c.name, want)
		}
		// The page marks words up; the words must be those of help.
		plain := strings.NewReplacer("*", "", "`", "", `\`, "").Replace(text)
		for _, name := range c.Names() {
			typed := strings.Join(append(slices.Clone(c.words[:len(c.words)-1]), name), " ")
			want := strings.Replace(usageLine(c.Command, "buildah "+typed), "[flags]", "[options]", 1)
			if !strings.Contains(plain, want+"\n") {
				t.Errorf("the page of %s does not have the line %q", c.name, want)
			}
		}
		for _, section := range []string{"## NAME", "## SYNOPSIS", "## DESCRIPTION", "## EXAMPLES", "## SEE ALSO"} {
			if !strings.Contains(text, "\n"+section+"\n") {
				t.Errorf("the page of %s has no section %q", c.name, section)
			}
		}
	}
}

func TestHelpIsTheSameBothWays(t *testing.T) {
	t.Parallel()
	for _, c := range pages(testProgram().app().Commands) {
		typed := strings.Join(c.words, " ")
		byFlag, byCommand := runProgram(t, append(slices.Clone(c.words), "--help")...), runProgram(t, append([]string{"help"}, c.words...)...)
		if diff := cmp.Diff(byFlag, byCommand); diff != "" {
			t.Errorf("%s --help (-), help %s (+):\n%s", typed, typed, diff)
		}
		_, after, found := strings.Cut(byFlag, "\nUsage:\n")
		if !found || !strings.HasPrefix(after, "  buildah "+typed) {
			t.Errorf("the help of %s does not show its usage:\n%s", typed, byFlag)
		}
		if c.Usage == "" || c.Category == "" && len(c.words) == 1 {
			t.Errorf("%s has no usage or no group", typed)
		}
	}
	root := runProgram(t)
	for _, group := range commandGroups() {
		if !strings.Contains(root, "\n"+group+":\n") {
			t.Errorf("the help has no group %q:\n%s", group, root)
		}
	}
}

// testProgram is a program with an empty environment.
func testProgram() *program {
	p := newProgram(os.Stdin, nil, nil)
	p.env = func(string) string { return "" }
	return p
}

// runProgram gives the standard output of a command line that must succeed.
func runProgram(t *testing.T, words ...string) string {
	t.Helper()
	var out, errs strings.Builder
	p := testProgram()
	p.stdout, p.stderr = &out, &errs
	if status := p.run(t.Context(), words); status != 0 {
		t.Fatalf("buildah %q: status %d: %s", words, status, errs.String())
	}
	return out.String()
}
