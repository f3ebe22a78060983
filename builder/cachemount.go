package builder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/mountflag"
)

// cache takes a cache: a directory of the host that is named by an ID and kept,
// or with from= a directory of an image, whose changes are thrown away.
func (m *mounting) cache(ctx context.Context, mf mountflag.Mount) error {
	if mf.From != "" {
		return m.bindMount(ctx, mf)
	}
	name, err := m.shareCache(ctx, cacheName(m.o.Mounts.CacheNamespace+mf.Identity()+m.idText()), mf)
	if err != nil {
		return err
	}
	root, err := copier.OpenRoot(filepath.Join(m.engine.cacheRoot(), name))
	if err != nil {
		return fmt.Errorf("opening the cache: %w", err)
	}
	defer root.Close()
	src, err := root.OpenPath(firstNonEmpty(mf.Source, "/"))
	if err != nil {
		return fmt.Errorf("opening the cache: %w", err)
	}
	defer src.Close()
	if err := m.prepareSource(src, mf.Attributes); err != nil {
		return err
	}
	source, err := m.pin(src, false)
	if err != nil {
		return err
	}
	return m.take(specs.Mount{Destination: mf.Target, Type: "bind", Source: source, Options: append([]string{"rbind"}, mf.Options()...)})
}

// cacheName hashes an identity, so that no ID leads out of the caches.
func cacheName(identity string) string {
	sum := sha256.Sum256([]byte(identity))
	return hex.EncodeToString(sum[:])[:16]
}
