package imageconfig

import (
	"maps"
	"slices"
	"strings"
	"time"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

type (
	// OCI is the configuration of an image in the OCI format.
	OCI = ociv1.Image
	// History is one entry of an image's history.
	History = ociv1.History
	// Lookup looks up a variable of the calling process; nil knows none.
	Lookup func(name string) (string, bool)
)

// Image is the configuration of an image in both formats. The setters keep them
// in step; the Docker format has settings that the OCI format lacks.
type Image struct {
	OCI    OCI
	Docker Docker
}

// Choice is yes, no, or not said.
type Choice int

// The choices.
const (
	Default Choice = iota
	Yes
	No
)

// Scratch is the configuration of an image without layers. The zero platform is
// that of the host.
func Scratch(p Platform) Image {
	var i Image
	i.SetPlatform(p.orHost())
	i.SetWorkDir("/")
	i.OCI.RootFS = ociv1.RootFS{Type: layersType}
	i.Docker.RootFS = i.OCI.RootFS
	return i
}

// Normalize fills what writers of configurations may leave out: the time, the
// platform and the old name of the Docker configuration.
func (i *Image) Normalize(created time.Time, p Platform) {
	if i.OCI.Created == nil || i.OCI.Created.IsZero() {
		i.OCI.Created = &created
	}
	if i.Docker.Created.IsZero() {
		i.Docker.Created = created
	}
	p = p.orHost()
	have := i.Platform()
	if have.OS == "" {
		have.OS = p.OS
	}
	if have.Arch == "" {
		have.Arch, have.Variant = p.Arch, p.Variant
	}
	i.SetPlatform(have)
	i.Docker.DockerVersion = ""
	i.sync()
}

// sync makes the old name of the Docker configuration say the same.
func (i *Image) sync() { i.Docker.ContainerConfig = i.Docker.Config }

// Platform gives the platform that the image is for.
func (i *Image) Platform() Platform {
	o := &i.OCI
	return Platform{OS: o.OS, Arch: o.Architecture, Variant: o.Variant, OSVersion: o.OSVersion, OSFeatures: o.OSFeatures}
}

// Clone gives a copy that shares nothing with the original.
func (i Image) Clone() Image {
	i.OCI = cloneOCI(i.OCI)
	i.Docker = i.Docker.clone()
	return i
}

func cloneOCI(o OCI) OCI {
	if o.Created != nil {
		created := *o.Created
		o.Created = &created
	}
	o.OSFeatures = slices.Clone(o.OSFeatures)
	o.RootFS.DiffIDs = slices.Clone(o.RootFS.DiffIDs)
	o.History = slices.Clone(o.History)
	c := &o.Config
	c.Env, c.Entrypoint, c.Cmd = slices.Clone(c.Env), slices.Clone(c.Entrypoint), slices.Clone(c.Cmd)
	c.ExposedPorts, c.Volumes, c.Labels = maps.Clone(c.ExposedPorts), maps.Clone(c.Volumes), maps.Clone(c.Labels)
	return o
}

// ShellCommand gives the argument list of a RUN instruction: args as they are
// when they came as a JSON array, else args joined and handed to the image's shell.
func (i *Image) ShellCommand(args []string, json bool) []string {
	if json {
		return slices.Clone(args)
	}
	shell := i.Docker.Config.Shell
	if len(shell) == 0 {
		shell = defaultShell()
	}
	return append(slices.Clone(shell), strings.Join(args, " "))
}

// ShellText is the image's shell as the history names it.
func (i *Image) ShellText() string {
	if shell := i.Docker.Config.Shell; len(shell) > 0 {
		return strings.Join(shell, " ")
	}
	return "/bin/sh"
}

func defaultShell() []string { return []string{"/bin/sh", "-c"} }

// KeyValue splits text at its first "="; without one the value is empty.
func KeyValue(text string) (key, value string) {
	key, value, _ = strings.Cut(text, "=")
	return key, value
}
