package main

import (
	"strconv"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/buildcache"
)

// layersFlags is about steps of scripts that come from the cache.
type layersFlags struct{ wanted bool }

// layersByDefault tells whether steps come from the cache unless told otherwise.
func (p *program) layersByDefault() bool {
	yes, _ := strconv.ParseBool(p.env("BUILDAH_LAYERS"))
	return yes
}

func (f *layersFlags) option(p *program, usage string) *option {
	f.wanted = p.layersByDefault()
	return boolOption("layers", &f.wanted, usage)
}

// settle has the engine take steps from the cache and keep them there.
func (f *layersFlags) settle(e *builder.Engine) {
	if f.wanted {
		e.Steps = buildcache.Open(e.Store.GraphRoot())
	}
}
