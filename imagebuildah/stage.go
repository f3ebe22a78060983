package imagebuildah

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/sourcepolicy"
)

// defaultPath is set where the base has none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// stageRun is one stage being built.
type stageRun struct {
	*build
	out     *events.Group // of this stage: another may be built in its middle
	stage   *stage
	ws      workspace
	scope   *scope
	machine builder.Platform // of the programs of the base
	steps   []*instruction
	pending []builder.History // of steps since the last commit
	told    []builder.History // of all steps so far
	final   bool
	last    *tail // of what the latest RUN wrote
	cmdSet  bool  // CMD was seen: ENTRYPOINT leaves it

	baseText string // what the base says besides files and configuration
	caching  caching
	twins    []twin
	virtual  []byte // configuration after a step that made no image
	layer    int64  // bytes of the layer of the step, as events count them
}

// stage builds one stage.
func (b *build) stage(ctx context.Context, s *stage) (result *stageResult, err error) {
	n := b.nodes[s.index]
	r := &stageRun{build: b, out: n.group, stage: s, final: s.index == len(b.plan.stages)-1, steps: s.steps}
	ctx = events.With(ctx, r.out)
	if err := r.awaitTurn(ctx); err != nil {
		return nil, err
	}
	cost := r.o.Output.measure()
	if err := r.begin(ctx); err != nil {
		return nil, &StepError{Err: err, place: s.from.placeOf(err)}
	}
	r.endStep(cost)
	n.pass(1)
	if len(r.steps) == 0 {
		return r.withoutSteps(ctx)
	}
	if err := r.checkMachine(ctx); err != nil {
		return nil, err
	}
	result = &stageResult{ws: r.ws, scope: r.scope, machine: r.machine}
	defer func() { err = r.keepLatest(err) }()
	for i, in := range r.steps {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := r.awaitTwins(ctx, i); err != nil {
			return nil, err
		}
		cost = r.o.Output.measure()
		r.tellStep(in, stepLine(in))
		r.ws.Step(stepLine(in), in.placeOf(nil))
		if result.final, err = r.take(ctx, in, i == len(r.steps)-1); err != nil {
			return nil, err
		}
		r.endStep(cost)
		n.pass(i + 2)
	}
	return result, nil
}

// carryOut replays a step, and commits where an image is due.
func (r *stageRun) carryOut(ctx context.Context, in *instruction, last bool) (done builder.Committed, err error) {
	r.virtual = nil
	author := r.ws.Image().OCI.Author // MAINTAINER is about what follows it
	text, err := r.step(ctx, in, last)
	if err != nil {
		return done, r.fail(ctx, in, err)
	}
	if last || r.o.Layers {
		author = r.ws.Image().OCI.Author // a commit's own entry has that of the image
	}
	if done, err = r.settle(ctx, builder.History{CreatedBy: text, Author: author}, last); err != nil {
		return done, &StepError{Step: in.shown(), Err: err, place: in.placeOf(err)}
	}
	return done, nil
}

// begin prints the FROM line, resolves the base and opens the workspace.
func (r *stageRun) begin(ctx context.Context) error {
	s := r.stage
	steps := len(r.steps)
	if r.labelled() {
		steps++
	}
	r.out.Start(steps + 1)
	var st builder.State
	var err error
	if s.base == none {
		st, err = r.baseImage(ctx)
	} else {
		st, err = r.baseStage(ctx)
	}
	if err != nil {
		return err
	}
	r.machine, r.baseText = r.machineOf(st), baseText(st)
	if r.o.Overrides.DropAnnotations {
		st.Annotations = nil
	}
	if r.labelled() {
		r.stageLabels(st)
	}
	o := r.o.Container
	o.Format, o.Base.Platform = r.o.Commit.Format, r.o.Base.Platform
	o.Owned = !r.o.Keep || !r.o.Layers
	r.ws = r.engine.Start(st, o, r.origin())
	r.later(r.ws.Delete)
	if n := s.context; n != nil && n.Kind != contexts.Image {
		if err := r.namedBase(ctx, *n); err != nil {
			return err
		}
	}
	return r.adopt()
}

// baseImage fetches the image that the stage is based on.
func (r *stageRun) baseImage(ctx context.Context) (builder.State, error) {
	r.scope = newScope(r.plan.given, r.plan.outer)
	r.from(r.stage.image)
	found := r.bases[r.stage.index]
	if found == nil {
		found = r.find(ctx, r.stage)
	}
	st, err := found.state, found.err
	if errors.Is(err, sourcepolicy.ErrDenied) {
		return st, err // nothing was going to be created
	}
	if err != nil {
		return st, fmt.Errorf("creating build container: %w%s", err, r.plan.missing(r.stage.image, r.stage.index))
	}
	return st, nil
}

// baseStage is the result of the stage that this one is based on.
func (r *stageRun) baseStage(ctx context.Context) (builder.State, error) {
	base, err := r.await(ctx, r.stage.base)
	if err != nil {
		return builder.State{}, err
	}
	r.scope = base.scope.clone()
	st := base.ws.State()
	st.Image = st.Image.Clone()
	if r.o.Commit.Format.OrDefault() == imageconfig.FormatOCI {
		st.Image.ClearOnBuild() // an image in this format has none
	}
	name := st.ImageID
	if name == "" {
		name = r.stage.image // a stage without steps on scratch
	}
	r.from(name)
	return st, nil
}

// baseOptions are those of the build, with the stage's own platform.
func (b *build) baseOptions(s *stage) (builder.BaseOptions, error) {
	o := b.o.Base
	if s.platform == "" {
		return o, nil
	}
	p, err := parsePlatform(s.platform)
	o.Platform = p
	return o, err
}

// fromText is a FROM line with the base that was found.
func (r *stageRun) fromText(image string) string {
	text := "FROM "
	if r.stage.platform != "" {
		text += "--platform=" + r.stage.platform + " "
	}
	text += image
	if r.stage.shown != "" {
		text += " AS " + r.stage.shown
	}
	return text
}

// adopt takes over what the base says: its triggers become the first steps.
func (r *stageRun) adopt() error {
	img := r.ws.Image()
	r.setTarget(img)
	r.override(img)
	if len(r.steps)+len(img.Docker.Config.OnBuild) > 0 {
		setPath(img)
	}
	triggers, err := triggersOf(r.stage.image, img.Docker.Config.OnBuild)
	if err != nil {
		return err
	}
	if len(triggers) == 0 {
		return nil
	}
	img.ClearOnBuild()
	r.steps = append(triggers, r.steps...)
	r.out.AddSteps(len(triggers))
	return nil
}

// setPath gives an image a search path that has none.
func setPath(img *imageconfig.Image) {
	if _, ok := img.Env("PATH"); !ok {
		img.SetEnv("PATH", defaultPath)
	}
}

// setTarget writes the platform that was asked for into what is built.
func (r *stageRun) setTarget(img *imageconfig.Image) {
	if r.stage.base != none {
		return
	}
	want := r.o.Base.Platform
	if want.IsZero() && r.stage.image == builder.Scratch && r.stage.platform != "" {
		want, _ = parsePlatform(r.stage.platform) // resolve has checked it
		if words := strings.Split(r.stage.platform, "/"); len(words) == 3 {
			want.Variant = words[2] // also one that goes without saying
		}
	}
	p := img.Platform()
	if want.Variant != "" || want.Arch != "" && want.Arch != p.Arch {
		p.Variant = want.Variant
	}
	p.Arch, p.OS = cmp.Or(want.Arch, p.Arch), cmp.Or(want.OS, p.OS)
	img.SetPlatform(p)
}

// override changes what the stage begins with, as options ask for.
func (r *stageRun) override(img *imageconfig.Image) {
	o := r.o.Overrides
	if o.DropLabels {
		img.ClearLabels()
	}
	if o.OSVersion != "" {
		p := img.Platform()
		p.OSVersion = o.OSVersion
		img.SetPlatform(p)
	}
	for _, feature := range o.OSFeatures {
		if name, off := strings.CutSuffix(feature, "-"); off {
			img.UnsetOSFeature(name)
		} else {
			img.SetOSFeature(feature)
		}
	}
}

// overridden tells that an option makes the result another image than its base.
func (r *stageRun) overridden() bool {
	o, m := r.o.Overrides, r.o.Commit.Metadata
	return r.o.Commit.Squash || !r.o.Scan.Scanner.IsZero() || o.DropLabels || o.DropAnnotations || o.OSVersion != "" ||
		len(m.Annotations)+len(m.UnsetEnv)+len(m.UnsetLabels)+len(m.UnsetAnnotations)+len(o.OSFeatures) > 0
}

// settle writes the history of a step, and commits where an image is due.
func (r *stageRun) settle(ctx context.Context, entry builder.History, last bool) (builder.Committed, error) {
	now := time.Now().UTC()
	entry.Created = &now
	if last && r.final {
		return r.settleFinal(ctx, entry)
	}
	wanted := r.o.Layers && (last || r.ws.Changed()) || last && (r.stage.isBase || r.o.Stages.Save)
	if !wanted {
		r.pending, r.told = append(r.pending, entry), append(r.told, entry)
		return builder.Committed{}, r.preview()
	}
	temporary := !r.o.Layers && !r.o.Stages.Save
	if temporary {
		if err := r.temporaries.remember(ctx, r.engine); err != nil {
			return builder.Committed{}, err
		}
	}
	o := r.intermediate()
	done, err := r.commit(ctx, "", entry, o)
	if err != nil {
		return done, err
	}
	if temporary {
		r.temporaries.add(done.ID)
	}
	return done, nil
}

// preview shows the ID of the image that the step would have made: only the last
// of several steps which merely set something makes one.
func (r *stageRun) preview() (err error) {
	if !r.o.Layers {
		return nil
	}
	o := r.intermediate()
	o.Pending = r.pending
	var id string
	if id, r.virtual, err = r.ws.Preview(o); err == nil {
		r.tellImage(id)
	}
	return err
}

// intermediate are the options of an image that is not the result.
func (r *stageRun) intermediate() builder.CommitOptions {
	o := r.o.Commit
	o.Tags, o.AddFiles = nil, nil
	o.Metadata.Annotations, o.Metadata.UnsetAnnotations = nil, nil
	o.Squash = o.Squash && !r.o.Layers
	return o
}

// commitFinal commits the result.
func (r *stageRun) commitFinal(ctx context.Context, entry builder.History) (done builder.Committed, err error) {
	o := r.o.Commit
	finish, err := r.scan(ctx, &o)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, finish()) }()
	o.Metadata.LayerLabels = nil // those are for the images on the way
	dest := ""
	if len(r.o.Tags) > 0 {
		dest, o.Tags = r.o.Tags[0], r.o.Tags[1:]
	}
	r.out.Commit(dest)
	return r.commit(ctx, dest, entry, o)
}

// commit makes an image; entry is the history of the step that it is for.
func (r *stageRun) commit(ctx context.Context, dest string, entry builder.History, o builder.CommitOptions) (builder.Committed, error) {
	o.Pending = r.pending
	if o.Squash {
		o.Pending = r.told // also those that images on the way have got
	}
	r.told = append(r.told, entry)
	if r.ws.Changed() || o.Squash {
		o.CreatedBy = entry.CreatedBy
	} else if entry.CreatedBy != "" {
		o.Pending = append(slices.Clone(r.pending), entry)
	}
	done, err := r.ws.Commit(ctx, dest, o)
	if err != nil {
		return done, err
	}
	r.pending = nil
	if done.Written > 0 {
		r.layer = done.Written
	}
	r.tellImage(done.ID)
	return done, nil
}
