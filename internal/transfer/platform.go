package transfer

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"github.com/projectatomic/buildah/internal/store"
)

// String is OS/ARCH or OS/ARCH/VARIANT.
func (p Platform) String() string {
	if p.Variant == "" {
		return p.OS + "/" + p.Arch
	}
	return p.OS + "/" + p.Arch + "/" + p.Variant
}

// orHost fills what is empty from this machine.
func (p Platform) orHost() Platform {
	if p.OS == "" {
		p.OS = runtime.GOOS
	}
	if p.Arch == "" {
		p.Arch = runtime.GOARCH
	}
	return p
}

// normal spells the architecture as the image specification does, and drops the
// variant that the architecture implies.
func (p Platform) normal() Platform {
	p.OS = strings.ToLower(p.OS)
	switch arch := strings.ToLower(p.Arch); arch {
	case "x86_64", "x86-64":
		p.Arch = "amd64"
	case "aarch64":
		p.Arch = "arm64"
	case "armhf":
		p.Arch, p.Variant = "arm", "v7"
	case "armel":
		p.Arch, p.Variant = "arm", "v6"
	case "i386", "i486", "i586", "i686":
		p.Arch = "386"
	default:
		p.Arch = arch
	}
	if v := p.Variant; v != "" && v[0] >= '0' && v[0] <= '9' {
		p.Variant = "v" + v
	}
	if p.Arch == "arm64" && p.Variant == "v8" || p.Arch == "amd64" && p.Variant == "v1" {
		p.Variant = ""
	}
	return p
}

// covers tells whether an image of platform have is what p asks for. An image
// that does not say where it runs is taken.
func (p Platform) covers(have Platform) bool {
	want, have := p.orHost().normal(), have.normal()
	return (have.OS == "" || have.OS == want.OS) && (have.Arch == "" || have.Arch == want.Arch) &&
		(want.Variant == "" || have.Variant == "" || have.Variant == want.Variant)
}

// platformOf reads the platform from the configuration of an image.
func (c *Client) platformOf(id string) (Platform, error) {
	config, err := c.Store.Config(id)
	if err != nil {
		return Platform{}, err
	}
	p, err := readPlatform(config)
	if err != nil {
		return p, fmt.Errorf("parsing the configuration of image %q: %w", id, err)
	}
	return p, nil
}

func readPlatform(config []byte) (Platform, error) {
	var v struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	}
	err := json.Unmarshal(config, &v)
	return Platform{v.OS, v.Architecture, v.Variant}, err
}

// whole tells whether everything that an image is made of is in the store.
func (c *Client) whole(img store.Image) bool {
	if _, err := c.Store.Config(img.ID); err != nil {
		return false
	}
	for id := img.TopLayer; id != ""; {
		layer, err := c.Store.Raw().Layer(id)
		if err != nil {
			return false
		}
		id = layer.Parent
	}
	return true
}

// mismatch is the warning about an image that is not for the platform, or does
// not say that it is for the variant that was asked for.
func (c *Client) mismatch(id string, want Platform) []string {
	have, err := c.platformOf(id)
	if err != nil {
		return nil
	}
	return want.mismatch(have)
}

func (p Platform) mismatch(have Platform) []string {
	if p.covers(have) && (p.normal().Variant == "" || have.Variant != "") {
		return nil
	}
	return []string{fmt.Sprintf("image platform (%s) does not match the expected platform (%s)", have, p.orHost().normal())}
}
