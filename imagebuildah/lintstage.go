package imagebuildah

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/suggest"
)

// lintedStage is what rules have to know of a stage so far.
type lintedStage struct {
	name    string
	exact   bool            // it begins with nothing: no base image has variables that nobody knows here
	names   map[string]bool // variables that are defined
	workdir bool            // an absolute WORKDIR was seen
	shell   bool            // SHELL was seen
	last    map[string]*instruction
}

// instructions applies the rules about what instructions do.
func (l *linting) instructions(list []*instruction) {
	heading := map[string]bool{}
	for name := range l.outer {
		heading[name] = true
	}
	defaults := newScope(&given{used: map[string]bool{}}, l.outer)
	for _, in := range list {
		switch c, isArg := in.cmd.(*instructions.ArgCommand); {
		case in.from != nil:
			l.from(in, heading, defaults)
		case len(l.stages) > 0:
			l.step(in, l.stages[len(l.stages)-1])
		case isArg:
			l.secrets(in, "ARG", argNames(c))
			for _, a := range c.Args {
				heading[a.Key] = true
				defaults.declare(a.Key, l.value(in, a.Value, defaults))
			}
		}
	}
}

// value expands the default of an ARG, as far as it can be.
func (l *linting) value(in *instruction, text *string, sc *scope) *string {
	if text == nil {
		return nil
	}
	got, err := in.src.word(*text, l.visible(sc))
	if err != nil {
		return nil
	}
	return &got
}

// visible is what a FROM sees when every ARG has its default.
func (l *linting) visible(sc *scope) variables {
	args := maps.Clone(l.outer)
	maps.Copy(args, sc.values)
	return variables{args: args}
}

// from applies the rules about FROM and begins a stage.
func (l *linting) from(in *instruction, heading map[string]bool, defaults *scope) {
	f := in.from
	name := strings.ToLower(f.name)
	s := &lintedStage{name: name, last: map[string]*instruction{}, names: map[string]bool{"PATH": true}}
	for _, other := range l.stages {
		if name != "" && other.name == name {
			rule := &linter.RuleDuplicateStageName
			l.run(in, rule, rule.Format(f.name), f.name)
			break
		}
	}
	if name == builder.Scratch || name == "context" {
		rule := &linter.RuleReservedStageName
		l.run(in, rule, rule.Format(f.name), f.name)
	}
	l.platformFlag(in)
	declared := l.declared(in, f.image, heading)
	l.declared(in, f.platform, heading)
	image, err := in.src.word(f.image, l.visible(defaults))
	if base := l.stageNamed(image); err == nil && base != nil {
		s.exact, s.names, s.workdir, s.shell = base.exact, maps.Clone(base.names), base.workdir, base.shell
	} else if err == nil && declared && variable(f.image) && checkReference(image) != nil {
		rule := &linter.RuleInvalidDefaultArgInFrom
		l.run(in, rule, rule.Format(f.image), f.image)
	}
	s.exact = s.exact || image == builder.Scratch
	l.stages = append(l.stages, s)
}

// stageNamed is an earlier stage, nil if there is none of that name or number.
func (l *linting) stageNamed(image string) *lintedStage {
	for _, s := range slices.Backward(l.stages) {
		if s.name != "" && s.name == strings.ToLower(image) {
			return s
		}
	}
	if n, err := strconv.Atoi(image); err == nil && n >= 0 && n < len(l.stages) && l.stages[n].name == "" {
		return l.stages[n]
	}
	return nil
}

func (l *linting) platformFlag(in *instruction) {
	f := in.from
	switch {
	case f.platform == "$TARGETPLATFORM" || f.platform == "${TARGETPLATFORM}":
		rule := &linter.RuleRedundantTargetPlatform
		l.run(in, rule, rule.Format(f.platform), f.platform)
	case f.platform != "" && !variable(f.platform):
		p, err := imageconfig.ParsePlatform(f.platform)
		name := strings.ToLower(f.name)
		if err != nil || strings.Contains(name, p.OS) || p.Arch != "" && strings.Contains(name, p.Arch) {
			return // the stage says that it is for this platform
		}
		rule := &linter.RuleFromPlatformFlagConstDisallowed
		l.run(in, rule, rule.Format(f.platform), "--platform="+f.platform, f.platform)
	}
}

// declared finds variables of a FROM that no ARG before the first FROM declares.
func (l *linting) declared(in *instruction, word string, known map[string]bool) bool {
	all := true
	for _, use := range uses(word) {
		if known[use.name] {
			continue
		}
		all = false
		rule := &linter.RuleUndefinedArgInFrom
		near := suggest.Nearest(use.name, slices.Sorted(maps.Keys(known)))
		l.run(in, rule, rule.Format(use.name, near), use.text)
	}
	return all
}

// use is a variable in a word.
type use struct{ name, text string }

// plainUse is a variable without anything to take its place where it is not set.
var plainUse = regexp.MustCompile(`\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:\}|[#%/]))`)

// uses are the variables of a word.
func uses(word string) []use {
	var list []use
	for _, m := range plainUse.FindAllStringSubmatch(word, -1) {
		list = append(list, use{name: m[1] + m[2], text: m[0]})
	}
	return list
}

func argNames(c *instructions.ArgCommand) []string {
	names := make([]string, 0, len(c.Args))
	for _, a := range c.Args {
		names = append(names, a.Key)
	}
	return names
}
