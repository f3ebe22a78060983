package kubernetes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	allCaps   = "--cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER --cap-add FSETID --cap-add SETFCAP --cap-add SETGID --cap-add SETUID --cap-add SYS_CHROOT"
	confined  = "--security-opt no-new-privileges"
	readOnly  = "--read-only --read-only-tmpfs=false"
	profile   = "--security-opt seccomp=DIR/profiles/buildah.json"
	noProfile = "--security-opt seccomp=unconfined"
	ordinary  = "--user 1000:1000"
)

// What the pods of the examples may do is what they are named for.
func TestRights(t *testing.T) {
	words := func(parts ...string) string { return strings.Join(parts, " ") }
	for name, want := range map[string]string{
		"restricted":     words(ordinary, confined, readOnly, "--cap-drop ALL", profile, "--group-add 1000"),
		"unconfined":     words(ordinary, confined, readOnly, "--cap-drop ALL", noProfile, "--group-add 1000"),
		"sys-chroot":     words(ordinary, confined, readOnly, "--cap-drop ALL --cap-add SYS_CHROOT", "--group-add 1000"),
		"several-ids":    words(ordinary, "--cap-add SETFCAP --cap-add SETGID --cap-add SETUID --cap-add SYS_CHROOT", "--group-add 1000"),
		"baseline":       words(confined, readOnly, allCaps),
		"user-namespace": words("--uidmap 0:200000:65536", confined, readOnly, allCaps, profile),
		"fuse":           words(confined, allCaps),
	} {
		at := "../../examples/kubernetes/"
		objects, err := Load(at+"security/"+name+".yaml", at+"secret.yaml", at+"security/context.yaml")
		must(t, err)
		dir := t.TempDir()
		containers, err := Pod(dir, objects, "Job", "build-"+name, nil)
		must(t, err)
		flags := containers[0].Flags
		got := strings.Join(flags[2:slices.Index(flags, "--env")], " ")
		if got = strings.ReplaceAll(got, dir, "DIR"); got != want {
			t.Errorf("%s: %s\nwanted %s", name, got, want)
		}
		if device := slices.Contains(flags, "/dev/fuse"); device != (name == "fuse") {
			t.Errorf("%s has the device: %v", name, device)
		}
		// Files of a ConfigMap are links, as on a node.
		link, err := os.Readlink(filepath.Join(dir, "volumes/context/Dockerfile"))
		must(t, err)
		if link != "..data/Dockerfile" {
			t.Errorf("%s: %q", name, link)
		}
	}
}

func TestPodRefuses(t *testing.T) {
	const job = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    "
	for name, c := range map[string]struct{ yaml, says string }{
		"root as no root":  {"securityContext: {runAsNonRoot: true}", "refuses root"},
		"privileged":       {"securityContext: {privileged: true}", "privileged"},
		"no such volume":   {"volumeMounts: [{name: v, mountPath: /v}]", `no volume has the name "v"`},
		"value from where": {"env: [{name: E, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]", `"E" has a source`},
	} {
		objects, err := Decode(job + c.yaml + "\n")
		must(t, err)
		if _, err := Pod(t.TempDir(), objects, "Pod", "p", nil); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	objects, err := Load("../../examples/kubernetes/task.yaml", "../../examples/kubernetes/secret.yaml")
	must(t, err)
	if _, err := Pod(t.TempDir(), objects, "Task", "buildah", nil); err == nil || !strings.Contains(err.Error(), `"image" has no value`) {
		t.Error(err)
	}
}
