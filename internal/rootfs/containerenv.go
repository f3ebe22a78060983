package rootfs

import (
	"fmt"
	"strings"
)

// ContainerEnvInput is what /run/.containerenv tells.
type ContainerEnvInput struct {
	Version  string // of this program
	Name, ID string // of the container
	Image    string // its base
	ImageID  string
	Rootless bool
}

// ContainerEnv makes a /run/.containerenv.
func ContainerEnv(in ContainerEnvInput) []byte {
	rootless := 0
	if in.Rootless {
		rootless = 1
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\nengine=%q\nname=%q\nid=%q\nimage=%q\nimageid=%q\nrootless=%d\n",
		"buildah-"+in.Version, in.Name, in.ID, in.Image, in.ImageID, rootless)
	return []byte(text.String())
}

// Hostname makes an /etc/hostname.
func Hostname(name string) []byte { return []byte(name + "\n") }
