package imagebuildah

import (
	"context"
	"errors"
	"fmt"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/sourcepolicy"
)

// Build builds the image that Dockerfiles describe. A RUN that fails gives an
// error that wraps a [*builder.ExitError]; whatever fails, no working container
// is left behind.
func Build(ctx context.Context, e *builder.Engine, o Options) (Result, error) {
	return run(ctx, storeEngine{e}, o)
}

// run reads, plans and builds.
func run(ctx context.Context, e engine, o Options) (result Result, err error) {
	if err := o.ready(e); err != nil {
		return Result{}, err
	}
	in, err := openInput(ctx, o.Source)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	return in.build(ctx, e, o)
}

// ready completes options, and finds mistakes in them before anything is fetched.
func (o *Options) ready(e engine) error {
	if err := o.normalize(); err != nil {
		return err
	}
	return errors.Join(e.CheckNames(o.Tags), e.CheckList(o.Lists.Manifest, o.Tags, o.Lists.several()))
}

// one builds for one platform.
func (in *input) one(ctx context.Context, e engine, o Options) (result Result, err error) {
	b := &build{input: in, engine: e, o: o, lent: map[string]*copier.Root{}, cache: e.Cache(), indexes: map[*copier.Root]*buildcache.Index{}}
	b.out = o.Output.Events.Build(o.Output.label)
	defer func() { b.out.End(status(ctx, err)) }()
	if err := b.read(); err != nil {
		return Result{}, err
	}
	if b.report.strict != nil {
		return Result{}, b.report.strict
	}
	if err := b.checkSources(); err != nil {
		return Result{}, err
	}
	return b.all(ctx)
}

// build is one build under way, for one platform.
type build struct {
	*input
	engine  engine
	o       Options
	plan    *plan
	out     *events.Group
	groups  []*events.Group // of stages, nil for those that are not known to be needed
	around  *events.Group   // in which a stage is told of that turns out to be needed
	scratch scratch
	report  report // of the lint rules
	done    []*stageResult
	lent    map[string]*copier.Root
	cache   *buildcache.Cache // nil remembers nothing
	indexes map[*copier.Root]*buildcache.Index
	cleanup []func(context.Context) error // the last first
	made    []string                      // IDs of images that go when the build is done
	known   map[string]bool               // images that were there before the first of those
}

// stageResult is what a stage leaves for those that need it.
type stageResult struct {
	ws      workspace
	scope   *scope
	machine builder.Platform  // of its programs; zero when nobody knows
	final   builder.Committed // of the last stage
}

// read parses and checks everything before the first step.
func (b *build) read() error {
	list, err := parseFiles(b.files)
	if err != nil {
		return err
	}
	b.report, err = lint(list, lintWish{args: b.o.Args, platform: b.o.Base.Platform, ignored: ignored{b.ignored, b.ignoring}})
	if err != nil {
		return err
	}
	if err := b.checkRights(list); err != nil {
		return err
	}
	b.checkLinks(list)
	named, err := newNamed(b.o.Source.Named, b.o.Base.Platform)
	if err != nil {
		return err
	}
	b.plan, err = newPlan(list, wish{args: b.o.Args, overrides: b.o.Overrides, stages: b.o.Stages, platform: b.o.Base.Platform, named: named})
	if err != nil {
		return err
	}
	b.done = make([]*stageResult, len(b.plan.stages))
	return nil
}

// all builds the needed stages in order.
func (b *build) all(ctx context.Context) (result Result, err error) {
	// What was begun goes away also when the build was stopped from outside.
	defer func() { err = errors.Join(err, b.clean(context.WithoutCancel(ctx))) }()
	b.declare()
	for i, s := range b.plan.stages {
		if !s.needed {
			continue
		}
		if err := b.ensure(ctx, i); err != nil {
			return Result{}, err
		}
	}
	if unused := b.plan.given.unused(); len(unused) > 0 {
		b.out.UnusedArgs(unused)
	}
	final := b.done[len(b.done)-1].final
	for _, name := range final.Names {
		b.out.Tagged(name)
	}
	b.tellFindings()
	return Result{ID: final.ID, Names: final.Names, Manifest: final.Manifest}, nil
}

// ensure builds a stage that is not built yet. An instruction that the base image
// brings may need one that nothing in the Dockerfile did.
func (b *build) ensure(ctx context.Context, at int) error {
	if b.done[at] != nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	result, err := b.stage(ctx, b.plan.stages[at])
	if err != nil {
		return err
	}
	b.done[at] = result
	return nil
}

// later notes what has to be undone when the build is over.
func (b *build) later(undo func(context.Context) error) { b.cleanup = append(b.cleanup, undo) }

func (b *build) clean(ctx context.Context) error {
	var errs []error
	for i := len(b.cleanup) - 1; i >= 0; i-- {
		errs = append(errs, b.cleanup[i](ctx))
	}
	var ids []string
	for _, id := range b.made {
		if last := b.done[len(b.done)-1]; !b.known[id] && (last == nil || last.final.ID != id) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		errs = append(errs, b.engine.Remove(ctx, ids))
	}
	return errors.Join(errs...)
}

// remember lists the images there are before the first that is only needed on the way.
func (b *build) remember(ctx context.Context) (err error) {
	if b.known == nil {
		b.known, err = b.engine.Images(ctx)
	}
	return err
}

// lend gives the root of a stage or of an image for reading, the same one for
// the whole build.
func (b *build) lend(ctx context.Context, name string, before int) (*copier.Root, error) {
	if n, ok := b.plan.lookup(name, before); ok {
		return b.lendNamed(ctx, n)
	}
	key := "image " + name
	at := b.plan.find(name, before)
	if at != none {
		key = fmt.Sprintf("stage %d", at)
	}
	if root, ok := b.lent[key]; ok {
		return root, nil
	}
	ws, err := b.lender(ctx, name, at, before)
	if err != nil {
		return nil, err
	}
	root, done, err := ws.Root(ctx)
	if err != nil {
		return nil, err
	}
	b.lent[key] = root
	b.later(func(context.Context) error { done(); return nil })
	return root, nil
}

// lender is the workspace whose root is lent.
func (b *build) lender(ctx context.Context, name string, at, before int) (workspace, error) {
	if at != none {
		if err := b.ensure(ctx, at); err != nil {
			return nil, err
		}
		return b.done[at].ws, nil
	}
	st, err := b.baseState(ctx, name, b.o.Base)
	if err != nil {
		if errors.Is(err, sourcepolicy.ErrDenied) {
			return nil, err
		}
		return nil, fmt.Errorf("no stage or image found with that name: %w%s", err, b.plan.missing(name, before))
	}
	return b.engine.Start(st, builder.FromOptions{Owned: true}, origin{image: name, platform: b.o.Base.Platform}), nil
}
