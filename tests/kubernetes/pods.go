package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
)

// Pod gives the containers of an object, with volumes below dir. Params are values for a
// Task.
func Pod(dir string, objects []Object, kind, name string, params map[string][]string) ([]Container, error) {
	o, err := find(objects, kind, name)
	if err != nil {
		return nil, err
	}
	n := node{dir: dir, objects: objects}
	switch o := o.(type) {
	case *batch.Job:
		return n.pod(o.Spec.Template.Spec)
	case *core.Pod:
		return n.pod(o.Spec)
	case *tekton.Task:
		return n.task(o.Spec, params)
	}
	return nil, fmt.Errorf("a %s has no containers", kind)
}

func (n node) pod(spec core.PodSpec) (all []Container, err error) {
	for _, c := range append(spec.InitContainers, spec.Containers...) {
		translated, err := n.container(spec, c)
		if err != nil {
			return nil, fmt.Errorf("container %q: %w", c.Name, err)
		}
		all = append(all, translated)
	}
	return all, nil
}

// task makes a pod of a Task, a container for each step.
func (n node) task(spec tekton.TaskSpec, params map[string][]string) (all []Container, err error) {
	words, lists, err := n.variables(spec, params)
	if err != nil {
		return nil, err
	}
	pod := core.PodSpec{Volumes: spec.Volumes}
	for _, step := range spec.Steps {
		c := core.Container{
			Name: step.Name, WorkingDir: words.Replace(step.WorkingDir), SecurityContext: step.SecurityContext,
			VolumeMounts: step.VolumeMounts, Command: step.Command,
		}
		for _, e := range step.Env {
			e.Value = words.Replace(e.Value)
			c.Env = append(c.Env, e)
		}
		for _, arg := range step.Args {
			if list, whole := lists[arg]; whole {
				c.Args = append(c.Args, list...)
			} else {
				c.Args = append(c.Args, words.Replace(arg))
			}
		}
		if step.Script != "" {
			if c.Command, err = n.script(step.Name, words.Replace(step.Script)); err != nil {
				return nil, err
			}
		}
		translated, err := n.container(pod, c)
		if err != nil {
			return nil, fmt.Errorf("step %q: %w", step.Name, err)
		}
		for _, dir := range []string{"workspace", "tekton"} {
			translated.Flags = append(translated.Flags, "--volume", filepath.Join(n.dir, dir)+":/"+dir)
		}
		all = append(all, translated)
	}
	return all, nil
}

// variables are what Tekton puts in the place of $(...). A workspace that nobody has
// made is the Secret of its name.
func (n node) variables(spec tekton.TaskSpec, params map[string][]string) (words *strings.Replacer, lists map[string][]string, err error) {
	var pairs []string
	lists = map[string][]string{}
	for _, p := range spec.Params {
		value, given := params[p.Name]
		switch {
		case p.Type == tekton.ParamTypeArray && !given:
			value = p.Default.ArrayVal
		case !given && p.Default == nil:
			return nil, nil, fmt.Errorf("the parameter %q has no value", p.Name)
		case !given:
			value = []string{p.Default.StringVal}
		}
		if p.Type == tekton.ParamTypeArray {
			lists["$(params."+p.Name+"[*])"] = value
		} else {
			pairs = append(pairs, "$(params."+p.Name+")", value[0])
		}
	}
	for _, w := range spec.Workspaces {
		dir := filepath.Join(n.dir, "workspace", w.Name)
		if _, err := os.Stat(dir); err != nil {
			if err := n.secret(dir, w.Name); err != nil {
				return nil, nil, err
			}
		}
		pairs = append(pairs, "$(workspaces."+w.Name+".path)", "/workspace/"+w.Name)
	}
	if err := os.MkdirAll(filepath.Join(n.dir, "tekton/results"), 0o755); err != nil {
		return nil, nil, err
	}
	for _, r := range spec.Results {
		pairs = append(pairs, "$(results."+r.Name+".path)", "/tekton/results/"+r.Name)
	}
	return strings.NewReplacer(pairs...), lists, nil
}

// script writes a script where Tekton does.
func (n node) script(name, text string) (command []string, err error) {
	dir := filepath.Join(n.dir, "tekton/scripts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return []string{"/tekton/scripts/" + name}, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755)
}
