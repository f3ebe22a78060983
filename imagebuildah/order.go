package imagebuildah

import (
	"context"
	"slices"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/projectatomic/buildah/internal/mountflag"
)

// twin is an earlier stage that begins as this one does.
type twin struct {
	node   *node
	common int // of their own steps, so many are the same
}

// awaitTurn waits for what has to be done before a stage looks at its base.
func (r *stageRun) awaitTurn(ctx context.Context) error {
	if after := r.stage.after; after != none {
		if _, err := r.await(ctx, after); err != nil {
			return err
		}
	}
	if err := r.awaitWriters(ctx); err != nil {
		return err
	}
	r.findTwins()
	for _, t := range r.twins {
		if err := r.schedule.follow(ctx, t.node, 1); err != nil { // which fetches the image, if that is to be done
			return err
		}
	}
	return nil
}

// awaitWriters keeps stages in their order as far as one writes to the context:
// those after it see what it wrote, those before it do not.
func (r *stageRun) awaitWriters(ctx context.Context) error {
	if r.mayWrite(r.stage) {
		return r.awaitStages(ctx, r.stage.index)
	}
	for _, n := range r.nodes[:r.stage.index] {
		if !n.wanted || !r.mayWrite(n.stage) {
			continue
		}
		if _, err := r.schedule.need(ctx, n, r.out); err != nil {
			return err
		}
	}
	return nil
}

// mayWrite tells whether a stage may write to the context.
func (b *build) mayWrite(s *stage) bool {
	writes := func(text string) bool {
		if variable(text) {
			return true
		}
		m, err := parseMount(text)
		return err == nil && m.writesContext()
	}
	if slices.ContainsFunc(b.o.Run.Mounts.Mounts, writes) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(s.triggers, s.steps), func(in *instruction) bool { return slices.ContainsFunc(in.mounts, writes) })
}

// writesContext tells whether a mount changes the context.
func (m mount) writesContext() bool {
	return m.Kind == mountflag.Bind && m.From == "" && (!m.ReadOnly || m.Chown)
}

// findTwins finds the earlier stages that begin as this one does. With them it goes
// in step: what the first of them does, the others find in the cache, as they
// would if one stage were built after the other.
func (r *stageRun) findTwins() {
	for _, n := range r.schedule.nodes {
		if n.build == r.build && n.stage == r.stage {
			return
		}
		if n.stage == nil || !n.wanted || n.stage.after != none || !sameBase(n, r.nodes[r.stage.index]) {
			continue
		}
		t := twin{node: n}
		if n.build == r.build {
			t.common = sameSteps(n.stage.steps, r.stage.steps)
		}
		r.twins = append(r.twins, t)
	}
}

// sameBase tells whether two stages are based on the same stage, or fetch the same image.
func sameBase(a, b *node) bool {
	if a.stage.base != b.stage.base || a.stage.image != b.stage.image || a.build != b.build && a.stage.base != none {
		return false
	}
	of, errOf := a.build.baseOptions(a.stage)
	other, errOther := b.build.baseOptions(b.stage)
	return errOf == nil && errOther == nil && of.Platform.String() == other.Platform.String()
}

// sameSteps counts the steps that two stages begin with.
func sameSteps(a, b []*instruction) int {
	n := 0
	for n < min(len(a), len(b)) && a[n].text() == b[n].text() && slices.EqualFunc(a[n].node.Heredocs, b[n].node.Heredocs, sameDoc) {
		n++
	}
	return n
}

func sameDoc(a, b parser.Heredoc) bool { return docBody(a) == docBody(b) }

// awaitTwins waits until the first of the twins that carry out the same step has done so.
func (r *stageRun) awaitTwins(ctx context.Context, step int) error {
	if !r.armed() || r.labelled() {
		return nil
	}
	added := len(r.steps) - len(r.stage.steps) // triggers, which are the same
	for _, t := range r.twins {
		if t.node.build != r.build || step >= added+t.common {
			continue
		}
		if err := r.schedule.follow(ctx, t.node, step+2); err != nil { // that, and the FROM
			return err
		}
	}
	return nil
}
