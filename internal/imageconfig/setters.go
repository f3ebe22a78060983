package imageconfig

import (
	"maps"
	"slices"
	"strings"
)

// SetAuthor sets who made the image.
func (i *Image) SetAuthor(author string) { i.OCI.Author, i.Docker.Author = author, author }

// SetComment sets the comment of the image, which the OCI format lacks.
func (i *Image) SetComment(comment string) { i.Docker.Comment = comment }

// SetPlatform sets all that p says, the empty parts too.
func (i *Image) SetPlatform(p Platform) {
	o, d := &i.OCI, &i.Docker
	o.OS, o.Architecture, o.Variant, o.OSVersion = p.OS, p.Arch, p.Variant, p.OSVersion
	d.OS, d.Architecture, d.Variant, d.OSVersion = p.OS, p.Arch, p.Variant, p.OSVersion
	o.OSFeatures, d.OSFeatures = slices.Clone(p.OSFeatures), slices.Clone(p.OSFeatures)
}

// SetUser sets the user, and optionally the group, that commands run as.
func (i *Image) SetUser(user string) {
	i.OCI.Config.User, i.Docker.Config.User = user, user
	i.sync()
}

// SetWorkDir sets the directory that commands start in.
func (i *Image) SetWorkDir(path string) {
	i.OCI.Config.WorkingDir, i.Docker.Config.WorkingDir = path, path
	i.sync()
}

// SetStopSignal sets the signal that stops a container.
func (i *Image) SetStopSignal(signal string) {
	i.OCI.Config.StopSignal, i.Docker.Config.StopSignal = signal, signal
	i.sync()
}

// SetCmd sets the default command; none removes it. The entrypoint stays.
func (i *Image) SetCmd(words []string) {
	i.OCI.Config.Cmd, i.Docker.Config.Cmd = wordsOrNone(words), wordsOrNone(words)
	i.sync()
}

// SetEntrypoint sets the entrypoint; none removes it. The command stays.
func (i *Image) SetEntrypoint(words []string) {
	i.OCI.Config.Entrypoint, i.Docker.Config.Entrypoint = wordsOrNone(words), wordsOrNone(words)
	i.sync()
}

// wordsOrNone copies words; an empty list becomes null in JSON.
func wordsOrNone(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	return slices.Clone(words)
}

// SetShell sets the shell of RUN, which the OCI format lacks.
func (i *Image) SetShell(words []string) {
	i.Docker.Config.Shell = slices.Clone(words)
	i.sync()
}

// SetHostname sets the host name, which the OCI format lacks.
func (i *Image) SetHostname(name string) {
	i.Docker.Config.Hostname = name
	i.sync()
}

// SetDomainname sets the domain name, which the OCI format lacks.
func (i *Image) SetDomainname(name string) {
	i.Docker.Config.Domainname = name
	i.sync()
}

// SetHealthcheck sets the health check, which the OCI format lacks; nil removes it.
func (i *Image) SetHealthcheck(h *HealthConfig) {
	i.Docker.Config.Healthcheck = h.clone()
	i.sync()
}

// AddOnBuild appends an instruction for images built on this one, which the OCI
// format lacks.
func (i *Image) AddOnBuild(instruction string) {
	list := i.Docker.Config.OnBuild
	i.Docker.Config.OnBuild = append(list[:len(list):len(list)], instruction)
	i.sync()
}

// ClearOnBuild removes all instructions for images built on this one.
func (i *Image) ClearOnBuild() {
	i.Docker.Config.OnBuild = []string{}
	i.sync()
}

// Env gives the value of a variable of the image.
func (i *Image) Env(name string) (string, bool) {
	for _, item := range slices.Backward(i.OCI.Config.Env) {
		if key, value := KeyValue(item); key == name {
			return value, true
		}
	}
	return "", false
}

// SetEnv sets a variable. It moves to the end of the list.
func (i *Image) SetEnv(name, value string) {
	i.setEnv(append(withoutEnv(i.OCI.Config.Env, name), name+"="+value))
}

// UnsetEnv removes a variable.
func (i *Image) UnsetEnv(name string) { i.setEnv(withoutEnv(i.OCI.Config.Env, name)) }

// ClearEnv removes all variables.
func (i *Image) ClearEnv() { i.setEnv([]string{}) }

func (i *Image) setEnv(list []string) {
	i.OCI.Config.Env, i.Docker.Config.Env = list, slices.Clone(list)
	i.sync()
}

// withoutEnv gives a new list without the variable. Foreign images have items
// without "=", which count as names.
func withoutEnv(list []string, name string) []string {
	kept := make([]string, 0, len(list)+1)
	for _, item := range list {
		if key, _ := KeyValue(item); key != name {
			kept = append(kept, item)
		}
	}
	return kept
}

// SetLabel sets a label.
func (i *Image) SetLabel(key, value string) {
	put(&i.OCI.Config.Labels, key, value)
	put(&i.Docker.Config.Labels, key, value)
	i.sync()
}

// UnsetLabel removes a label.
func (i *Image) UnsetLabel(key string) {
	drop(&i.OCI.Config.Labels, key)
	drop(&i.Docker.Config.Labels, key)
	i.sync()
}

// ClearLabels removes all labels.
func (i *Image) ClearLabels() {
	i.OCI.Config.Labels, i.Docker.Config.Labels = map[string]string{}, map[string]string{}
	i.sync()
}

// SetPort adds an exposed port, verbatim.
func (i *Image) SetPort(port string) {
	put(&i.OCI.Config.ExposedPorts, port, struct{}{})
	put(&i.Docker.Config.ExposedPorts, port, struct{}{})
	i.sync()
}

// UnsetPort removes an exposed port.
func (i *Image) UnsetPort(port string) {
	drop(&i.OCI.Config.ExposedPorts, port)
	drop(&i.Docker.Config.ExposedPorts, port)
	i.sync()
}

// ClearPorts removes all exposed ports.
func (i *Image) ClearPorts() {
	i.OCI.Config.ExposedPorts, i.Docker.Config.ExposedPorts = map[string]struct{}{}, map[string]struct{}{}
	i.sync()
}

// SetVolume adds a path whose content containers keep apart.
func (i *Image) SetVolume(path string) {
	put(&i.OCI.Config.Volumes, path, struct{}{})
	put(&i.Docker.Config.Volumes, path, struct{}{})
	i.sync()
}

// UnsetVolume removes such a path.
func (i *Image) UnsetVolume(path string) {
	drop(&i.OCI.Config.Volumes, path)
	drop(&i.Docker.Config.Volumes, path)
	i.sync()
}

// ClearVolumes removes all such paths.
func (i *Image) ClearVolumes() {
	i.OCI.Config.Volumes, i.Docker.Config.Volumes = map[string]struct{}{}, map[string]struct{}{}
	i.sync()
}

// SetOSFeature adds a feature that the operating system must have.
func (i *Image) SetOSFeature(feature string) {
	p := i.Platform()
	if !slices.Contains(p.OSFeatures, feature) {
		p.OSFeatures = append(slices.Clone(p.OSFeatures), feature)
	}
	i.SetPlatform(p)
}

// UnsetOSFeature removes such a feature.
func (i *Image) UnsetOSFeature(feature string) {
	p := i.Platform()
	p.OSFeatures = slices.DeleteFunc(slices.Clone(p.OSFeatures), func(have string) bool { return have == feature })
	i.SetPlatform(p)
}

// ClearOSFeatures removes all such features.
func (i *Image) ClearOSFeatures() {
	p := i.Platform()
	p.OSFeatures = nil
	i.SetPlatform(p)
}

// put sets a key of a map that may be nil. The map is replaced, not changed, so
// that copies of an Image do not see each other's changes.
func put[V any](m *map[string]V, key string, value V) {
	n := maps.Clone(*m)
	if n == nil {
		n = map[string]V{}
	}
	n[key] = value
	*m = n
}

// drop removes a key of a map, which is replaced like in put.
func drop[V any](m *map[string]V, key string) {
	n := maps.Clone(*m)
	delete(n, key)
	*m = n
}

// removal tells whether item asks for the removal of a key ("key-") or of all ("-").
func removal(item string) (key string, all, remove bool) {
	if item == "-" {
		return "", true, true
	}
	key, remove = strings.CutSuffix(item, "-")
	return key, false, remove
}
