package imagebuildah

import (
	"slices"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// depend finds out what each stage needs, and marks all that the last one does.
func (p *plan) depend() {
	scopes, envs := make([]*scope, len(p.stages)), make([][]string, len(p.stages))
	p.doubts = nil
	for i, s := range p.stages {
		// What an ARG that is never run asks for is not asked for.
		sc := newScope(&given{values: p.given.values, used: map[string]bool{}}, p.outer)
		env, steps := append(startEnv(s), s.env...), slices.Concat(s.triggers, s.steps)
		s.needs, s.needed = nil, false
		if s.after != none {
			s.needs = append(s.needs, s.after)
		}
		if s.base != none {
			sc, env = scopes[s.base].clone(), slices.Clone(envs[s.base])
			s.needs = append(s.needs, s.base)
			// Not only those that are needed so far: a trigger of a base image may
			// ask for any stage when another one is half done.
			p.stages[s.base].isBase = true
			if p.docker {
				steps = slices.Concat(p.stages[s.base].triggersFor(), s.steps)
			}
		}
		vars := variables{env: env, args: sc.values}
		for _, in := range steps {
			s.needs = append(s.needs, p.references(in, &vars, sc, i)...)
		}
		scopes[i], envs[i] = sc, vars.env
	}
	p.mark(len(p.stages) - 1)
}

func (p *plan) mark(at int) {
	s := p.stages[at]
	if s.needed {
		return
	}
	s.needed = true
	for _, n := range s.needs {
		p.mark(n)
	}
}

// variables are those of an ENV that an option adds.
func (in *instruction) variables() []string {
	var env []string
	for _, kv := range in.pairs {
		if in.verb() == "ENV" {
			env = append(env, kv.key+"="+kv.value)
		}
	}
	return env
}

// references gives the stages that a step names. The variables of the base image
// are not known here, so what they say is only found when the step runs.
func (p *plan) references(in *instruction, vars *variables, sc *scope, before int) []int {
	if in.pairs != nil {
		vars.env = append(vars.env, in.variables()...)
		return nil
	}
	cmd, err := in.expanded(*vars)
	if err != nil {
		p.doubts = append(p.doubts, doubt{in: in, stage: before, err: err})
		return nil
	}
	var names []string
	switch c := cmd.(type) {
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			sc.declare(a.Key, a.Value)
		}
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			vars.env = append(vars.env, kv.Key+"="+kv.Value)
		}
	case *instructions.CopyCommand:
		names = append(names, c.From)
	case *instructions.RunCommand:
		mounts, _, _ := in.runFlags(*vars)
		for _, m := range mounts {
			names = append(names, m.From)
		}
	}
	var found []int
	for _, name := range names {
		if at := p.findStage(name, before); name != "" && at != none && !slices.Contains(found, at) {
			found = append(found, at)
		}
	}
	return found
}
