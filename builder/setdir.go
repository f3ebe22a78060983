package builder

import (
	"context"
	"fmt"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/rootfs"
)

// EnsureDir makes a directory of the container, and those above it, where it is
// missing. It belongs to owner, user[:group] as the container names it; who is
// unknown there is root. created tells whether anything was made.
func (b *Builder) EnsureDir(ctx context.Context, path, owner string) (created bool, err error) {
	went, err := b.step(ctx, step{
		key: func(context.Context) (buildcache.Key, error) {
			k := b.stepKey("mkdir")
			k.Add("directory", textOf(path, owner))
			return k, nil
		},
		do:   func(context.Context) (err error) { created, err = b.ensureDir(path, owner); return err },
		text: func() string { return nop + "WORKDIR " + path },
	})
	return created || went.hit, err
}

func (b *Builder) ensureDir(path, owner string) (created bool, err error) {
	err = b.withRoot(func(root *copier.Root) error {
		who, unknown := rootfs.ResolveOwner(root, ownerOf(owner))
		if unknown != nil {
			who = copier.Owner{}
		}
		who, err := b.onDisk(who.UID, who.GID)
		if err != nil {
			return err
		}
		made, err := root.MkdirAll(path, copier.MkdirOptions{Mode: 0o755, Owner: &who})
		created = len(made) > 0
		return err
	})
	if err != nil {
		return created, fmt.Errorf("making directory %q in %q: %w", path, b.Name(), err)
	}
	return created, nil
}
