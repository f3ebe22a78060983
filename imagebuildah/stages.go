package imagebuildah

import (
	"context"
	"errors"
	"fmt"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/events"
)

// carryOut builds for all platforms, and gives their results in order.
func (in *input) carryOut(ctx context.Context, builds []*build, jobs int) (results []builder.Committed, err error) {
	ctx, s := newSchedule(ctx, jobs)
	defer s.stop(nil)
	defer func() { err = errors.Join(err, in.tidy(ctx, builds, results)) }()
	for i, b := range builds {
		b.explore(events.With(ctx, b.out), jobs)
		b.enter(s)
		if i > 0 {
			b.before = builds[i-1]
		}
	}
	if err := s.run(ctx); err != nil {
		var step *StepError
		if errors.As(err, &step) {
			step.keep()
		}
		return finished(builds), err
	}
	return finished(builds), nil
}

// tidy removes what was only needed on the way, also when the build was stopped
// from outside.
func (in *input) tidy(ctx context.Context, builds []*build, results []builder.Committed) error {
	var errs []error
	var ids []string
	for _, b := range builds {
		errs = append(errs, b.clean(ctx))
		for _, n := range b.nodes {
			n.group.End(events.Stopped) // of what was never begun
		}
	}
	for _, done := range results {
		ids = append(ids, done.ID)
	}
	errs = append(errs, in.temporaries.remove(context.WithoutCancel(ctx), builds[0].engine, ids))
	return errors.Join(errs...)
}

// finished are the results that there are.
func finished(builds []*build) (results []builder.Committed) {
	for _, b := range builds {
		if last := b.final().result; last != nil {
			results = append(results, last.final)
		}
	}
	return results
}

// enter makes the stages of a platform, and its end, part of a schedule.
func (b *build) enter(s *schedule) {
	b.schedule = s
	b.out.Start(0)
	for _, st := range b.plan.stages {
		n := newNode(b, st, func(ctx context.Context) (*stageResult, error) {
			result, err := b.stage(ctx, st)
			return result, b.platformError(err)
		})
		if n.wanted = st.needed; n.wanted {
			n.group = b.out.Stage(b.position(st))
		}
		b.nodes = append(b.nodes, n)
		s.add(n)
	}
	end := newNode(b, nil, b.end)
	end.wanted, end.group = true, b.out
	b.nodes = append(b.nodes, end)
	s.add(end)
}

// final is the stage that makes the result.
func (b *build) final() *node { return b.nodes[len(b.plan.stages)-1] }

// await gives the result of a stage, for one that needs it.
func (r *stageRun) await(ctx context.Context, at int) (*stageResult, error) {
	return r.schedule.need(ctx, r.nodes[at], r.out)
}

// awaitStages waits for the stages that are built in any case, up to one.
func (b *build) awaitStages(ctx context.Context, before int) error {
	for _, n := range b.nodes[:before] {
		if !n.wanted {
			continue
		}
		if _, err := b.schedule.need(ctx, n, b.out); err != nil {
			return err
		}
	}
	return nil
}

// end tells what there is to tell when a platform's build is done.
func (b *build) end(ctx context.Context) (*stageResult, error) {
	if err := b.awaitStages(ctx, len(b.plan.stages)); err != nil {
		return nil, err
	}
	if unused := b.plan.given.unused(); len(unused) > 0 {
		b.out.UnusedArgs(unused)
	}
	for _, name := range b.final().result.final.Names {
		b.out.Tagged(name)
	}
	b.tellFindings()
	return &stageResult{}, b.platformError(b.clean(ctx))
}

// later notes what has to be undone when the build of the platform is over.
func (b *build) later(undo func(context.Context) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cleanup = append(b.cleanup, undo)
}

// clean undoes it, once, also when the build was stopped from outside.
func (b *build) clean(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for i := len(b.cleanup) - 1; i >= 0; i-- {
		errs = append(errs, b.cleanup[i](ctx))
	}
	b.cleanup = nil
	return errors.Join(errs...)
}

// platformError is an error with the platform that it is about, if there are several.
func (b *build) platformError(err error) error {
	if err == nil || b.o.Output.label == "" {
		return err
	}
	return fmt.Errorf("[%s]: %w", b.o.Output.label, err)
}
