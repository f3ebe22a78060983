package imageconfig

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// layersType is the only kind of root file system that both formats know.
const layersType = "layers"

// Docker is the configuration of an image in the Docker format (spec record.md,
// section 3). Keys are omitted or null exactly where other tools do so.
type Docker struct {
	ID              string          `json:"id,omitempty"`
	Parent          string          `json:"parent,omitempty"`
	Comment         string          `json:"comment,omitempty"`
	Created         time.Time       `json:"created"`
	Container       string          `json:"container,omitempty"`
	ContainerConfig DockerConfig    `json:"container_config"`
	DockerVersion   string          `json:"docker_version,omitempty"`
	Author          string          `json:"author,omitempty"`
	Config          DockerConfig    `json:"config"`
	Architecture    string          `json:"architecture,omitempty"`
	Variant         string          `json:"variant,omitempty"`
	OS              string          `json:"os,omitempty"`
	Size            int64           `json:"Size,omitempty"`
	RootFS          ociv1.RootFS    `json:"rootfs"`
	History         []DockerHistory `json:"history"`
	OSVersion       string          `json:"os.version,omitempty"`
	OSFeatures      []string        `json:"os.features,omitempty"`
}

// DockerConfig is how a container of the image is started.
type DockerConfig struct {
	Hostname        string
	Domainname      string
	User            string
	AttachStdin     bool
	AttachStdout    bool
	AttachStderr    bool
	ExposedPorts    map[string]struct{} `json:",omitempty"`
	Tty             bool
	OpenStdin       bool
	StdinOnce       bool
	Env             []string
	Cmd             []string
	Healthcheck     *HealthConfig `json:",omitempty"`
	ArgsEscaped     bool          `json:",omitempty"`
	Image           string
	Volumes         map[string]struct{}
	WorkingDir      string
	Entrypoint      []string
	NetworkDisabled bool   `json:",omitempty"`
	MacAddress      string `json:",omitempty"`
	OnBuild         []string
	Labels          map[string]string
	StopSignal      string   `json:",omitempty"`
	StopTimeout     *int     `json:",omitempty"`
	Shell           []string `json:",omitempty"`
}

// HealthConfig is how the health of a container is checked. Durations are whole
// nanoseconds in JSON; zero means the default of the engine that runs it.
type HealthConfig struct {
	Test          []string      `json:",omitempty"` // ["NONE"], ["CMD", args...] or ["CMD-SHELL", text...]
	Interval      time.Duration `json:",omitempty"`
	Timeout       time.Duration `json:",omitempty"`
	StartPeriod   time.Duration `json:",omitempty"`
	StartInterval time.Duration `json:",omitempty"`
	Retries       int           `json:",omitempty"`
}

// DockerHistory is a history entry in the Docker format, where the time is always present.
type DockerHistory struct {
	Created    time.Time `json:"created"`
	CreatedBy  string    `json:"created_by,omitempty"`
	Author     string    `json:"author,omitempty"`
	Comment    string    `json:"comment,omitempty"`
	EmptyLayer bool      `json:"empty_layer,omitempty"`
}

// UnmarshalJSON also understands configurations that only use the old name
// "container_config" of "config".
func (d *Docker) UnmarshalJSON(data []byte) error {
	type plain Docker
	shadow := struct {
		*plain
		Config *DockerConfig `json:"config"`
	}{plain: (*plain)(d)}
	if err := json.Unmarshal(data, &shadow); err != nil {
		return err
	}
	if shadow.Config != nil {
		d.Config = *shadow.Config
	} else {
		d.Config = d.ContainerConfig
	}
	d.ContainerConfig = d.Config
	return nil
}

func (d Docker) clone() Docker {
	d.Config = d.Config.clone()
	d.ContainerConfig = d.ContainerConfig.clone()
	d.RootFS.DiffIDs = slices.Clone(d.RootFS.DiffIDs)
	d.History = slices.Clone(d.History)
	d.OSFeatures = slices.Clone(d.OSFeatures)
	return d
}

func (c DockerConfig) clone() DockerConfig {
	for _, list := range []*[]string{&c.Env, &c.Cmd, &c.Entrypoint, &c.OnBuild, &c.Shell} {
		*list = slices.Clone(*list)
	}
	c.ExposedPorts, c.Volumes, c.Labels = maps.Clone(c.ExposedPorts), maps.Clone(c.Volumes), maps.Clone(c.Labels)
	c.Healthcheck = c.Healthcheck.clone()
	if c.StopTimeout != nil {
		seconds := *c.StopTimeout
		c.StopTimeout = &seconds
	}
	return c
}

func (h *HealthConfig) clone() *HealthConfig {
	if h == nil {
		return nil
	}
	c := *h
	c.Test = slices.Clone(h.Test)
	return &c
}
