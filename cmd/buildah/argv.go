package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/internal/suggest"
)

// The flag library wants `--name=value` before the first positional word and
// knows neither clusters nor attached values. Scripts write what getopt_long
// accepts, so every command line is first brought into the one form
//
//	buildah --global=value ... command --name=value ... -- positional ...
//
// Flags may stand anywhere, also after positional words, except where what
// follows belongs to another command (see passesOn). `--` ends the flags.

// invocation is a command line, understood.
type invocation struct {
	commands []*cli.Command // the named command, and its subcommand; empty for the bare program
	globals  []string       // --name=value
	flags    []string       // --name=value
	args     []string
	loose    []loose
	unknown  string // is no command of the group
	help     bool
	version  bool
}

// argv is the canonical form, without the name of the program.
func (i invocation) argv() []string {
	out := slices.Clone(i.globals)
	for _, c := range i.commands {
		out = append(out, c.Name)
	}
	if len(i.commands) == 0 {
		return out
	}
	out = append(out, i.flags...)
	return append(append(out, "--"), i.args...)
}

// command is the innermost command, nil for the bare program.
func (i invocation) command() *cli.Command {
	if len(i.commands) == 0 {
		return nil
	}
	return i.commands[len(i.commands)-1]
}

// passesOn names the commands whose words after the first positional one belong
// to a program that they start.
func passesOn(c *cli.Command) bool { return c.Name == "run" || c.Name == "unshare" || c.Name == "rpc" }

// formerName gives the present name of a flag that was called otherwise. It is
// rewritten silently, where the command has a flag of the present name.
func formerName(name string) string {
	switch name {
	case "net":
		return "network"
	case "override-arch":
		return "arch"
	case "override-os":
		return "os"
	case "purge":
		return "rm"
	case "raw-iidfile":
		return "iidfile-raw"
	case "tty":
		return "terminal"
	}
	return ""
}

// argvScanner walks over the words once, from left to right.
type argvScanner struct {
	words  []string
	global []cli.Flag
	inv    invocation
}

// readArgv understands the words after the name of the program.
func readArgv(root *cli.App, words []string) (invocation, error) {
	s := &argvScanner{words: words, global: root.Flags}
	commands := root.Commands
	for len(s.words) > 0 && len(commands) > 0 {
		if isFlagWord(s.words[0]) {
			if err := s.flag(); err != nil {
				return s.inv, err
			}
			continue
		}
		word := s.next()
		if word == "--" {
			continue
		}
		c := findCommand(commands, word)
		if c == nil {
			if len(s.inv.commands) > 0 { // a group shows what it has
				s.inv.help, s.inv.unknown = true, word
				return s.inv, nil
			}
			return s.inv, unknownCommand(commands, word, s.words)
		}
		s.inv.commands = append(s.inv.commands, c)
		commands = c.Subcommands
	}
	err := s.rest()
	return s.inv, err
}

// rest takes the flags and the positional words of the command that was found.
func (s *argvScanner) rest() error {
	for len(s.words) > 0 {
		switch word := s.words[0]; {
		case word == "--":
			s.inv.args = append(s.inv.args, s.words[1:]...)
			return nil
		case isFlagWord(word):
			if err := s.flag(); err != nil {
				return err
			}
		case passesOn(s.inv.command()):
			s.inv.args = append(s.inv.args, s.words...)
			return nil
		default:
			s.inv.args = append(s.inv.args, s.next())
		}
	}
	return nil
}

func (s *argvScanner) next() string {
	word := s.words[0]
	s.words = s.words[1:]
	return word
}

// flag takes one word that starts with a dash, and its value if that is the next word.
func (s *argvScanner) flag() error {
	word := s.next()
	if name, ok := strings.CutPrefix(word, "--"); ok {
		return s.long(name)
	}
	return s.cluster(word)
}

func (s *argvScanner) long(word string) error {
	name, value, attached := strings.Cut(word, "=")
	switch {
	case name == "help" && !attached:
		s.inv.help = true
		return nil
	case name == "version" && !attached && len(s.inv.commands) == 0:
		s.inv.version = true
		return nil
	}
	o, global := s.lookup(func(o *option) bool { return o.name == name })
	if former := formerName(name); o == nil && former != "" {
		o, global = s.lookup(func(o *option) bool { return o.name == former })
	}
	switch {
	case o == nil:
		return s.unknownFlag(name)
	case attached:
	case o.isSwitch():
		value = "true"
	case o.bare != "":
		value = o.bare
		s.alone("--" + name)
	case len(s.words) == 0:
		return usageError{text: "flag needs an argument: --" + name}
	default:
		value = s.next()
	}
	s.emit(o, global, value)
	return nil
}

// cluster takes `-abc`: switches, and at most one flag with a value at the end,
// attached or in the next word.
func (s *argvScanner) cluster(word string) error {
	letters := word[1:]
	for letters != "" {
		letter, tail := letters[:1], letters[1:]
		o, global := s.lookup(func(o *option) bool { return o.short == letter })
		switch {
		case o == nil && letter == "h":
			s.inv.help = true
			letters = tail
			continue
		case o == nil && letter == "v" && len(s.inv.commands) == 0:
			s.inv.version = true
			letters = tail
			continue
		case o == nil:
			return usageError{text: fmt.Sprintf("unknown shorthand flag: %q in %s", letter, word), hint: cmp.Or(s.foreign(letter), s.helpHint())}
		}
		if value, ok := strings.CutPrefix(tail, "="); ok {
			s.emit(o, global, value)
			return nil
		}
		switch {
		case o.isSwitch():
			s.emit(o, global, "true")
			letters = tail
			continue
		case tail != "":
			s.emit(o, global, tail)
		case o.bare != "":
			s.emit(o, global, o.bare)
			s.alone("-" + letter)
		case len(s.words) == 0:
			return usageError{text: fmt.Sprintf("flag needs an argument: %q in %s", letter, word)}
		default:
			s.emit(o, global, s.next())
		}
		return nil
	}
	return nil
}

// lookup searches the flags of the command, then those of the program.
func (s *argvScanner) lookup(match func(*option) bool) (o *option, global bool) {
	if c := s.inv.command(); c != nil {
		if o := findOption(c.Flags, match); o != nil {
			return o, false
		}
	}
	return findOption(s.global, match), true
}

func findOption(flags []cli.Flag, match func(*option) bool) *option {
	for _, f := range flags {
		if o, ok := f.(*option); ok && match(o) {
			return o
		}
	}
	return nil
}

func (s *argvScanner) emit(o *option, global bool, value string) {
	word := "--" + o.name + "=" + value
	if global {
		s.inv.globals = append(s.inv.globals, word)
	} else {
		s.inv.flags = append(s.inv.flags, word)
	}
}

func (s *argvScanner) unknownFlag(name string) error {
	known := optionNames(s.global)
	if c := s.inv.command(); c != nil {
		known = append(optionNames(c.Flags), known...)
	}
	hint := cmp.Or(s.foreign(name), s.helpHint())
	if near := suggest.Nearest(name, known); near != "" {
		hint = "did you mean `--" + near + "`?"
	}
	return usageError{text: "unknown flag: --" + name, hint: hint}
}

// alone notes that a flag stood alone that can have a value.
func (s *argvScanner) alone(flag string) {
	if len(s.words) > 0 && !isFlagWord(s.words[0]) {
		s.inv.loose = append(s.inv.loose, loose{flag, s.words[0]})
	}
}

// foreign is what there is to say of a flag that docker or podman has in this command.
func (s *argvScanner) foreign(name string) string {
	if c := s.inv.command(); c != nil {
		return foreignFlag(c.Name, name)
	}
	return ""
}

func (s *argvScanner) helpHint() string {
	path := "buildah"
	for _, c := range s.inv.commands {
		path += " " + c.Name
	}
	return "`" + path + " --help` lists the flags"
}

// isFlagWord tells whether a word is a flag: a lone dash is not, it often stands
// for standard input.
func isFlagWord(word string) bool {
	return len(word) > 1 && word[0] == '-' && word != "--"
}

func findCommand(commands []*cli.Command, word string) *cli.Command {
	for _, c := range commands {
		if c.HasName(word) {
			return c
		}
	}
	return nil
}

func optionNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		if o, ok := f.(*option); ok && !o.hidden {
			names = append(names, o.name)
		}
	}
	return names
}
