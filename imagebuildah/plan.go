package imagebuildah

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// none is the index of no stage.
const none = -1

// stage is one FROM with its steps.
type stage struct {
	index    int
	name     string // in lower case; "" without AS
	shown    string // the name as it is written
	from     *instruction
	image    string          // the base, expanded
	platform string          // --platform, expanded
	base     int             // the stage that it is based on, or none
	after    int             // the stage of --after, or none
	context  *contexts.Named // the context that it is based on, or nil
	steps    []*instruction
	needs    []int // stages that must be there before
	needed   bool
	isBase   bool // another stage is based on it

	// What the base image says, where it was looked at ahead.
	env      []string
	triggers []*instruction
}

// plan is what is to be built, in order.
type plan struct {
	doubts []doubt
	stages []*stage // up to the target
	outer  map[string]string
	given  *given
	named  namedContexts
	docker bool // stages keep ONBUILD for those that are based on them
}

// wish is what the caller asks of a plan.
type wish struct {
	args      map[string]string
	overrides Overrides
	stages    Stages
	platform  imageconfig.Platform
	named     namedContexts
	docker    bool // the format of the image, which keeps ONBUILD
}

// newPlan sorts instructions into stages and finds out which are needed.
func newPlan(list []*instruction, w wish) (*plan, error) {
	p := &plan{named: w.named, docker: w.docker, given: &given{values: w.args, used: map[string]bool{}}, outer: platformArgs(w.platform)}
	for name := range p.outer {
		p.given.used[name] = true
	}
	heading, err := p.split(list)
	if err != nil {
		return nil, err
	}
	if err := p.evaluateHeading(heading); err != nil {
		return nil, err
	}
	if w.overrides.From != "" {
		p.stages[0].from.from.image = w.overrides.From
	}
	for _, s := range p.stages {
		if err := p.resolve(s); err != nil {
			return nil, s.from.fail(err)
		}
	}
	if err := p.cut(w.stages.Target); err != nil {
		return nil, err
	}
	p.override(w.overrides)
	p.depend()
	for i := range p.stages {
		if w.stages.All {
			p.mark(i)
		}
	}
	return p, nil
}

// override adds the steps that options ask for.
func (p *plan) override(o Overrides) {
	if env := optionStep("ENV", "--env", o.Env); env != nil {
		for _, s := range p.stages {
			s.steps = append([]*instruction{env}, s.steps...)
		}
	}
	if label := optionStep("LABEL", "--label", o.Labels); label != nil {
		last := p.stages[len(p.stages)-1]
		last.steps = append(slices.Clone(last.steps), label)
	}
}

// optionStep is the ENV or LABEL that an option adds, nil if it says nothing.
func optionStep(verb, option string, list []string) *instruction {
	in := &instruction{src: &source{name: option, escape: parser.DefaultEscapeToken}}
	text := verb
	for _, item := range list {
		key, value, _ := strings.Cut(item, "=")
		if key == "" {
			continue
		}
		in.pairs = append(in.pairs, pair{key, value})
		text += fmt.Sprintf(" %q=%q", key, value)
	}
	if in.pairs == nil {
		return nil
	}
	in.node = &parser.Node{Value: verb, Original: text}
	return in
}

// split sorts instructions into stages; those before the first are the heading.
func (p *plan) split(list []*instruction) (heading []*instruction, err error) {
	for _, in := range list {
		switch {
		case in.from != nil:
			p.stages = append(p.stages, &stage{index: len(p.stages), from: in, base: none, after: none})
		case len(p.stages) > 0:
			if err := checkPlatformArg(in); err != nil {
				return nil, in.fail(err)
			}
			last := p.stages[len(p.stages)-1]
			last.steps = append(last.steps, in)
		case in.verb() == "ARG":
			heading = append(heading, in)
		default:
			return nil, in.fail(fmt.Errorf("stage 1 requires a FROM instruction before %s", in.verb()))
		}
	}
	if len(p.stages) > 0 {
		return heading, nil
	}
	err = errors.New("no FROM statement found")
	if len(list) > 0 {
		err = list[len(list)-1].fail(err)
	}
	return nil, err
}

// checkPlatformArg refuses other meanings of what the builder sets.
func checkPlatformArg(in *instruction) error {
	c, ok := in.cmd.(*instructions.ArgCommand)
	if !ok {
		return nil
	}
	for _, a := range c.Args {
		if (a.Key == "TARGETPLATFORM" || a.Key == "BUILDPLATFORM") && a.Value != nil {
			return blame(a.Key, fmt.Errorf("attempted to redefine %q: it is set by the builder", a.Key))
		}
	}
	return nil
}

// evaluateHeading gives the ARGs before the first FROM their values, each seeing
// those before it.
func (p *plan) evaluateHeading(heading []*instruction) error {
	sc := newScope(p.given, p.outer)
	for _, in := range heading {
		for _, a := range in.cmd.(*instructions.ArgCommand).Args { //nolint:forcetypeassert // split lets nothing else in
			var fallback *string
			if a.Value != nil {
				value, err := in.src.word(*a.Value, p.visible(sc))
				if err != nil {
					return in.fail(err)
				}
				fallback = &value
			}
			sc.declare(a.Key, fallback)
		}
	}
	for name, value := range sc.values {
		p.outer[name] = value
	}
	return nil
}

// visible is what a heading ARG or a FROM sees.
func (p *plan) visible(sc *scope) variables {
	args := map[string]string{}
	for name, value := range p.outer {
		args[name] = value
	}
	if sc != nil {
		for name, value := range sc.values {
			args[name] = value
		}
	}
	return variables{args: args}
}

var stageName = regexp.MustCompile("^[a-z][a-z0-9-_.]*$")

// resolve expands the words of a FROM and finds the stage it is based on.
func (p *plan) resolve(s *stage) error {
	vars, f := p.visible(nil), s.from.from
	for _, w := range []struct {
		to   *string
		text string
	}{{&s.image, f.image}, {&s.name, f.name}, {&s.platform, f.platform}} {
		text, err := s.from.src.word(w.text, vars)
		if err != nil {
			return err
		}
		*w.to = text
	}
	s.shown, s.name = s.name, strings.ToLower(s.name)
	if s.name != "" && !stageName.MatchString(s.name) {
		return &blamed{word: f.name, nth: sameWord(f), err: fmt.Errorf("invalid name for build stage: %q: it begins with a letter and has no symbols but \"-\", \"_\" and \".\"", s.name)}
	}
	if s.image == "" {
		return blame(f.image, fmt.Errorf("base image %q is empty once its variables are expanded: invalid reference format", f.image))
	}
	if s.base = p.baseStage(s.image, s.index); s.base == none {
		if n, ok := p.lookup(s.image, s.index); ok {
			s.context = &n
		} else if err := checkImage(s.image); err != nil {
			return blame(f.image, err)
		}
	}
	if err := p.resolveAfter(s, vars); err != nil || s.platform == "" {
		return err
	}
	_, err := imageconfig.ParsePlatform(s.platform)
	return blame("--platform="+f.platform, blame(f.platform, err))
}

// sameWord counts how often the name of a stage stands in the line before its own place.
func sameWord(f *fromLine) int {
	if f.image == f.name {
		return 1
	}
	return 0
}

// resolveAfter finds the stage of --after.
func (p *plan) resolveAfter(s *stage, vars variables) error {
	if s.from.from.after == "" {
		return nil
	}
	name, err := s.from.src.word(s.from.from.after, vars)
	if err != nil {
		return err
	}
	at := p.find(name, s.index)
	if at == none && (name == s.name || name == strconv.Itoa(s.index)) {
		return blame(s.from.from.after, fmt.Errorf("FROM --after=%s: cannot depend on later stage", name))
	}
	if at == none {
		return blame(s.from.from.after, fmt.Errorf("FROM --after=%s: stage %q not found%s", name, name, didYouMean(name, p.names(s.index))))
	}
	s.after = at
	return nil
}

// names are the names of the stages before a position.
func (p *plan) names(before int) []string {
	var all []string
	for _, s := range p.stages[:before] {
		if s.name != "" {
			all = append(all, s.name)
		}
	}
	return all
}

// baseStage finds the stage that a FROM names: a number only where the stage has no name.
func (p *plan) baseStage(name string, before int) int {
	at := p.findStage(name, before)
	if at != none && p.stages[at].name != "" && p.stages[at].name != strings.ToLower(name) {
		return none
	}
	return at
}

// find finds an earlier stage by name, the last one counts, or else by number.
func (p *plan) find(name string, before int) int {
	lower := strings.ToLower(name)
	for i := before - 1; i >= 0; i-- {
		if p.stages[i].name == lower && lower != "" {
			return i
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < before {
		return n
	}
	return none
}

// cut drops what comes after the target.
func (p *plan) cut(target string) error {
	if target == "" {
		return nil
	}
	at := p.find(target, len(p.stages))
	if at == none {
		return fmt.Errorf("the target %q was not found in the provided Dockerfile%s", target, didYouMean(target, p.names(len(p.stages))))
	}
	p.stages = p.stages[:at+1]
	return nil
}
