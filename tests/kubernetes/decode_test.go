package kubernetes

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
)

// texts are all that people may apply: the YAML of the examples, and that in the
// documentation.
func texts(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir("../../examples", func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		found[path] = string(data)
		return err
	}))
	pages, err := filepath.Glob("../../docs/*.md")
	must(t, err)
	for _, pattern := range []string{"../../docs/tutorials/*.md", "../../examples/*/README.md"} {
		more, err := filepath.Glob(pattern)
		must(t, err)
		pages = append(pages, more...)
	}
	for _, path := range pages {
		data, err := os.ReadFile(path)
		must(t, err)
		for _, block := range regexp.MustCompile("(?s)\n```yaml\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
			if strings.HasPrefix(block[1], "apiVersion: ") {
				found[path] = block[1]
			}
		}
	}
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDecode(t *testing.T) {
	kinds := map[string]int{}
	for path, text := range texts(t) {
		objects, err := Decode(text)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for _, o := range objects {
			kinds[o.Kind]++
			if err := validate(t.Context(), o); err != nil {
				t.Errorf("%s: %s %q: %v", path, o.Kind, o.GetName(), err)
			}
		}
	}
	for _, kind := range []string{"Job", "Pod", "Task", "Pipeline", "PipelineRun", "BuildConfig", "SecurityContextConstraints"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s was found", kind)
		}
	}
}

// validate asks Tekton, whose types know more of what is allowed than their fields.
func validate(ctx context.Context, o Object) error {
	type checked interface {
		SetDefaults(ctx context.Context)
	}
	if c, ok := o.Object.(checked); ok {
		c.SetDefaults(ctx)
	}
	var err error
	switch o := o.Object.(type) {
	case *tekton.Task:
		if e := o.Validate(ctx); e != nil {
			err = e
		}
	case *tekton.Pipeline:
		if e := o.Validate(ctx); e != nil {
			err = e
		}
	case *tekton.PipelineRun:
		o.Name = "named" // by the cluster, from generateName
		if e := o.Validate(ctx); e != nil {
			err = e
		}
	}
	return err
}

func TestDecodeRefuses(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile("../../examples/" + name)
		must(t, err)
		return string(data)
	}
	for _, c := range []struct{ name, file, old, now, says string }{
		{"misspelt", "kubernetes/job.yaml", "backoffLimit:", "backoffLimits:", `unknown field "spec.backoffLimits"`},
		{"in another case", "kubernetes/job.yaml", "hostUsers:", "hostusers:", `unknown field "spec.template.spec.hostusers"`},
		{"one level too high", "kubernetes/job.yaml", "        securityContext:\n", "        allowPrivilegeEscalation: true\n        securityContext:\n", `unknown field "spec.template.spec.containers[0].allowPrivilegeEscalation"`},
		{"twice", "kubernetes/job.yaml", "  backoffLimit: 1\n", "  backoffLimit: 1\n  backoffLimit: 2\n", `"backoffLimit" already set`},
		{"of another type", "kubernetes/job.yaml", "backoffLimit: 1", "backoffLimit: one", "cannot unmarshal"},
		{"in a Task", "kubernetes/task.yaml", "workingDir:", "workingDirectory:", `unknown field "spec.steps[0].workingDirectory"`},
		{"in a Pipeline", "kubernetes/fleet/pipeline.yaml", "taskRef:", "task:", `unknown field "spec.tasks[0].task"`},
		{"in a BuildConfig", "openshift/buildconfig.yaml", "postCommit:", "postcommit:", `unknown field "spec.postcommit"`},
		{"unknown kind", "kubernetes/job.yaml", "kind: Job", "kind: Jobs", `unknown kind "Jobs"`},
	} {
		text := read(c.file)
		wrong := strings.Replace(text, c.old, c.now, 1)
		if wrong == text {
			t.Errorf("%s: %q is not in %s", c.name, c.old, c.file)
			continue
		}
		if _, err := Decode(wrong); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, wanted %q", c.name, err, c.says)
		}
	}
}

// Every architecture is built by the same words.
func TestArchitectures(t *testing.T) {
	objects, err := Load("../../examples/kubernetes/fleet/multi-arch.yaml")
	must(t, err)
	text := func(arch string) string {
		o, err := find(objects, "Job", "app-"+arch)
		must(t, err)
		spec := o.(*batch.Job).Spec.Template.Spec
		if spec.NodeSelector[core.LabelArchStable] != arch {
			t.Errorf("the Job of %s runs on %v", arch, spec.NodeSelector)
		}
		spec.NodeSelector = nil
		return strings.ReplaceAll(spec.String(), arch, "ARCH")
	}
	if a, b := text("amd64"), text("arm64"); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}
