package cdi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestInject(t *testing.T) {
	t.Parallel()
	dirs := []string{t.TempDir(), t.TempDir()}
	for name, text := range map[string]string{
		"0/a.json":   `{"cdiVersion":"0.6.0","kind":"example.com/net","devices":[{"name":"one","containerEdits":{"env":["A=first"],"deviceNodes":[{"path":"/dev/one","hostPath":"/dev/null"}]}}]}`,
		"1/b.yaml":   "cdiVersion: 0.6.0\nkind: example.com/net\ndevices:\n- name: one\n  containerEdits:\n    env: [A=later]\n    deviceNodes: [{path: /dev/one, hostPath: /dev/null}]\ncontainerEdits:\n  mounts: [{hostPath: /tmp, containerPath: /m, options: [ro, bind]}]\n  hooks: [{hookName: createRuntime, path: /bin/true}]\n",
		"1/bad.json": `{"cdiVersion":"0.6.0","kind":"example.com/bad","wrong":1}`,
		"1/text":     "not looked at",
	} {
		path := filepath.Join(dirs[name[0]-'0'], name[2:])
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	spec := &specs.Spec{Process: &specs.Process{Env: []string{"A=image"}}, Linux: &specs.Linux{}}
	warnings, err := Inject(spec, dirs, []string{"example.com/net=one"})
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "bad.json") {
		t.Errorf("warnings %q", warnings)
	}
	if len(spec.Process.Env) != 1 || spec.Process.Env[0] != "A=later" {
		t.Errorf("environment %q", spec.Process.Env)
	}
	if len(spec.Linux.Devices) != 1 || spec.Linux.Devices[0].Major != 1 || spec.Linux.Devices[0].Minor != 3 || len(spec.Linux.Resources.Devices) != 1 {
		t.Errorf("devices %+v", spec.Linux)
	}
	if len(spec.Mounts) != 1 || spec.Mounts[0].Destination != "/m" || len(spec.Hooks.CreateRuntime) != 1 {
		t.Errorf("mounts %+v, hooks %+v", spec.Mounts, spec.Hooks)
	}
	_, err = Inject(&specs.Spec{}, dirs, []string{"example.com/net=two"})
	if err == nil || !strings.Contains(err.Error(), "unresolvable CDI devices example.com/net=two") {
		t.Errorf("an unknown device: %v", err)
	}
}

func TestIsName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"vendor.com/class=dev": true, "vendor.com/class=all": true, "/dev/a=b": false, "/dev/null": false, "vendor/class": false, "": false,
	} {
		if IsName(text) != want {
			t.Errorf("IsName(%q) is %v", text, !want)
		}
	}
}
