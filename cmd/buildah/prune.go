package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func (p *program) pruneCommand() *cli.Command {
	f := &pruneFlags{}
	return &cli.Command{
		Name:  "prune",
		Usage: "remove images and caches that nobody needs",
		Description: "Removes what cache mounts have kept, images without a name and the steps under them, but for those\n" +
			"that the build cache keeps. With --build-cache it is the other way round.",
		Category:  imageGroup,
		UsageText: "buildah prune\nbuildah prune --all\nbuildah prune --build-cache --older-than 168h --keep-storage 20g",
		Flags:     asFlags(f.options()),
		Before: func(c *cli.Context) error {
			if err := takes(0, 0)(c); err != nil {
				return err
			}
			return f.check(c)
		},
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				if f.cache {
					return p.pruneBuildCache(c.Context, e, f.limits)
				}
				if err := e.PruneCaches(); err != nil {
					return err
				}
				removed, err := e.Prune(c.Context, f.images)
				return errors.Join(p.showRemoved(removed), p.noteCached(removed.Cached, f.images.All), err)
			})
		},
	}
}

// pruneBuildCache writes the IDs of the images that went away, and beside them what
// that was.
func (p *program) pruneBuildCache(ctx context.Context, e *builder.Engine, o builder.CachePruneOptions) error {
	pruned, err := e.PruneBuildCache(ctx, o)
	shown := p.showRemoved(builder.Removed{Deleted: pruned.Images})
	_, noted := fmt.Fprintf(p.stderr, "removed %s and %s of the build cache: %s\n",
		plural(pruned.Steps, "step"), plural(len(pruned.Images), "image"), size(pruned.Bytes))
	return errors.Join(shown, noted, err)
}

// noteCached tells what a sweep of images means for the build cache.
func (p *program) noteCached(images int, all bool) (err error) {
	switch {
	case images == 0:
	case all:
		_, err = fmt.Fprintf(p.stderr, "the build cache has lost %s: the next builds do their steps again\n", plural(images, "image"))
	default:
		_, err = fmt.Fprintf(p.stderr, "the build cache keeps %s: `buildah prune --build-cache` removes what it keeps\n", plural(images, "image"))
	}
	return err
}
