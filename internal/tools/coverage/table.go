package coverage

import (
	"slices"
	"strings"
)

// Table is what the program understands.
type Table struct {
	Globals  []Flag
	Commands []Command
	// Former gives the present name of a flag that was called otherwise, "" for none.
	Former func(name string) string
}

// Command is one command, with the name of its group before its own.
type Command struct {
	Name    string
	Aliases []string
	Flags   []Flag
	// PassesOn says that words after the first argument are not looked at.
	PassesOn bool
}

// Flag is one flag. Its names have no dashes.
type Flag struct {
	Name, Short string
	Alone       bool // it does not take the next word
}

// Use is what a command line uses.
type Use struct {
	Command string   // "" when there is none
	Word    string   // what it was called
	Flags   []string // --name; of a former name, both
	Globals []string
}

// Uses reads the words of a command line. What the program would refuse as a
// command line is used by nobody.
func (t *Table) Uses(words []string) (Use, bool) {
	u := use{table: t}
	for len(words) > 0 && words[0] != "--" {
		word := words[0]
		words = words[1:]
		switch {
		case len(word) > 1 && word[0] == '-':
			rest, ok := u.flag(word, words)
			if !ok {
				return Use{}, false
			}
			words = rest
		case u.command == nil:
			if !u.name(word) {
				return Use{}, false
			}
		case u.command.PassesOn:
			words = nil
		}
	}
	return u.Use, u.command != nil
}

// use is a command line that is being read.
type use struct {
	Use
	table   *Table
	command *Command
	group   string
}

// name takes the name of a command, or of its group.
func (u *use) name(word string) bool {
	full := strings.TrimPrefix(u.group+" "+word, " ")
	group := false
	for i := range u.table.Commands {
		c := &u.table.Commands[i]
		if c.Name == full || u.group == "" && slices.Contains(c.Aliases, word) {
			u.command, u.Command, u.Word = c, c.Name, word
			return true
		}
		group = group || strings.HasPrefix(c.Name, full+" ")
	}
	u.group = full
	return group
}

// flag takes a word with flags, and their value off the words that follow.
func (u *use) flag(word string, rest []string) ([]string, bool) {
	if long, ok := strings.CutPrefix(word, "--"); ok {
		name, _, attached := strings.Cut(long, "=")
		f, global := u.find(func(f Flag) bool { return f.Name == name })
		if former := u.table.Former(name); f == nil && former != "" {
			if f, global = u.find(func(f Flag) bool { return f.Name == former }); f != nil {
				u.note("--"+name, global)
			}
		}
		if f == nil {
			return nil, false
		}
		u.note("--"+f.Name, global)
		return after(rest, !attached && !f.Alone)
	}
	for letters := word[1:]; letters != ""; letters = letters[1:] {
		f, global := u.find(func(f Flag) bool { return f.Short == letters[:1] })
		if f == nil {
			return nil, false
		}
		u.note("--"+f.Name, global)
		if !f.Alone {
			return after(rest, len(letters) == 1)
		}
	}
	return rest, true
}

// after drops the value of a flag.
func after(rest []string, value bool) ([]string, bool) {
	if !value {
		return rest, true
	}
	if len(rest) == 0 {
		return nil, false
	}
	return rest[1:], true
}

func (u *use) note(name string, global bool) {
	if global {
		u.Globals = append(u.Globals, name)
	} else {
		u.Flags = append(u.Flags, name)
	}
}

// find searches the flags of the command, then those of the program.
func (u *use) find(match func(Flag) bool) (f *Flag, global bool) {
	if u.command != nil {
		if i := slices.IndexFunc(u.command.Flags, match); i >= 0 {
			return &u.command.Flags[i], false
		}
	}
	if i := slices.IndexFunc(u.table.Globals, match); i >= 0 {
		return &u.table.Globals[i], true
	}
	return nil, true
}
