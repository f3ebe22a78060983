package imagebuildah

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/projectatomic/buildah/internal/contexts"
)

// source is one Dockerfile, or what an image has for those that build on it.
type source struct {
	name   string
	lines  []string
	escape rune
}

// instruction is one typed instruction and where it stands.
type instruction struct {
	src     *source
	node    *parser.Node
	cmd     instructions.Command // nil for FROM and for what an option added
	from    *fromLine            // of FROM
	pairs   []pair               // of the ENV or LABEL that an option adds: nothing in it is expanded
	mounts  []string             // values of --mount
	network string               // value of --network
}

// pair is a name and a value.
type pair struct{ key, value string }

// verb is the instruction word in capitals.
func (in *instruction) verb() string { return strings.ToUpper(in.node.Value) }

// text is the instruction as it was written, continuation lines joined.
func (in *instruction) text() string { return strings.TrimSpace(in.node.Original) }

func (in *instruction) place() place {
	return place{src: in.src, first: in.node.StartLine, last: in.node.EndLine}
}

// fail is an error at this instruction.
func (in *instruction) fail(err error) error {
	return &SourceError{File: in.src.name, Line: in.node.StartLine, Err: err, place: in.place()}
}

// parseFiles parses the Dockerfiles of a build, each alone, and joins their
// instructions.
func parseFiles(files []contexts.File) ([]*instruction, error) {
	var all []*instruction
	for i, f := range files {
		list, err := parseFile(f.Name, f.Data)
		var syntax *syntaxError
		switch {
		case errors.As(err, &syntax) && i == 0:
			return nil, fmt.Errorf("parsing main Dockerfile: %w", syntax.SourceError)
		case errors.As(err, &syntax):
			return nil, fmt.Errorf("parsing additional Dockerfile %w", syntax.SourceError)
		case err != nil:
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// syntaxError is a file that is no Dockerfile at all, unlike one with a wrong instruction.
type syntaxError struct{ *SourceError }

func (e *syntaxError) Unwrap() error { return e.SourceError }

// parseFile parses one text.
func parseFile(name string, data []byte) ([]*instruction, error) {
	src := &source{name: name, lines: strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), escape: parser.DefaultEscapeToken}
	result, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, src.syntaxError(err)
	}
	src.escape = result.EscapeToken
	list := make([]*instruction, 0, len(result.AST.Children))
	for _, node := range result.AST.Children {
		in := &instruction{src: src, node: node}
		if err := in.parse(); err != nil {
			return nil, in.fail(err)
		}
		list = append(list, in)
	}
	return list, nil
}

// syntaxError translates an error of the parser, which knows the lines.
func (s *source) syntaxError(err error) error {
	at := place{src: s, first: 1}
	var located *parser.LocationError
	if errors.As(err, &located) && len(located.Locations) > 0 && len(located.Locations[0]) > 0 {
		ranges := located.Locations[0]
		at.first, at.last = ranges[0].Start.Line, ranges[len(ranges)-1].End.Line
		err = located.Unwrap()
		if strings.Contains(err.Error(), "parser directive") || strings.HasPrefix(err.Error(), "invalid escape token") {
			at.first, at.last = at.first+1, at.last+1 // the parser counts these from 0
		}
	}
	at.first = max(1, at.first)
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "invalid escape token"):
		err = fmt.Errorf("invalid ESCAPE: %s", strings.TrimPrefix(text, "invalid escape token "))
	case strings.Contains(text, "file with no instructions"):
		err = errors.New("no FROM statement found: the file has no instructions")
	case text == "unterminated heredoc":
		if doc := s.heredocName(at.first); doc != "" {
			err = fmt.Errorf("%s: unterminated heredoc", doc)
		}
		at.last = at.first
	}
	return &syntaxError{&SourceError{File: s.name, Line: at.first, Err: err, place: at}}
}

func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// heredocName is the first here-document that a line begins.
func (s *source) heredocName(line int) string {
	for _, word := range strings.Fields(s.line(line)) {
		if doc := parser.MustParseHeredoc(word); doc != nil {
			return doc.Name
		}
	}
	return ""
}

// parse types the instruction and checks all that can be checked without
// variables' values.
func (in *instruction) parse() error {
	if err := checkFlags(in.verb(), in.node.Flags); err != nil {
		return err
	}
	if in.verb() == "FROM" {
		var err error
		in.from, err = parseFrom(in.node)
		return err
	}
	if in.verb() == "RUN" {
		in.takeRunFlags()
	}
	cmd, err := in.fresh()
	if err != nil {
		return err
	}
	in.cmd = cmd
	return in.check()
}

// takeRunFlags takes off the flags whose grammar is ours.
func (in *instruction) takeRunFlags() {
	var rest []string
	for i, flag := range in.node.Flags {
		name, value, _ := strings.Cut(flag, "=")
		switch name {
		case "--mount":
			in.mounts = append(in.mounts, value)
		case "--network":
			in.network = value
		case "--":
			rest = append(rest, in.node.Flags[i:]...)
			in.node.Flags = rest
			return
		}
	}
	in.node.Flags = rest
}

// fresh gives a typed instruction that the caller may change: expanding does so.
func (in *instruction) fresh() (instructions.Command, error) {
	v, err := instructions.ParseInstruction(in.node)
	if err != nil {
		return nil, in.translate(err)
	}
	cmd, ok := v.(instructions.Command)
	if !ok {
		return nil, fmt.Errorf("%s is not an instruction of a stage", in.verb())
	}
	return cmd, nil
}

// translate gives an error of the instruction parser in the words that scripts look for.
func (in *instruction) translate(err error) error {
	var located *parser.LocationError
	if errors.As(err, &located) {
		err = located.Unwrap()
	}
	var unknown *instructions.UnknownInstructionError
	if errors.As(err, &unknown) {
		text := fmt.Sprintf("Build error: Unknown instruction: %q", in.verb())
		return errors.New(text + didYouMean(in.verb(), verbs()))
	}
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "VOLUME specified"):
		return errors.New("Volume specified can not be an empty string") //nolint:staticcheck // scripts look for it
	case strings.Contains(text, "cannot be less than"):
		return fmt.Errorf("%s: it must be positive", text)
	}
	return err
}

func verbs() []string {
	all := make([]string, 0, len(command.Commands))
	for name := range command.Commands {
		all = append(all, strings.ToUpper(name))
	}
	return all
}

// fromLine is what a FROM says, nothing expanded.
type fromLine struct {
	image    string
	name     string // "" without AS
	platform string
	after    string
}

func parseFrom(node *parser.Node) (*fromLine, error) {
	var words []string
	for n := node.Next; n != nil; n = n.Next {
		words = append(words, n.Value)
	}
	f := &fromLine{}
	switch {
	case len(words) == 3 && strings.EqualFold(words[1], "as"):
		f.name = words[2]
	case len(words) != 1:
		return nil, errors.New("FROM requires either one argument, or three: FROM IMAGE [AS NAME]")
	}
	f.image = words[0]
	seen := map[string]bool{}
	for _, flag := range node.Flags {
		name, value, _ := strings.Cut(flag, "=")
		if seen[name] && name == "--after" {
			return nil, errors.New("only one --after flag is allowed per FROM instruction")
		}
		if seen[name] {
			return nil, fmt.Errorf("duplicate flag specified: %s", name)
		}
		seen[name] = true
		switch name {
		case "--platform":
			f.platform = value
		case "--after":
			f.after = value
		}
	}
	return f, nil
}
