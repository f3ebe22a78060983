package coverage

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Spec is what the reference says there is: flags by command, "--name".
type Spec struct {
	Flags   map[string][]string
	Aliases map[string][]string
}

// ReadSpec reads the list of commands and their flags; its head says how it is
// written.
func ReadSpec(file string) (Spec, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Spec{}, fmt.Errorf("reading the flags of the reference: %w", err)
	}
	s := Spec{Flags: map[string][]string{}, Aliases: map[string][]string{}}
	command := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch head, flags, found := strings.Cut(line, ":"); {
		case line == "" || line[0] == '#':
		case line[0] == ' ':
			s.Flags[command] = append(s.Flags[command], strings.Fields(line)...)
		case found:
			names := strings.Split(head, ", ")
			command = commandName(names[0])
			s.Flags[command], s.Aliases[command] = strings.Fields(flags), names[1:]
		default:
			return s, fmt.Errorf("reading %q: what is %q?", file, line)
		}
	}
	return s, nil
}

// commandName takes the name of the program for the command that has none.
func commandName(name string) string {
	if name == "buildah" {
		return ""
	}
	return name
}

// Departures are rows of the reference that are not to be had, and why.
type Departures map[string]string

// ReadDepartures reads lines of a row, a colon and the reason.
func ReadDepartures(file string) (Departures, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the departures from the reference: %w", err)
	}
	d := Departures{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		row, reason, found := strings.Cut(line, ": ")
		if !found {
			return nil, fmt.Errorf("reading %q: %q has no reason", file, line)
		}
		d[row] = reason
	}
	return d, nil
}

// of gives the reason for a row, or for all of its command.
func (d Departures) of(row Row) (name, reason string) {
	for _, name := range []string{row.String(), row.Command} {
		if reason, ok := d[name]; ok {
			return name, reason
		}
	}
	return "", ""
}

// Row is a flag of a command, or a name of a command.
type Row struct {
	Command string // "" is the program
	Flag    string // "--name", or "" for a name of the command
	Name    string // for a name of the command: the other name, or ""
}

func (r Row) String() string {
	return strings.TrimSpace(strings.Join(slices.DeleteFunc([]string{r.Command, r.Name, r.Flag}, func(s string) bool { return s == "" }), " "))
}

// label is what the row is called in its table.
func (r Row) label() string {
	switch {
	case r.Flag != "":
		return "`" + r.Flag + "`"
	case r.Name != "":
		return "as `" + r.Name + "`"
	}
	return "the command"
}
