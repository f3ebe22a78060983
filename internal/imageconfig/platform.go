package imageconfig

import (
	"fmt"
	"strings"

	"github.com/containerd/platforms"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Platform is what an image runs on. The zero value stands for the host's.
type Platform struct {
	OS, Arch, Variant string
	OSVersion         string
	OSFeatures        []string
}

// Host is the platform we run on.
func Host() Platform {
	p := platforms.DefaultSpec()
	return Platform{OS: p.OS, Arch: p.Architecture, Variant: p.Variant}.Normalize()
}

// hostWord stands for the host's value in `--platform`.
const hostWord = "local"

// ParsePlatform understands OS/ARCH[/VARIANT]. An empty component, or the word
// "local", stands for the host's value. A single word may also be an
// operating system or an architecture; the other one is then the host's.
func ParsePlatform(s string) (Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) > 3 {
		return Platform{}, fmt.Errorf("platform %q: want OS/ARCH[/VARIANT]", s)
	}
	for n, part := range parts {
		if strings.EqualFold(part, hostWord) {
			parts[n] = ""
		}
	}
	host := Host()
	if len(parts) == 1 {
		if parts[0] == "" {
			return host, nil
		}
		known, err := platforms.Parse(parts[0])
		if err != nil {
			return Platform{}, fmt.Errorf("platform %q: want OS/ARCH[/VARIANT]", s)
		}
		return Platform{OS: known.OS, Arch: known.Architecture, Variant: known.Variant}.Normalize(), nil
	}
	for _, part := range parts {
		if strings.ContainsFunc(part, notPlatformRune) {
			return Platform{}, fmt.Errorf("platform %q: component %q has a character that platforms do not have", s, part)
		}
	}
	p := Platform{OS: parts[0], Arch: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p.orHost().Normalize(), nil
}

func notPlatformRune(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("._-", r)
}

// Normalize replaces aliases such as x86_64, aarch64 and armhf by the names that
// images use, and drops variants that say nothing.
func (p Platform) Normalize() Platform {
	if p.Arch == "" {
		return p
	}
	n := platforms.Normalize(ociv1.Platform{OS: p.OS, Architecture: p.Arch, Variant: p.Variant})
	if p.OS != "" {
		p.OS = n.OS
	}
	p.Arch, p.Variant = n.Architecture, n.Variant
	return p
}

// orHost fills the operating system and the architecture with the host's.
func (p Platform) orHost() Platform {
	if p.OS != "" && p.Arch != "" {
		return p
	}
	host := Host()
	if p.OS == "" {
		p.OS = host.OS
	}
	if p.Arch == "" {
		p.Arch = host.Arch
		if p.Variant == "" {
			p.Variant = host.Variant
		}
	}
	return p
}

// IsZero tells that no platform was asked for.
func (p Platform) IsZero() bool {
	return p.OS == "" && p.Arch == "" && p.Variant == "" && p.OSVersion == "" && len(p.OSFeatures) == 0
}

// String gives OS/ARCH[/VARIANT].
func (p Platform) String() string {
	text := p.OS + "/" + p.Arch
	if p.Variant != "" {
		text += "/" + p.Variant
	}
	return text
}
