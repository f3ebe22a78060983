package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	core "k8s.io/api/core/v1"
)

// Container is a container of a pod in the words of podman.
type Container struct {
	Name    string   `json:"name"`
	Flags   []string `json:"flags"`   // of podman run, up to the image
	Command []string `json:"command"` // after the image
}

// node is the machine that a pod runs on.
type node struct {
	dir     string // volumes/NAME, profiles/NAME
	objects []Object
}

// shifted is the first id of the range that a pod with hostUsers: false gets.
const shifted = 200000

// container translates a container, and makes its volumes.
func (n node) container(pod core.PodSpec, c core.Container) (Container, error) {
	result := Container{Name: c.Name}
	add := func(words ...string) { result.Flags = append(result.Flags, words...) }
	// As CRI-O: what the image declares as a volume is a directory of the container.
	add("--image-volume", "ignore")
	if pod.HostUsers != nil && !*pod.HostUsers {
		add("--uidmap", fmt.Sprintf("0:%d:65536", shifted))
	}
	rights, err := n.rights(merge(pod.SecurityContext, c.SecurityContext))
	if err != nil {
		return result, err
	}
	add(rights...)
	if p := pod.SecurityContext; p != nil && p.FSGroup != nil {
		add("--group-add", strconv.FormatInt(*p.FSGroup, 10))
	}
	for _, e := range c.Env {
		if e.ValueFrom != nil {
			return result, fmt.Errorf("the variable %q has a source", e.Name)
		}
		add("--env", e.Name+"="+e.Value)
	}
	for name := range c.Resources.Limits {
		if name == "smarter-devices/fuse" {
			add("--device", "/dev/fuse")
		}
	}
	if c.WorkingDir != "" {
		add("--workdir", c.WorkingDir)
	}
	for _, m := range c.VolumeMounts {
		flag, err := n.mount(pod, m)
		if err != nil {
			return result, err
		}
		add("--volume", flag)
	}
	if words := entrypoint(merge(pod.SecurityContext, c.SecurityContext), c.Command); len(words) > 0 {
		text, err := json.Marshal(words)
		if err != nil {
			return result, err
		}
		add("--entrypoint", string(text))
	}
	result.Command = c.Args
	return result, nil
}

// entrypoint is the command, or nothing where that of the image is to be run. Podman makes
// added capabilities ambient for users besides root; kubelets have no way to say that.
func entrypoint(s core.SecurityContext, command []string) []string {
	if s.RunAsUser == nil || *s.RunAsUser == 0 {
		return command
	}
	if len(command) == 0 {
		command = []string{"buildah"} // as in examples/buildah-image
	}
	return append([]string{"/usr/bin/setpriv", "--inh-caps=-all", "--ambient-caps=-all"}, command...)
}

// merge gives what holds for a container.
func merge(pod *core.PodSecurityContext, c *core.SecurityContext) core.SecurityContext {
	var s core.SecurityContext
	if c != nil {
		s = *c
	}
	if pod == nil {
		return s
	}
	if s.RunAsUser == nil {
		s.RunAsUser = pod.RunAsUser
	}
	if s.RunAsGroup == nil {
		s.RunAsGroup = pod.RunAsGroup
	}
	if s.RunAsNonRoot == nil {
		s.RunAsNonRoot = pod.RunAsNonRoot
	}
	if s.SeccompProfile == nil {
		s.SeccompProfile = pod.SeccompProfile
	}
	return s
}

// rights are the flags for a securityContext.
func (n node) rights(s core.SecurityContext) (flags []string, err error) {
	on := func(b *bool) bool { return b != nil && *b }
	switch {
	case s.RunAsUser != nil && s.RunAsGroup != nil:
		flags = append(flags, "--user", fmt.Sprintf("%d:%d", *s.RunAsUser, *s.RunAsGroup))
	case s.RunAsUser != nil:
		flags = append(flags, "--user", strconv.FormatInt(*s.RunAsUser, 10))
	}
	if on(s.RunAsNonRoot) && (s.RunAsUser == nil || *s.RunAsUser == 0) {
		return nil, errors.New("a kubelet refuses root with runAsNonRoot")
	}
	if s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation {
		flags = append(flags, "--security-opt", "no-new-privileges")
	}
	if on(s.Privileged) {
		return nil, errors.New("no example is privileged")
	}
	if on(s.ReadOnlyRootFilesystem) {
		flags = append(flags, "--read-only", "--read-only-tmpfs=false")
	}
	return append(append(flags, capabilities(s.Capabilities)...), n.seccomp(s.SeccompProfile)...), nil
}

func capabilities(c *core.Capabilities) (flags []string) {
	if c == nil {
		return nil
	}
	for _, name := range c.Drop {
		flags = append(flags, "--cap-drop", string(name))
	}
	for _, name := range c.Add {
		flags = append(flags, "--cap-add", string(name))
	}
	return flags
}

// seccomp gives the profile; without one it is podman's, which CRI-O has as well.
func (n node) seccomp(p *core.SeccompProfile) []string {
	switch {
	case p == nil:
		return nil
	case p.Type == core.SeccompProfileTypeUnconfined:
		return []string{"--security-opt", "seccomp=unconfined"}
	case p.Type == core.SeccompProfileTypeLocalhost:
		return []string{"--security-opt", "seccomp=" + filepath.Join(n.dir, *p.LocalhostProfile)}
	}
	return nil
}

// mount makes a volume and gives the flag for it.
func (n node) mount(pod core.PodSpec, m core.VolumeMount) (flag string, err error) {
	dir := filepath.Join(n.dir, "volumes", m.Name)
	for _, v := range pod.Volumes {
		if v.Name != m.Name {
			continue
		}
		switch {
		case v.EmptyDir != nil:
			err = n.empty(pod, dir)
		case v.Secret != nil:
			err = n.secret(dir, v.Secret.SecretName)
		case v.ConfigMap != nil:
			err = n.configMap(dir, v.ConfigMap.Name)
		default:
			err = fmt.Errorf("the volume %q is of another kind", v.Name)
		}
		flag = dir + ":" + m.MountPath
		if m.ReadOnly || v.Secret != nil || v.ConfigMap != nil {
			flag += ":ro"
		}
		return flag, err
	}
	return "", fmt.Errorf("no volume has the name %q", m.Name)
}

// empty makes an emptyDir, of which pod and kubelet agree who owns it.
func (n node) empty(pod core.PodSpec, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	owner, group := 0, 0
	if pod.HostUsers != nil && !*pod.HostUsers {
		owner, group = shifted, shifted
	}
	mode := os.FileMode(0o777)
	if s := pod.SecurityContext; s != nil && s.FSGroup != nil {
		group += int(*s.FSGroup)
		mode |= os.ModeSetgid
	}
	if err := os.Chown(dir, owner, group); err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

func (n node) secret(dir, name string) error {
	o, err := find(n.objects, "Secret", name)
	if err != nil {
		return err
	}
	return project(dir, o.(*core.Secret).StringData)
}

func (n node) configMap(dir, name string) error {
	o, err := find(n.objects, "ConfigMap", name)
	if err != nil {
		return err
	}
	return project(dir, o.(*core.ConfigMap).Data)
}

// project writes files as a kubelet does: links through ..data, so that all of them
// change at once.
func project(dir string, files map[string]string) error {
	const version = "..2026_01_01_00_00_00.1"
	if err := os.MkdirAll(filepath.Join(dir, version), 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, version, name), []byte(text), 0o644); err != nil {
			return err
		}
		if err := os.Symlink("..data/"+name, filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := os.Symlink(version, filepath.Join(dir, "..data")); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
