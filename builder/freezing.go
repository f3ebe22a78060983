package builder

import (
	"errors"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/layers"
	"github.com/projectatomic/buildah/internal/rootfs"
)

// sweepStubs takes the mount targets of killed runs away. A layer would not have
// them anyway; the container would, for ever.
func (b *Builder) sweepStubs() (err error) {
	if b.owned {
		return nil // it goes as a whole
	}
	s := b.engine.Store
	dir, err := s.ContainerDir(b.ID())
	if err != nil {
		return err
	}
	if left, err := rootfs.LeftStubs(dir); err != nil || !left {
		return err
	}
	path, done, err := s.Use(b.ID(), b.record.MountLabel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	root, err := copier.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	return rootfs.Sweep(root, dir)
}

// hintSlow says once what makes commits slow that could be fast.
func (e *Engine) hintSlow(l layers.Layer) {
	if l.Slow == "" || e.Host.SingleID { // what a single id needs is no setting of the user
		return
	}
	e.slowNotice.Do(func() {
		e.warn("layers are copied twice because of the storage option %q; they are not without it", l.Slow)
	})
}
