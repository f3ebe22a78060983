package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// completionCommand writes a script that teaches a shell our words. The scripts
// are made from the command table, so they cannot drift from it.
func (p *program) completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "write the completion script of a shell",
		ArgsUsage: "bash|zsh|fish",
		Category:  systemGroup,
		Hidden:    true,
		UsageText: "source <(buildah completion bash)\nbuildah completion fish > ~/.config/fish/completions/buildah.fish",
		Before:    takes(1, 1),
		Action: func(c *cli.Context) error {
			app := p.app()
			switch shell := c.Args().First(); shell {
			case "bash":
				return writeBash(p.stdout, app)
			case "zsh":
				return writeZsh(p.stdout, app)
			case "fish":
				return writeFish(p.stdout, app)
			default:
				return usageError{text: fmt.Sprintf("unknown shell %q", shell), hint: "scripts exist for bash, zsh and fish"}
			}
		},
	}
}

// What positional words stand for, read off the usage line of a command.
const (
	wordsNone       = ""
	wordsContainers = "containers"
	wordsImages     = "images"
	wordsFiles      = "files"
)

func wordsOf(c *cli.Command) string {
	switch u := c.ArgsUsage; {
	case strings.Contains(u, "CONTAINER"):
		return wordsContainers
	case strings.Contains(u, "IMAGE"), strings.Contains(u, "LIST"):
		return wordsImages
	case strings.Contains(u, "CONTEXT"):
		return wordsFiles
	}
	return wordsNone
}

// listing is the command line that lists the words of a kind.
func listing(kind string) string {
	switch kind {
	case wordsContainers:
		return "buildah containers --noheading --format '{{.ContainerName}}' 2>/dev/null"
	case wordsImages:
		return "buildah images --noheading --format '{{.Name}}:{{.Tag}}' --filter dangling=false 2>/dev/null"
	}
	return ""
}

// shellCommand is one command as the scripts see it.
type shellCommand struct {
	names   []string
	usage   string
	kind    string
	options []*option
	parts   []shellCommand // what a group of commands consists of
}

func shellCommands(commands []*cli.Command) []shellCommand {
	var all []shellCommand
	for _, c := range commands {
		if c.Hidden {
			continue
		}
		all = append(all, shellCommand{
			names: c.Names(), usage: c.Usage, kind: wordsOf(c), options: visible(c.Flags), parts: shellCommands(c.Subcommands),
		})
	}
	return all
}

// firstNames are the names that are offered, and which of them are groups.
func firstNames(commands []shellCommand) (all, groups []string) {
	for _, c := range commands {
		all = append(all, c.names[0])
		if len(c.parts) > 0 {
			groups = append(groups, c.names...)
		}
	}
	return all, groups
}

func visible(flags []cli.Flag) []*option {
	var list []*option
	for _, f := range flags {
		if o, ok := f.(*option); ok && !o.hidden {
			list = append(list, o)
		}
	}
	return list
}

// flagWords splits flags into those that stand alone and those that take a value.
func flagWords(options []*option) (all, valued []string) {
	for _, o := range options {
		words := []string{"--" + o.name}
		if o.short != "" {
			words = append(words, "-"+o.short)
		}
		all = append(all, words...)
		if !o.isSwitch() && o.bare == "" {
			valued = append(valued, words...)
		}
	}
	return append(all, "--help"), valued
}

func writeBash(w io.Writer, app *cli.App) error {
	var b strings.Builder
	global, globalValued := flagWords(visible(app.Flags))
	commands := shellCommands(app.Commands)
	names, groups := firstNames(commands)
	fmt.Fprintf(&b, `# bash completion for buildah, made by "buildah completion bash"
_buildah() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local command= flags= valued= words= i
	local globals=%q global_valued=%q groups=%q
	for ((i = 1; i < COMP_CWORD; i++)); do
		case " $global_valued " in *" ${COMP_WORDS[i]} "*) ((i++)); continue ;; esac
		case ${COMP_WORDS[i]} in -*) continue ;; esac
		command=$command${command:+ }${COMP_WORDS[i]}
		case " $groups " in *" $command "*) ;; *) break ;; esac
	done
	case $command in
	'') words=%q ;;
`, strings.Join(global, " "), strings.Join(globalValued, " "), strings.Join(groups, " "), strings.Join(names, " "))
	bashCases(&b, "", commands)
	b.WriteString(`	esac
	case " $valued $global_valued " in *" $prev "*) COMPREPLY=($(compgen -f -- "$cur")); return ;; esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$flags $globals" -- "$cur"))
	elif [[ -n $words ]]; then
		COMPREPLY=($(compgen -W "$words" -- "$cur"))
		declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
complete -o filenames -F _buildah buildah
`)
	_, err := io.WriteString(w, b.String())
	return err
}

// bashCases writes what is offered after each command.
func bashCases(b *strings.Builder, prefix string, commands []shellCommand) {
	for _, c := range commands {
		patterns := strings.Join(c.names, "|")
		if prefix != "" {
			patterns = fmt.Sprintf("%q", prefix+strings.Join(c.names, `"|"`+prefix))
		}
		all, valued := flagWords(c.options)
		fmt.Fprintf(b, "\t%s) flags=%q valued=%q", patterns, strings.Join(all, " "), strings.Join(valued, " "))
		if parts, _ := firstNames(c.parts); len(parts) > 0 {
			fmt.Fprintf(b, " words=%q", strings.Join(parts, " "))
		} else if l := listing(c.kind); l != "" {
			fmt.Fprintf(b, "; [[ $cur == -* ]] || words=$(%s)", l)
		}
		b.WriteString(" ;;\n")
		bashCases(b, prefix+c.names[0]+" ", c.parts)
	}
}

func writeZsh(w io.Writer, app *cli.App) error {
	var b strings.Builder
	b.WriteString("#compdef buildah\n# zsh completion for buildah, made by \"buildah completion zsh\"\n")
	for _, kind := range []string{wordsContainers, wordsImages} {
		fmt.Fprintf(&b, "_buildah_%s() {\n\tlocal -a words=(${(f)\"$(%s)\"})\n\tcompadd -a words\n\t_files\n}\n", kind, listing(kind))
	}
	b.WriteString("_buildah() {\n\tlocal state line\n\t_arguments -C")
	for _, o := range visible(app.Flags) {
		b.WriteString(" \\\n\t\t" + zshFlag(o))
	}
	b.WriteString(" \\\n\t\t'1:command:->command' '*::argument:->argument'\n\tcase $state in\n\tcommand)\n\t\tlocal -a commands=(\n")
	commands := shellCommands(app.Commands)
	for _, c := range commands {
		fmt.Fprintf(&b, "\t\t\t'%s:%s'\n", c.names[0], zshText(c.usage))
	}
	b.WriteString("\t\t)\n\t\t_describe command commands ;;\n\targument)\n\t\tcase $line[1] in\n")
	zshCases(&b, "\t\t", commands)
	b.WriteString("\t\tesac ;;\n\tesac\n}\n_buildah \"$@\"\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// zshCases writes what is offered after each command.
func zshCases(b *strings.Builder, indent string, commands []shellCommand) {
	for _, c := range commands {
		fmt.Fprintf(b, "%s%s)\n%s\t_arguments", indent, strings.Join(c.names, "|"), indent)
		if parts, _ := firstNames(c.parts); len(parts) > 0 {
			fmt.Fprintf(b, " -C '1:command:(%s)' '*::argument:->part'\n%s\tcase $line[1] in\n", strings.Join(parts, " "), indent)
			zshCases(b, indent+"\t", c.parts)
			fmt.Fprintf(b, "%s\tesac ;;\n", indent)
			continue
		}
		for _, o := range c.options {
			b.WriteString(" \\\n" + indent + "\t\t" + zshFlag(o))
		}
		rest := "_files"
		if listing(c.kind) != "" {
			rest = "_buildah_" + c.kind
		}
		b.WriteString(" \\\n" + indent + "\t\t'*:word:" + rest + "' ;;\n")
	}
}

// zshFlag is one flag in the language of _arguments.
func zshFlag(o *option) string {
	value := ""
	switch {
	case o.isSwitch():
	case o.bare != "":
		value = "::" + zshText(o.word) + ":_files"
	default:
		value = ":" + zshText(o.word) + ":_files"
	}
	sign := "="
	if value == "" {
		sign = ""
	}
	text := fmt.Sprintf("'*--%s%s[%s]%s'", o.name, sign, zshText(o.usage), value)
	if o.short != "" {
		plus := ""
		if value != "" {
			plus = "+"
		}
		text += fmt.Sprintf(" '*-%s%s[%s]%s'", o.short, plus, zshText(o.usage), value)
	}
	return text
}

// zshText keeps a text from being read as more than text.
func zshText(s string) string {
	return strings.NewReplacer("'", `'\''`, "[", "(", "]", ")", ":", `\:`).Replace(s)
}

func writeFish(w io.Writer, app *cli.App) error {
	var b strings.Builder
	b.WriteString("# fish completion for buildah, made by \"buildah completion fish\"\n")
	commands := shellCommands(app.Commands)
	_, groups := firstNames(commands)
	var names []string
	for _, c := range commands {
		names = append(names, c.names...)
	}
	fmt.Fprintf(&b, "set -l commands %s\nset -l groups %s\n", strings.Join(names, " "), strings.Join(groups, " "))
	for _, o := range visible(app.Flags) {
		fishFlag(&b, "", o)
	}
	for _, c := range commands {
		fishOffer(&b, "not __fish_seen_subcommand_from $commands", c)
		seen := "__fish_seen_subcommand_from " + strings.Join(c.names, " ")
		if len(c.parts) == 0 {
			fishArguments(&b, seen+"; and not __fish_seen_subcommand_from $groups", c)
			continue
		}
		parts, _ := firstNames(c.parts)
		for _, part := range c.parts {
			fishOffer(&b, seen+"; and not __fish_seen_subcommand_from "+strings.Join(parts, " "), part)
			fishArguments(&b, seen+"; and __fish_seen_subcommand_from "+part.names[0], part)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fishOffer offers a command.
func fishOffer(b *strings.Builder, when string, c shellCommand) {
	fmt.Fprintf(b, "complete -c buildah -n \"%s\" -f -a %s -d %s\n", when, c.names[0], fishText(c.usage))
}

// fishArguments offers the flags of a command and what its words may be.
func fishArguments(b *strings.Builder, condition string, c shellCommand) {
	when := fmt.Sprintf(" -n \"%s\"", condition)
	for _, o := range c.options {
		fishFlag(b, when, o)
	}
	if l := listing(c.kind); l != "" {
		fmt.Fprintf(b, "complete -c buildah%s -a '(%s)'\n", when, strings.ReplaceAll(l, "'", `"`))
	}
}

func fishFlag(b *strings.Builder, when string, o *option) {
	fmt.Fprintf(b, "complete -c buildah%s -l %s", when, o.name)
	if o.short != "" {
		fmt.Fprintf(b, " -s %s", o.short)
	}
	if !o.isSwitch() && o.bare == "" {
		b.WriteString(" -r")
	}
	fmt.Fprintf(b, " -d %s\n", fishText(o.usage))
}

func fishText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
