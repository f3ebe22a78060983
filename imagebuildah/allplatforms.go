package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/contexts"
)

// commonPlatforms are those that all base images are offered for. A base of a
// platform of its own, such as FROM --platform=$BUILDPLATFORM, has no say in it.
func (in *input) commonPlatforms(ctx context.Context, e engine, o Options) ([]builder.Platform, error) {
	b := &build{input: in, engine: e, o: o}
	if err := b.read(); err != nil {
		return nil, err
	}
	var common []builder.Platform
	first := true
	for _, s := range b.plan.stages {
		own := s.from.from.platform != "" && !strings.Contains(s.from.from.platform, "TARGET")
		if !s.needed || s.base != none || own {
			continue
		}
		image, err := b.baseName(s)
		if err == nil && image == builder.Scratch {
			continue
		}
		var offered []builder.Platform
		if err == nil {
			offered, err = e.BasePlatforms(ctx, image, o.Base)
		}
		if err != nil {
			return nil, &StepError{Err: fmt.Errorf("finding the platforms of the base images: %w", err), place: s.from.placeOf(err)}
		}
		if first {
			common, first = offered, false
			continue
		}
		common = slices.DeleteFunc(common, func(p builder.Platform) bool {
			return !slices.ContainsFunc(offered, func(q builder.Platform) bool { return q.String() == p.String() })
		})
	}
	switch {
	case first:
		return nil, errors.New("build uses no non-scratch base images: say with --platform which platforms it is for")
	case len(common) == 0:
		return nil, errors.New("base images have no platforms in common")
	}
	return common, nil
}

// baseName is the image that a stage really starts from.
func (b *build) baseName(s *stage) (string, error) {
	image := s.image
	if s.context != nil {
		if s.context.Kind != contexts.Image {
			return "", fmt.Errorf("build context %q is not an image, can not be used for FROM with --all-platforms: say with --platform which platforms it is for", s.image)
		}
		image = s.context.Value
	}
	if image == builder.Scratch {
		return image, nil
	}
	return b.o.Policy.Apply(image)
}
