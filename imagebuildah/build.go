package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/sourcepolicy"
)

// Build builds the image that Dockerfiles describe. A RUN that fails gives an
// error that wraps a [*builder.ExitError]; whatever fails, no working container
// is left behind.
func Build(ctx context.Context, e *builder.Engine, o Options) (Result, error) {
	if err := errors.Join(o.normalize(), o.checkDeliveries(e)); err != nil {
		return Result{}, err
	}
	finish, err := o.openRemote(ctx, e)
	if err != nil {
		return Result{}, err
	}
	result, err := run(ctx, storeEngine{e}, o)
	if err == nil {
		err = result.deliver(ctx, e, o)
	}
	return result, errors.Join(err, finish())
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
	return in.untilFound(ctx, e, o)
}

// ready completes options, and finds mistakes in them before anything is fetched.
func (o *Options) ready(e engine) error {
	if err := o.normalize(); err != nil {
		return err
	}
	return errors.Join(e.CheckNames(o.Tags), e.CheckList(o.Lists.Manifest, o.Tags, o.Lists.several()))
}

// newBuild reads and plans for one platform.
func (in *input) newBuild(e engine, o Options) (*build, error) {
	b := &build{input: in, engine: e, o: o, cache: e.Cache()}
	b.out = o.Output.Events.Build(o.Output.label)
	err := b.read()
	if err == nil {
		err = b.report.strict
	}
	if err == nil {
		err = b.checkSources()
	}
	if err != nil {
		b.out.End(events.Failing)
	}
	return b, err
}

// build is one build under way, for one platform.
type build struct {
	*input
	engine   engine
	o        Options
	plan     *plan
	schedule *schedule // of all platforms
	nodes    []*node   // one for each stage of the plan, and the end
	before   *build    // of the platform before this one; nil for the first
	bases    []*base   // what is known of those of the stages
	out      *events.Group
	scratch  scratch
	report   report // of the lint rules
	lent     shared[string, *copier.Root]
	cache    *buildcache.Cache // nil remembers nothing
	renewed  map[int]bool      // stages of which nothing is looked up

	mu      sync.Mutex
	cleanup []func(context.Context) error // the last first
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
	b.plan, err = newPlan(list, wish{
		args: b.o.Args, overrides: b.o.Overrides, stages: b.o.Stages, platform: b.o.Base.Platform, named: named,
		docker: b.o.Commit.Format.OrDefault() == imageconfig.FormatDocker,
	})
	if err != nil {
		return err
	}
	b.renewed, err = b.plan.renewed(list, b.o.Cache.Renew)
	return err
}

// lend gives the root of a stage or of an image for reading, the same one for
// the whole build.
func (r *stageRun) lend(ctx context.Context, name string, before int) (*copier.Root, error) {
	if n, ok := r.plan.lookup(name, before); ok {
		return r.lendNamed(ctx, n)
	}
	key := "image " + name
	at := r.plan.find(name, before)
	if at != none {
		key = fmt.Sprintf("stage %d", at)
		if _, err := r.await(ctx, at); err != nil { // before anybody else has to wait for us
			return nil, err
		}
	}
	return r.lent.get(key, func() (*copier.Root, error) {
		ws, err := r.lender(ctx, name, at, before)
		if err != nil {
			return nil, err
		}
		return r.rootOf(ctx, ws)
	})
}

// rootOf is the root of a workspace until the build is done.
func (b *build) rootOf(ctx context.Context, ws workspace) (*copier.Root, error) {
	root, done, err := ws.Root(ctx)
	if err != nil {
		return nil, err
	}
	b.later(func(context.Context) error { done(); return nil })
	return root, nil
}

// lender is the workspace whose root is lent.
func (r *stageRun) lender(ctx context.Context, name string, at, before int) (workspace, error) {
	if at != none {
		result, err := r.await(ctx, at)
		if err != nil {
			return nil, err
		}
		return result.ws, nil
	}
	st, err := r.baseState(ctx, name, r.o.Base)
	if err != nil {
		if errors.Is(err, sourcepolicy.ErrDenied) {
			return nil, err
		}
		return nil, fmt.Errorf("no stage or image found with that name: %w%s", err, r.plan.missing(name, before))
	}
	return r.engine.Start(st, builder.FromOptions{Owned: true}, origin{image: name, platform: r.o.Base.Platform}), nil
}
