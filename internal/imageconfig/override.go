package imageconfig

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Override merges into the image what `commit --config` and `commit --change`
// ask for (spec record.md 5.3). config is a JSON object in the shape of
// [DockerConfig], changes are Dockerfile instructions applied on top of it; what
// neither of them says is left alone. lookup gives values to items of Env without "=".
// On an error the image is unchanged.
func (i *Image) Override(config []byte, changes []string, lookup Lookup) error {
	if len(config) == 0 && len(changes) == 0 {
		return nil
	}
	flags := i.flags()
	var over Image
	if len(config) > 0 {
		if err := decodeObject(config, &over.Docker.Config); err != nil {
			return fmt.Errorf("parsing the configuration to merge: %w", err)
		}
		if err := json.Unmarshal(config, &flags); err != nil {
			return fmt.Errorf("parsing the configuration to merge: %w", err)
		}
	}
	over.OCI = ociOf(over.Docker)
	t := instructor{image: &over, below: i, cmdSet: len(over.Docker.Config.Cmd) > 0}
	for _, line := range changes {
		if err := t.line(line); err != nil {
			return fmt.Errorf("applying the change %q: %w", line, err)
		}
	}
	// An instruction with an empty list removes what the image has.
	if t.entrySet {
		i.SetEntrypoint(nil)
	}
	if t.entrySet || t.cmdSet {
		i.SetCmd(nil)
	}
	i.merge(&over, lookup)
	i.setFlags(flags)
	if over.OCI.Author != "" {
		i.SetAuthor(over.OCI.Author)
	}
	i.sync()
	return nil
}

// switches are the settings that are on or off. Decoding a JSON object into the
// image's own leaves alone what the object does not name.
type switches struct {
	AttachStdin, AttachStdout, AttachStderr bool
	Tty, OpenStdin, StdinOnce               bool
	ArgsEscaped, NetworkDisabled            bool
}

func (i *Image) flags() switches {
	c := &i.Docker.Config
	return switches{
		c.AttachStdin, c.AttachStdout, c.AttachStderr, c.Tty, c.OpenStdin, c.StdinOnce, c.ArgsEscaped, c.NetworkDisabled,
	}
}

func (i *Image) setFlags(s switches) {
	c := &i.Docker.Config
	c.AttachStdin, c.AttachStdout, c.AttachStderr = s.AttachStdin, s.AttachStdout, s.AttachStderr
	c.Tty, c.OpenStdin, c.StdinOnce = s.Tty, s.OpenStdin, s.StdinOnce
	c.ArgsEscaped, c.NetworkDisabled = s.ArgsEscaped, s.NetworkDisabled
	i.OCI.Config.ArgsEscaped = s.ArgsEscaped //nolint:staticcheck // images of Windows still carry it
}

func (i *Image) merge(over *Image, lookup Lookup) {
	c := over.Docker.Config
	for _, t := range []struct {
		value string
		set   func(string)
	}{
		{c.Hostname, i.SetHostname},
		{c.Domainname, i.SetDomainname},
		{c.User, i.SetUser},
		{c.WorkingDir, i.SetWorkDir},
		{c.StopSignal, i.SetStopSignal},
		{c.Image, func(v string) { i.Docker.Config.Image = v }},
		{c.MacAddress, func(v string) { i.Docker.Config.MacAddress = v }},
	} {
		if t.value != "" {
			t.set(t.value)
		}
	}
	for port := range c.ExposedPorts {
		i.SetPort(port)
	}
	for path := range c.Volumes {
		i.SetVolume(path)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
		i.SetLabel(key, c.Labels[key])
	}
	i.mergeEnv(c.Env, lookup)
	if len(c.Entrypoint) > 0 || len(c.Cmd) > 0 {
		i.SetEntrypoint(c.Entrypoint)
		i.SetCmd(c.Cmd)
	}
	i.mergeDockerOnly(c)
}

func (i *Image) mergeEnv(env []string, lookup Lookup) {
	for _, item := range env {
		name, value, ok := strings.Cut(item, "=")
		if name == "" {
			continue
		}
		if !ok && lookup != nil {
			if v, set := lookup(name); set {
				value = v
			}
		}
		i.replaceEnv(name, value)
	}
}

func (i *Image) mergeDockerOnly(c DockerConfig) {
	if len(c.Shell) > 0 {
		i.SetShell(c.Shell)
	}
	if c.Healthcheck != nil {
		i.SetHealthcheck(c.Healthcheck)
	}
	if c.OnBuild != nil {
		i.Docker.Config.OnBuild = slices.Clone(c.OnBuild)
	}
	if c.StopTimeout != nil {
		i.Docker.Config.StopTimeout = c.StopTimeout
	}
}
