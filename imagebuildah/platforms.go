package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// Lists says for which platforms there are to be images, and which list they go into.
type Lists struct {
	Platforms []builder.Platform // none means the one of Base
	All       bool               // instead, all those that the base images are offered for
	Manifest  string             // a list that images are added to once all are built; "" means none
}

// lister makes lists of images.
type lister interface {
	// BasePlatforms lists the platforms that a base image is offered for.
	BasePlatforms(ctx context.Context, image string, o builder.BaseOptions) ([]builder.Platform, error)
	// CheckList finds what is wrong with the name of a list, beside those of tags,
	// which name a list, too, when there are to be several images.
	CheckList(list string, tags []string, several bool) error
	// AddToList adds stored images to a list, which is made where it is missing.
	AddToList(list string, images []string, o builder.AddToListOptions) (id string, err error)
	// MakeList makes a list with names, and gives the names in full; or writes it to
	// another transport, and id is "".
	MakeList(ctx context.Context, names, images []string, o builder.CommitOptions) (id string, full []string, err error)
}

// several tells whether there may be several images.
func (l *Lists) several() bool { return l.All || len(l.Platforms) > 1 }

// build builds for the platforms that are asked for.
func (in *input) build(ctx context.Context, e engine, o Options) (result Result, err error) {
	if o.Lists.All {
		if o.Lists.Platforms, err = in.commonPlatforms(ctx, e, o); err != nil {
			return Result{}, err
		}
	}
	if len(o.Lists.Platforms) > 1 {
		return in.each(ctx, e, o)
	}
	if len(o.Lists.Platforms) == 1 {
		o.Base.Platform = o.Lists.Platforms[0]
	}
	if o, err = o.split(); err != nil {
		return Result{}, err
	}
	b, err := in.newBuild(e, o)
	if err != nil {
		return Result{}, err
	}
	done, err := in.carryOut(ctx, []*build{b}, o.Jobs)
	if err != nil {
		return Result{}, err
	}
	result = Result{ID: done[0].ID, Names: done[0].Names, Manifest: done[0].Manifest}
	if o.Lists.Manifest != "" {
		_, err = e.AddToList(o.Lists.Manifest, []string{result.ID}, builder.AddToListOptions{Renew: true})
	}
	return result, err
}

// each builds for several platforms, then makes the lists.
func (in *input) each(ctx context.Context, e engine, o Options) (result Result, err error) {
	known, err := e.Images(ctx)
	if err != nil {
		return Result{}, err
	}
	exports, err := openSplit(o.Exports)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, exports.close(err == nil)) }()
	var builds []*build
	for i, p := range o.Lists.Platforms {
		b, err := in.newPlatform(e, o, p, exports.forPlatform(p, i == len(o.Lists.Platforms)-1))
		if err != nil {
			return Result{}, fmt.Errorf("[%s]: %w", p, err)
		}
		builds = append(builds, b)
	}
	done, err := in.carryOut(ctx, builds, o.Jobs)
	var ids []string
	for _, one := range done {
		ids = append(ids, one.ID)
	}
	if err != nil {
		return Result{}, errors.Join(err, discard(ctx, e, o, ids, known))
	}
	for i, p := range o.Lists.Platforms {
		result.Images = append(result.Images, PlatformImage{Platform: p, ID: ids[i]})
	}
	err = result.lists(ctx, e, o, ids)
	if len(o.Tags) > 0 && result.ID == "" && o.Lists.Manifest == "" { // no list of the store has them
		err = errors.Join(err, discard(ctx, e, o, ids, known))
	}
	return result, err
}

// newPlatform reads and plans for one of several platforms.
func (in *input) newPlatform(e engine, o Options, p builder.Platform, exports []Export) (*build, error) {
	o, err := o.forPlatform(p)
	if err != nil {
		return nil, err
	}
	o.Exports = exports
	return in.newBuild(e, o)
}

// discard removes images that nothing refers to. With Layers, they are what the
// next build finds.
func discard(ctx context.Context, e engine, o Options, ids []string, known map[string]bool) error {
	if o.Layers {
		return nil
	}
	return e.Remove(context.WithoutCancel(ctx), slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return known[id] }))
}

// forPlatform are the options of one of several builds.
func (o Options) forPlatform(p builder.Platform) (Options, error) {
	o.Base.Platform, o.Tags = p, nil
	o.Output.label = p.String()
	return o.split()
}

// split are the options with the stream of the platform.
func (o Options) split() (Options, error) {
	if o.Output.Split == nil {
		return o, nil
	}
	p := o.Base.Platform
	if p.IsZero() {
		p = imageconfig.Host()
	}
	var err error
	o.Output.Events, err = o.Output.Split(p)
	return o, err
}

// lists puts the images into the lists that are to have them.
func (r *Result) lists(ctx context.Context, e engine, o Options, ids []string) (err error) {
	if o.Lists.Manifest != "" {
		if _, err := e.AddToList(o.Lists.Manifest, ids, builder.AddToListOptions{Renew: true}); err != nil {
			return err
		}
	}
	if len(o.Tags) == 0 {
		return nil
	}
	if r.ID, r.Names, err = e.MakeList(ctx, o.Tags, ids, o.Commit); err != nil {
		return err
	}
	out := o.Output.Events.Build("")
	for _, name := range r.Names {
		out.Tagged(name)
	}
	out.End(events.Done)
	return nil
}

// directory is what a platform is called in a file system: linux_arm_v7.
func directory(p builder.Platform) string { return strings.ReplaceAll(p.String(), "/", "_") }
