package main

import (
	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/imagebuildah"
	"github.com/projectatomic/buildah/internal/transfer"
)

// sharingFlags say where machines share what steps came to.
type sharingFlags struct{ from, to []builder.CachePlace }

func (f *sharingFlags) options() []*option {
	return []*option{
		placesOption("cache-from", &f.from, transfer.ParseCacheSource, "take steps that are not known here from REPOSITORY, oci:DIR or dir:DIR"),
		placesOption("cache-to", &f.to, transfer.ParseCacheTarget, "write what steps came to into REPOSITORY, oci:DIR or dir:DIR"),
	}
}

// placesOption may be repeated.
func placesOption(name string, p *[]builder.CachePlace, parse func(string) (builder.CachePlace, error), usage string) *option {
	return collect(name, "REPOSITORY", p, usage, func(s string) ([]builder.CachePlace, error) {
		place, err := parse(s)
		return []builder.CachePlace{place}, err
	})
}

// settle fills the options of the interpreter, whose other options are settled.
func (f *sharingFlags) settle(o *imagebuildah.Options) {
	o.Remote = builder.RemoteCacheOptions{From: f.from, To: f.to, Registry: o.Base.Registry, Compression: o.Commit.Push.Compression}
}
