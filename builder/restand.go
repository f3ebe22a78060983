package builder

import (
	"fmt"

	"github.com/projectatomic/buildah/internal/store"
)

// restand exchanges what the container stands on. The caller has it alone, and knows
// that all of its content is in next.
func (b *Builder) restand(next State) error {
	r := b.record
	chain := *r.Steps
	chain.Layers++
	r.Steps, r.TopLayer, r.MountPoint, r.PrependedEmptyLayers = &chain, next.TopLayer, "", nil
	img := b.image.Clone()
	img.OCI.RootFS, img.OCI.History = next.Image.OCI.RootFS, next.Image.OCI.History
	img.Docker.RootFS, img.Docker.History = next.Image.Docker.RootFS, next.Image.Docker.History
	r.OCIv1, r.Docker = img.OCI, img.Docker
	data, err := r.sealed()
	if err != nil {
		return fmt.Errorf("encoding the record of %q: %w", b.Name(), err)
	}
	if err := b.engine.Store.Restand(b.ID(), store.Restanding{ImageID: next.ImageID, File: recordFile, Data: data}); err != nil {
		return err
	}
	b.record, b.image, b.seal = r, img, chain.Sum
	return nil
}
