package builder

import (
	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// AddState adds to a key what a step sees of the image before it: its files and its
// configuration, and how they came to be. Times and names have no part in it. pending
// are entries that the history will get; more is what else the caller knows.
func AddState(k *buildcache.Key, img *imageconfig.Image, pending []History, more any) {
	config := img.Docker.Config // it has all that the OCI format has
	config.Hostname, config.Domainname, config.Image = "", "", ""
	var history []string
	for _, entry := range append(img.OCI.History[:len(img.OCI.History):len(img.OCI.History)], pending...) {
		history = append(history, entry.CreatedBy, entry.Author)
	}
	k.Add("platform", textOf(img.Platform()))
	k.Add("history", digest.FromString(textOf(history)).Encoded())
	k.Add("layers", digest.FromString(textOf(img.OCI.RootFS.DiffIDs)).Encoded())
	k.Add("configuration", textOf(config))
	k.Add("settings", digest.FromString(textOf([]any{img.OCI.Config, more})).Encoded())
}
