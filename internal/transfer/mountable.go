package transfer

import (
	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/blobinfocache/memory"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

// mountable is a cache that knows one blob and repositories of the same registry
// that may have it. The library's destination looks there when its own repository
// lacks the blob, and mounts it from where it finds it.
func mountable(ref types.ImageReference, b blob) types.BlobInfoCache {
	cache := memory.New()
	named := ref.DockerReference()
	if named == nil {
		return cache
	}
	host := reference.Domain(named)
	algorithm, err := b.algorithm()
	if err != nil {
		return cache
	}
	data := zeroData(none.NoCache.RecordDigestCompressorData)
	data.BaseVariantCompressor = algorithm.BaseVariantName()
	data.SpecificVariantCompressor = "unknown"
	recordData(cache, b.Digest, data)
	for _, place := range b.Places {
		if repo, err := reference.ParseNormalizedNamed(place); err != nil || reference.Domain(repo) != host {
			continue
		}
		cache.RecordKnownLocation(ref.Transport(), types.BICTransportScope{Opaque: host}, b.Digest, types.BICLocationReference{Opaque: place})
	}
	return cache
}

// The library mounts only blobs of which its cache knows the compression, and the
// type that says so is not exported; the compiler can name it nevertheless.

func zeroData[D any](func(digest.Digest, D)) (zero D) { return zero }

func recordData[D any](cache types.BlobInfoCache, d digest.Digest, data D) {
	if c, ok := cache.(interface{ RecordDigestCompressorData(d digest.Digest, data D) }); ok {
		c.RecordDigestCompressorData(d, data)
	}
}
