package coverage

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Report is the table of flags and tests.
type Report struct {
	rows       []Row
	tests      map[Row][]string // that carry it out
	refused    map[Row]bool     // some test wants it to be refused
	known      map[Row]bool     // the program has it
	departures Departures
}

// NewReport puts together what the program has, what the reference says, and
// what the tests do.
func NewReport(t Table, spec Spec, d Departures, runs []Run) *Report {
	r := &Report{tests: map[Row][]string{}, refused: map[Row]bool{}, known: map[Row]bool{}, departures: d}
	r.program(t)
	all := maps.Clone(r.known)
	for command, flags := range spec.Flags {
		all[Row{Command: command}] = true
		for _, f := range flags {
			all[Row{Command: command, Flag: f}] = true
		}
		for _, name := range spec.Aliases[command] {
			all[Row{Command: command, Name: name}] = true
		}
	}
	delete(all, Row{}) // the program alone
	r.former(t, all)
	r.rows = slices.SortedFunc(maps.Keys(all), func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Command, b.Command), cmp.Compare(a.Flag, b.Flag), cmp.Compare(a.Name, b.Name))
	})
	for _, run := range runs {
		r.use(t, run)
	}
	return r
}

// program notes what the program has.
func (r *Report) program(t Table) {
	for _, f := range t.Globals {
		r.known[Row{Flag: "--" + f.Name}] = true
	}
	for _, c := range t.Commands {
		r.known[Row{Command: c.Name}] = true
		for _, f := range c.Flags {
			r.known[Row{Command: c.Name, Flag: "--" + f.Name}] = true
		}
		for _, name := range c.Aliases {
			r.known[Row{Command: c.Name, Name: name}] = true
		}
	}
}

// former notes flags under the names that they had, where they are asked for.
func (r *Report) former(t Table, all map[Row]bool) {
	for row := range all {
		if now := t.Former(strings.TrimPrefix(row.Flag, "--")); row.Flag != "" && now != "" {
			r.known[row] = r.known[row] || r.known[Row{Command: row.Command, Flag: "--" + now}]
		}
	}
}

// use notes what a command line uses.
func (r *Report) use(t Table, run Run) {
	u, ok := t.Uses(run.Words)
	if !ok {
		return
	}
	rows := []Row{{Command: u.Command}}
	if u.Word != u.Command && !strings.HasSuffix(u.Command, " "+u.Word) {
		rows = append(rows, Row{Command: u.Command, Name: u.Word})
	}
	for _, f := range u.Flags {
		rows = append(rows, Row{Command: u.Command, Flag: f})
	}
	for _, f := range u.Globals {
		rows = append(rows, Row{Flag: f})
	}
	for _, row := range rows {
		if run.Refused {
			r.refused[row] = true
		} else if !slices.Contains(r.tests[row], run.Test) {
			r.tests[row] = append(r.tests[row], run.Test)
		}
	}
}

// Problems are flags that the program lacks, flags without a test, and
// departures that are none.
func (r *Report) Problems() []string {
	var problems []string
	used := map[string]bool{}
	for _, row := range r.rows {
		name, _ := r.departures.of(row)
		switch {
		case len(r.tests[row]) > 0 && name == row.String():
			problems = append(problems, fmt.Sprintf("buildah %s: it is a departure, and a test uses it", row))
		case name != "":
		case !r.known[row]:
			problems = append(problems, fmt.Sprintf("buildah %s: the reference has it, the program does not", row))
		case len(r.tests[row]) == 0 && r.refused[row]:
			problems = append(problems, fmt.Sprintf("buildah %s: tests only see it refused", row))
		case len(r.tests[row]) == 0:
			problems = append(problems, fmt.Sprintf("buildah %s: no test uses it", row))
		}
		used[name] = true
	}
	for name := range r.departures {
		if !used[name] {
			problems = append(problems, fmt.Sprintf("buildah %s: it is a departure from nothing", name))
		}
	}
	slices.Sort(problems)
	return problems
}

const head = `# Which test uses which flag

Made by ` + "`make coverage`" + ` from the command table of the program, the flags of the reference (cmd/buildah/testdata/spec-flags.txt)
and what the tests carry out. A test stands for all those that use a flag; one that only wants it refused does not count.
` + "`make coverage`" + ` fails where a flag has no test: that is a row with "none".
`

// Markdown writes the table. A row keeps the test that it has in old, the table
// as it is, while that test uses it.
func (r *Report) Markdown(old string) string {
	before := oldTests(old)
	var b strings.Builder
	b.WriteString(head)
	command := "\x00"
	var departed []string
	for _, row := range r.rows {
		name, reason := r.departures.of(row)
		if line := "- `buildah " + name + "`: " + reason; name != "" && !slices.Contains(departed, line) {
			departed = append(departed, line)
		}
		if name != "" {
			continue
		}
		if row.Command != command {
			command = row.Command
			fmt.Fprintf(&b, "\n## buildah%s\n\n| | test |\n|---|---|\n", strings.TrimRight(" "+command, " "))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", row.label(), r.test(row, before[row.String()]))
	}
	if len(departed) > 0 {
		fmt.Fprintf(&b, "\n## Departures from the reference\n\n%s\n", strings.Join(departed, "\n"))
	}
	return b.String()
}

// test chooses the one that is named.
func (r *Report) test(row Row, before string) string {
	tests := map[string]string{} // by how they are written
	for _, t := range r.tests[row] {
		tests[strings.ReplaceAll(t, "|", `\|`)] = t
	}
	if _, ok := tests[before]; ok {
		return before
	}
	best := slices.SortedFunc(maps.Keys(tests), func(a, b string) int {
		return cmp.Or(cmp.Compare(fits(row, tests[b]), fits(row, tests[a])), cmp.Compare(a, b))
	})
	if len(best) == 0 {
		return "none"
	}
	return best[0]
}

// fits tells how much a test is about a row.
func fits(row Row, test string) int {
	file, title, _ := strings.Cut(test, ": ")
	points := 0
	if last := strings.Fields(row.Command + " "); len(last) > 0 && strings.HasPrefix(file, last[0]) {
		points += 2
	}
	if row.Flag != "" && regexp.MustCompile(regexp.QuoteMeta(row.Flag)+`\b`).MatchString(title) {
		points += 4
	}
	if name := strings.TrimPrefix(row.Flag, "--"); name != "" && strings.HasPrefix(file, name) {
		points++
	}
	return points
}

var (
	section = regexp.MustCompile(`^## buildah ?(.*)$`)
	line    = regexp.MustCompile("^\\| (?:`(--[^`]+)`|as `([^`]+)`|the command) \\| (.*) \\|$")
)

// oldTests reads the tests of a table by the names of rows.
func oldTests(table string) map[string]string {
	tests := map[string]string{}
	command := ""
	for text := range strings.Lines(table) {
		text = strings.TrimRight(text, "\n")
		if m := section.FindStringSubmatch(text); m != nil {
			command = m[1]
		}
		if m := line.FindStringSubmatch(text); m != nil {
			tests[Row{Command: command, Flag: m[1], Name: m[2]}.String()] = m[3]
		}
	}
	return tests
}
