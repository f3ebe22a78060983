package main

import "github.com/projectatomic/buildah/builder"

// diskUse tells by classes what takes the space of the store.
func diskUse(e *builder.Engine) (facts, error) {
	d, err := e.DiskUses()
	if err != nil {
		return nil, err
	}
	of := func(u builder.DiskUse) facts {
		f := facts{"number": u.Number, "size": u.Bytes}
		if u.Least {
			f["atLeast"] = true
		}
		return f
	}
	return facts{
		"Images": of(d.Images), "Containers": of(d.Containers), "CacheMounts": of(d.CacheMounts),
		"BuildCacheSteps": of(d.CacheSteps), "BuildCacheImages": of(d.CacheImages), "BuildCacheSources": of(d.SourceIndex),
	}, nil
}
