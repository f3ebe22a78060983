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
	case strings.Contains(u, "IMAGE"):
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
}

func shellCommands(app *cli.App) []shellCommand {
	var all []shellCommand
	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}
		all = append(all, shellCommand{names: c.Names(), usage: c.Usage, kind: wordsOf(c), options: visible(c.Flags)})
	}
	return all
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
	var names []string
	for _, c := range shellCommands(app) {
		names = append(names, c.names[0])
	}
	fmt.Fprintf(&b, `# bash completion for buildah, made by "buildah completion bash"
_buildah() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local command= flags= valued= words= i
	local globals=%q global_valued=%q
	for ((i = 1; i < COMP_CWORD; i++)); do
		case " $global_valued " in *" ${COMP_WORDS[i]} "*) ((i++)); continue ;; esac
		case ${COMP_WORDS[i]} in -*) continue ;; esac
		command=${COMP_WORDS[i]}
		break
	done
	case $command in
	'') words=%q ;;
`, strings.Join(global, " "), strings.Join(globalValued, " "), strings.Join(names, " "))
	for _, c := range shellCommands(app) {
		all, valued := flagWords(c.options)
		fmt.Fprintf(&b, "\t%s) flags=%q valued=%q", strings.Join(c.names, "|"), strings.Join(all, " "), strings.Join(valued, " "))
		if l := listing(c.kind); l != "" {
			fmt.Fprintf(&b, "; [[ $cur == -* ]] || words=$(%s)", l)
		}
		b.WriteString(" ;;\n")
	}
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
	commands := shellCommands(app)
	for _, c := range commands {
		fmt.Fprintf(&b, "\t\t\t'%s:%s'\n", c.names[0], zshText(c.usage))
	}
	b.WriteString("\t\t)\n\t\t_describe command commands ;;\n\targument)\n\t\tcase $line[1] in\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "\t\t%s)\n\t\t\t_arguments", strings.Join(c.names, "|"))
		for _, o := range c.options {
			b.WriteString(" \\\n\t\t\t\t" + zshFlag(o))
		}
		rest := "_files"
		if listing(c.kind) != "" {
			rest = "_buildah_" + c.kind
		}
		b.WriteString(" \\\n\t\t\t\t'*:word:" + rest + "' ;;\n")
	}
	b.WriteString("\t\tesac ;;\n\tesac\n}\n_buildah \"$@\"\n")
	_, err := io.WriteString(w, b.String())
	return err
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
	commands := shellCommands(app)
	var names []string
	for _, c := range commands {
		names = append(names, c.names...)
	}
	fmt.Fprintf(&b, "set -l commands %s\n", strings.Join(names, " "))
	for _, o := range visible(app.Flags) {
		fishFlag(&b, "", o)
	}
	for _, c := range commands {
		fmt.Fprintf(&b, "complete -c buildah -n \"not __fish_seen_subcommand_from $commands\" -f -a %s -d %s\n", c.names[0], fishText(c.usage))
		when := fmt.Sprintf(" -n \"__fish_seen_subcommand_from %s\"", strings.Join(c.names, " "))
		for _, o := range c.options {
			fishFlag(&b, when, o)
		}
		if l := listing(c.kind); l != "" {
			l = strings.ReplaceAll(l, "'", `"`)
			fmt.Fprintf(&b, "complete -c buildah%s -a '(%s)'\n", when, l)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
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
