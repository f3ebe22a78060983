package imagebuildah

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/projectatomic/buildah/internal/contexts"
)

// instruction is one typed instruction and where it stands.
type instruction struct {
	src     *source
	node    *parser.Node
	cmd     instructions.Command // nil for FROM and for what an option added
	from    *fromLine            // of FROM
	pairs   []pair               // of the ENV or LABEL that an option adds: nothing in it is expanded
	mounts  []string             // values of --mount
	network string               // value of --network
	rights  string               // value of --security
}

// pair is a name and a value.
type pair struct{ key, value string }

// verb is the instruction word in capitals.
func (in *instruction) verb() string { return strings.ToUpper(in.node.Value) }

// text is the instruction as it was written, continuation lines joined.
func (in *instruction) text() string { return strings.TrimSpace(in.node.Original) }

// shown is the instruction as it was written, its verb in capitals.
func (in *instruction) shown() string {
	return contexts.Mask(in.verb() + in.text()[len(in.node.Value):])
}

// placeOf is where a step failed: the word, where the error names one, or all its lines.
func (in *instruction) placeOf(err error) place {
	if isBlamed(err) {
		return in.src.locate(in.node.StartLine, in.node.EndLine, err)
	}
	return place{src: in.src, first: in.node.StartLine, last: in.node.EndLine}
}

// fail is an error at this instruction.
func (in *instruction) fail(err error) error {
	return sourceError(in.src.locate(in.node.StartLine, in.node.EndLine, err), err)
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
	src := newSource(name, data)
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

// parse types the instruction and checks all that can be checked without
// variables' values.
func (in *instruction) parse() error {
	mendFlags(in.node.Flags)
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
		case "--security":
			in.rights = value
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
		return nil, fromArity(words)
	}
	f.image = words[0]
	seen := map[string]bool{}
	for _, flag := range node.Flags {
		name, value, _ := strings.Cut(flag, "=")
		if seen[name] && name == "--after" {
			return nil, &blamed{word: name, nth: 1, err: errors.New("only one --after flag is allowed per FROM instruction")}
		}
		if seen[name] {
			return nil, &blamed{word: name, nth: 1, err: fmt.Errorf("duplicate flag specified: %s", name)}
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

// fromArity is about a FROM with too few or too many words.
func fromArity(words []string) error {
	text := "FROM requires either one argument, or three: FROM IMAGE [AS NAME]"
	if len(words) < 2 {
		return errors.New(text)
	}
	word := words[1]
	switch {
	case !strings.EqualFold(word, "as"):
		text += didYouMean(word, []string{"AS"})
	case len(words) > 3:
		word = words[3]
	}
	return blame(word, errors.New(text))
}
