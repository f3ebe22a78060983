package builder

import (
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/store"
)

// Recalled is what a step has come to before.
type Recalled struct {
	Config    []byte // blob of the configuration, of an image unless Virtual
	MediaType string // that it goes with
	Layer     string // ID of the top layer, "" on scratch
	// Virtual says that the step changed no files and made no image of its own.
	Virtual bool

	Remote *buildcache.Remote // what a step of another machine has besides; else nil
	From   *RemoteCache       // where that may be fetched; nil when nowhere
	Key    string             // digest of the step's key, with From
}

// ID is that of the image.
func (r Recalled) ID() string { return digest.FromBytes(r.Config).Encoded() }

// Recall goes on from what a step on st has come to before. An image or layer that
// has vanished gives false. After a virtual step only the history is other than that
// of st, whose configuration the caller changes as the step says.
func (e *Engine) Recall(st State, r Recalled) (next State, ok bool, err error) {
	parsed, err := imageconfig.Parse(r.Config, r.MediaType)
	if err != nil {
		return st, false, fmt.Errorf("reading the configuration of a cached step: %w", err)
	}
	if r.Virtual {
		fits := r.Remote == nil && r.Layer == st.TopLayer || r.Remote != nil && slices.Equal(parsed.OCI.RootFS.DiffIDs, st.Image.OCI.RootFS.DiffIDs)
		st.Image.OCI.History, st.ImageName = parsed.OCI.History, ""
		return st, fits, nil
	}
	next, err = e.stateOf(r.ID())
	switch {
	case errors.Is(err, store.ErrImageUnknown) && r.Remote != nil:
		return e.recallRemote(st, r, parsed)
	case errors.Is(err, store.ErrImageUnknown):
		return st, false, nil
	case err != nil:
		return st, false, err
	case next.TopLayer != r.Layer && r.Remote == nil:
		return st, false, nil
	}
	if next.TopLayer != "" {
		if _, err := e.Store.LayerChain(next.TopLayer); err != nil {
			return st, false, nil //nolint:nilerr // it is made again
		}
	}
	next.ImageName, next.NoHistory, next.transport = "", st.NoHistory, st.transport
	return next, true, nil
}
