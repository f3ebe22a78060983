package builder

import (
	"context"
	"errors"
	"fmt"
	"slices"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/manifests"
	"github.com/projectatomic/buildah/internal/transfer"
)

// architectures are those that images are made for, as Go spells them.
var architectures = []string{
	"386", "amd64", "arm", "arm64", "arm64be", "armbe", "loong64", "mips", "mips64", "mips64le", "mipsle",
	"ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm",
}

// BasePlatforms lists the platforms that a base image is offered for, each once.
func (e *Engine) BasePlatforms(ctx context.Context, image string, o BaseOptions) ([]Platform, error) {
	data, err := e.Images.ReadList(ctx, image, transfer.PullOptions{Registry: o.Registry, Policy: o.Pull})
	if err != nil {
		return nil, err
	}
	l, err := manifests.Parse(data)
	if errors.Is(err, manifests.ErrNotList) {
		return nil, fmt.Errorf("%q didn't resolve to a manifest list: it is an image for one platform", image)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the platforms of %q: %w", image, err)
	}
	var list []Platform
	for _, entry := range l.Entries {
		if entry.ArtifactType != "" || !usable(entry.Platform) {
			continue // attestations, say
		}
		p := Platform{OS: entry.Platform.OS, Arch: entry.Platform.Architecture, Variant: entry.Platform.Variant}.Normalize()
		if !slices.ContainsFunc(list, func(q Platform) bool { return q.String() == p.String() }) {
			list = append(list, p)
		}
	}
	return list, nil
}

func usable(p *imgspec.Platform) bool {
	return p != nil && p.OS != "" && p.OS != "unknown" && slices.Contains(architectures, p.Architecture)
}
