package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/internal/tools/coverage"
)

const coverageFile = docsDir + "/coverage.md"

// TestCoverage holds docs/coverage.md against the tests. It looks at the files of
// all tests, so it is a lint: COVERAGE says whether to check or to write.
func TestCoverage(t *testing.T) {
	mode := os.Getenv("COVERAGE")
	if mode == "" {
		t.Skip("`make coverage` writes the table; COVERAGE=check only checks it")
	}
	r := coverageReport(t)
	for _, p := range r.Problems() {
		t.Error(p)
	}
	if t.Failed() {
		t.Log("a flag counts where a test carries it out and is not refused: write that test in tests/bats, then `make coverage`")
	}
	old, err := os.ReadFile(coverageFile)
	if err != nil && mode != "write" {
		t.Fatal(err)
	}
	table := r.Markdown(string(old))
	if mode == "write" {
		if err := os.WriteFile(coverageFile, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(old), table); diff != "" {
		t.Errorf("docs/coverage.md is not what the tests do (+): run `make coverage` and commit the file\n%s", diff)
	}
}

func coverageReport(t *testing.T) *coverage.Report {
	t.Helper()
	table := coverageTable(testProgram().app())
	spec, err := coverage.ReadSpec("testdata/spec-flags.txt")
	if err != nil {
		t.Fatal(err)
	}
	departures, err := coverage.ReadDepartures("testdata/departures.txt")
	if err != nil {
		t.Fatal(err)
	}
	runs, err := coverage.Bats("../../tests/bats")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range table.Commands {
		names = append(append(names, c.Name), c.Aliases...)
	}
	inGo, err := coverage.GoTests(names, ".", "../../tests/cache", "../../tests/roundtrip", "../../tests/security")
	if err != nil {
		t.Fatal(err)
	}
	return coverage.NewReport(table, spec, departures, append(runs, inGo...))
}

// coverageTable is the command table in the words of package coverage.
func coverageTable(app *cli.App) coverage.Table {
	t := coverage.Table{Globals: coverageFlags(app.Flags), Former: formerName}
	var add func(group string, commands []*cli.Command)
	add = func(group string, commands []*cli.Command) {
		for _, c := range commands {
			if c.Subcommands != nil {
				add(group+c.Name+" ", c.Subcommands)
				continue
			}
			t.Commands = append(t.Commands, coverage.Command{
				Name: group + c.Name, Aliases: c.Aliases, Flags: coverageFlags(c.Flags), PassesOn: passesOn(c),
			})
		}
	}
	add("", app.Commands)
	return t
}

func coverageFlags(flags []cli.Flag) []coverage.Flag {
	var list []coverage.Flag
	for _, f := range flags {
		if o, ok := f.(*option); ok {
			list = append(list, coverage.Flag{Name: o.name, Short: o.short, Alone: o.isSwitch() || o.bare != ""})
		}
	}
	return list
}
