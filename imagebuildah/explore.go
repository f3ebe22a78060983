package imagebuildah

import (
	"context"
	"fmt"
	"sync"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/contexts"
)

// base is what a stage is based on, found before its turn.
type base struct {
	state builder.State
	err   error
}

// explore looks at base images before the first stage begins where they may ask for
// stages that nothing in the Dockerfile does: with triggers, or with variables that
// a --from is made of. What cannot be had is reported when it is the stage's turn.
func (b *build) explore(ctx context.Context, jobs int) {
	b.bases = make([]*base, len(b.plan.stages))
	for todo := b.unexplored(); len(todo) > 0; todo = b.unexplored() {
		var all sync.WaitGroup
		if jobs <= 0 {
			jobs = len(todo)
		}
		slots := make(chan struct{}, jobs)
		for _, s := range todo {
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				b.bases[s.index] = b.find(ctx, s)
			})
		}
		all.Wait()
		for _, s := range todo {
			s.learn(b.bases[s.index])
		}
		b.plan.depend()
	}
}

// unexplored are the stages whose bases are to be looked at. What a step may make
// or change is not.
func (b *build) unexplored() (list []*stage) {
	skipped := false
	for _, s := range b.plan.stages {
		_, _, _, file := cutImage(s.image)
		ours := s.base != none || s.image == builder.Scratch || file || s.context != nil && s.context.Kind != contexts.Image
		if skipped && s.needed && !ours && s.after == none && b.bases[s.index] == nil {
			list = append(list, s)
		}
		skipped = skipped || !s.needed
	}
	return list
}

func (b *build) find(ctx context.Context, s *stage) *base {
	o, err := b.baseOptions(s)
	if err != nil {
		return &base{err: err}
	}
	st, err := b.baseOf(ctx, s, o)
	return &base{state: st, err: err}
}

// learn notes what a base says of the stage.
func (s *stage) learn(found *base) {
	if found.err != nil {
		return
	}
	s.env = found.state.Image.OCI.Config.Env
	s.triggers, _ = triggersOf(s.image, found.state.Image.Docker.Config.OnBuild) // the stage says what is wrong with them
}

// triggersOf are the instructions that a base has for what is based on it.
func triggersOf(image string, texts []string) (list []*instruction, err error) {
	for _, text := range texts {
		more, err := parseFile(fmt.Sprintf("ONBUILD of %q", image), []byte(text))
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// triggersFor are those that a stage has for the stages that are based on it.
func (s *stage) triggersFor() []*instruction {
	var texts []string
	for _, in := range s.steps {
		if c, ok := in.cmd.(*instructions.OnbuildCommand); ok {
			texts = append(texts, c.Expression)
		}
	}
	list, _ := triggersOf(s.image, texts) // as above
	return list
}
