package main

import (
	"fmt"
	"slices"

	"github.com/sirupsen/logrus"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// platformFlags say for which machine an image is wanted.
type platformFlags struct {
	os, arch, variant string
	platforms         []string
}

func (f *platformFlags) options() []*option {
	return []*option{
		textOption("arch", "ARCH", &f.arch, "take the image for this architecture"),
		textOption("os", "OS", &f.os, "take the image for this operating system"),
		listOption("platform", "OS/ARCH[/VARIANT]", &f.platforms, "take the image for this platform"),
		textOption("variant", "VARIANT", &f.variant, "take the image for this variant of the architecture"),
	}
}

// settle gives the platform, the zero value when none was asked for.
func (f *platformFlags) settle() (builder.Platform, error) {
	list, err := f.all()
	if err != nil || len(list) == 0 {
		return builder.Platform{OS: f.os, Arch: f.arch, Variant: f.variant}, err
	}
	if len(list) > 1 {
		logrus.Warnf("only the first of the platforms is used: %s", f.platforms[0])
	}
	return list[0], nil
}

// all gives the values of --platform, each once.
func (f *platformFlags) all() ([]builder.Platform, error) {
	if len(f.platforms) > 0 && f.os+f.arch+f.variant != "" {
		return nil, usageError{text: "invalid --platform may not be used with --os, --arch, or --variant"}
	}
	var list []builder.Platform
	for _, text := range f.platforms {
		p, err := imageconfig.ParsePlatform(text)
		if err != nil {
			return nil, usageError{cause: fmt.Errorf("invalid platform syntax for --platform=%s: %w", text, err)}
		}
		if !slices.ContainsFunc(list, func(q builder.Platform) bool { return q.String() == p.String() }) {
			list = append(list, p)
		}
	}
	return list, nil
}
