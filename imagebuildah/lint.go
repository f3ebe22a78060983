package imagebuildah

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/projectatomic/buildah/internal/imageconfig"
)

// Finding is something in a Dockerfile that works, and had better be written otherwise.
type Finding struct {
	Rule        string
	Description string // of the rule
	URL         string // where the rule is explained
	Message     string
	File        string
	Line        int // from 1
	Column      int // in characters, from 1
	Width       int // of what is meant, in characters
	place       place
}

func (f Finding) String() string { return fmt.Sprintf("%s: %s: %s", f.place, f.Rule, f.Message) }

// Excerpt shows the line between its neighbours, and a caret below the word.
func (f Finding) Excerpt() string { return f.place.excerpt() }

// checkArg is the build argument that says what a "# check=" of the file says.
const checkArg = "BUILDKIT_DOCKERFILE_CHECK"

// linting is one pass of the rules over the Dockerfiles of a build. Where rules
// come from the linter package, so do their names, words and options.
type linting struct {
	outer    map[string]string // what the builder and the heading give to FROM
	ignored  ignored
	linters  map[*source]*linter.Linter
	findings []Finding
	current  *instruction // what is looked at
	at       error        // blames the word of it that a rule is about
	empty    int          // or the number of the line
	stages   []*lintedStage
}

// lintWish is what findings depend on besides the text.
type lintWish struct {
	args     map[string]string
	platform imageconfig.Platform
	ignored  ignored
}

// report is what the rules have found, sorted by place.
type report struct {
	findings []Finding
	strict   error // a file says that its findings are errors, and has some
}

// lint applies the rules.
func lint(list []*instruction, w lintWish) (report, error) {
	l := &linting{outer: platformArgs(w.platform), ignored: w.ignored, linters: map[*source]*linter.Linter{}}
	var files []*source
	for _, in := range list {
		if l.linters[in.src] != nil {
			continue
		}
		lc, err := in.src.linter(w.args[checkArg], l.warn)
		if err != nil {
			return report{}, err
		}
		l.linters[in.src] = lc
		files = append(files, in.src)
	}
	l.files(list)
	l.instructions(list)
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(files, a.place.src), slices.Index(files, b.place.src)),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return report{findings: l.findings, strict: l.strict(files)}, nil
}

// strict is an error at the first finding when a file says that findings shall be errors.
func (l *linting) strict(files []*source) error {
	for _, src := range files {
		err := l.linters[src].Error()
		at := slices.IndexFunc(l.findings, func(f Finding) bool { return f.place.src == src })
		if err != nil && at >= 0 {
			return sourceError(l.findings[at].place, fmt.Errorf("%w, and the file asks for no build then", err))
		}
	}
	return nil
}

// linter obeys the directive "# check=" of the file, and the build argument.
func (s *source) linter(arg string, warn linter.LintWarnFunc) (*linter.Linter, error) {
	c := &linter.Config{}
	if s.check != "" {
		parsed, err := linter.ParseLintOptions(s.check)
		if err != nil {
			err = checkOption(err)
			return nil, sourceError(s.locate(s.checkLine, s.checkLine, err), err)
		}
		c = parsed
	}
	c.Warn = warn
	lc := linter.New(c)
	if arg == "" {
		return lc, nil
	}
	other, err := linter.ParseLintOptions(arg)
	if err != nil {
		return nil, fmt.Errorf("build argument %s: %w", checkArg, checkOption(err))
	}
	other.Warn = warn
	return lc.WithMergedConfig(other), nil
}

// checkOption is about an option of "# check=".
func checkOption(err error) error {
	word := firstQuoted(err.Error())
	name, _, _ := strings.Cut(word, "=")
	return blame(word, fmt.Errorf("%w%s: the options are skip=RULE,..., error=true and experimental=RULE,..., with \";\" between them",
		err, didYouMean(name, []string{"skip", "error", "experimental"})))
}

// run reports what a rule has found about a word of an instruction, each of several
// words inside the one before, or about the keyword.
func (l *linting) run(in *instruction, rule linter.LinterRuleI, text string, words ...string) {
	l.current, l.at = in, nil
	for _, word := range slices.Backward(words) {
		l.at = blame(word, cmp.Or(l.at, errors.New(text)))
	}
	l.linters[in.src].Run(rule, in.node.Location(), text)
}

// parserRules lets the instruction parser apply the rules that it knows.
func (l *linting) parserRules(in *instruction) {
	l.current, l.at = in, nil
	node := *in.node
	if in.from != nil {
		node.Flags = nil // some of them are only ours
	}
	_, _ = instructions.ParseInstructionWithLinter(&node, l.linters[in.src])
}

// warn takes what rules find, ours and those of the instruction parser.
func (l *linting) warn(rule, description, url, text string, _ []parser.Range) {
	in, at := l.current, l.at
	arg, isArg := in.cmd.(*instructions.ArgCommand)
	switch {
	case at != nil:
	case rule == linter.RuleFromAsCasing.Name:
		at = blame("as", errors.New(text))
	case isArg && len(arg.Args) > 0:
		at = blame(arg.Args[0].Key, errors.New(text))
	case in.from != nil && in.from.name != "":
		at = &blamed{word: in.from.name, nth: sameWord(in.from), err: errors.New(text)}
	}
	where := in.src.locate(in.node.StartLine, in.node.EndLine, at)
	if l.empty > 0 {
		where = place{src: in.src, first: l.empty, column: 1, width: 1}
	}
	l.findings = append(l.findings, Finding{
		Rule: rule, Description: description, URL: url, Message: text,
		File: in.src.name, Line: where.first, Column: where.column, Width: where.width, place: where,
	})
}
