package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/docker/go-units"
	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

// pruneFlags say what `prune` removes: images, or what the build cache keeps.
type pruneFlags struct {
	images builder.PruneOptions
	cache  bool // --build-cache
	limits builder.CachePruneOptions
}

func (f *pruneFlags) options() []*option {
	return []*option{
		boolOption("all,a", &f.images.All, "remove every image that no container uses, and what the build cache keeps"),
		boolOption("build-cache", &f.cache, "remove the build cache, and no image that has a name"),
		boolOption("force,f", &f.images.Force, "also remove the containers that use the images"),
		newOption("keep-storage", "SIZE", "with --build-cache: leave SIZE of what was used last", f.setKeep),
		newOption("older-than", "DURATION", "with --build-cache: remove only what was not used for so long: 12h, 720h", f.setAge),
	}
}

func (f *pruneFlags) setKeep(text string) error {
	size, err := units.RAMInBytes(text)
	if err != nil || size < 0 {
		return errors.New("it is not a size, such as 500m or 20g")
	}
	f.limits.Keep = size
	return nil
}

func (f *pruneFlags) setAge(text string) error {
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return errors.New("it is not a duration in h, m or s, such as 12h or 720h")
	}
	f.limits.OlderThan = age
	return nil
}

// check refuses flags that are about different things.
func (f *pruneFlags) check(c *cli.Context) error {
	if f.cache {
		if f.images.All || f.images.Force {
			return usageError{text: "--build-cache removes no images with names and no containers: --all and --force go without it"}
		}
		return nil
	}
	for _, name := range []string{"keep-storage", "older-than"} {
		if given(c, name) {
			return usageError{text: fmt.Sprintf("--%s is about the build cache: add --build-cache", name)}
		}
	}
	return nil
}

// size is a number of bytes as people read it.
func size(bytes int64) string { return units.HumanSize(float64(bytes)) }

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
