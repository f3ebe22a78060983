// Package kubernetes reads the YAML of examples/ into the types that clusters have for it,
// and says with which flags podman runs a pod as its kubelet would. It is a module of its
// own, so that ours needs none of these types.
package kubernetes

import (
	"errors"
	"fmt"
	"os"
	"regexp"

	build "github.com/openshift/api/build/v1"
	image "github.com/openshift/api/image/v1"
	security "github.com/openshift/api/security/v1"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// kinds are the types that occur, by what their YAML begins with.
var kinds = map[meta.TypeMeta]func() meta.Object{
	{APIVersion: "v1", Kind: "ConfigMap"}:                                        func() meta.Object { return new(core.ConfigMap) },
	{APIVersion: "v1", Kind: "Pod"}:                                              func() meta.Object { return new(core.Pod) },
	{APIVersion: "v1", Kind: "Secret"}:                                           func() meta.Object { return new(core.Secret) },
	{APIVersion: "v1", Kind: "ServiceAccount"}:                                   func() meta.Object { return new(core.ServiceAccount) },
	{APIVersion: "batch/v1", Kind: "Job"}:                                        func() meta.Object { return new(batch.Job) },
	{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "RoleBinding"}:            func() meta.Object { return new(rbac.RoleBinding) },
	{APIVersion: "tekton.dev/v1", Kind: "Task"}:                                  func() meta.Object { return new(tekton.Task) },
	{APIVersion: "tekton.dev/v1", Kind: "Pipeline"}:                              func() meta.Object { return new(tekton.Pipeline) },
	{APIVersion: "tekton.dev/v1", Kind: "PipelineRun"}:                           func() meta.Object { return new(tekton.PipelineRun) },
	{APIVersion: "build.openshift.io/v1", Kind: "BuildConfig"}:                   func() meta.Object { return new(build.BuildConfig) },
	{APIVersion: "image.openshift.io/v1", Kind: "ImageStream"}:                   func() meta.Object { return new(image.ImageStream) },
	{APIVersion: "security.openshift.io/v1", Kind: "SecurityContextConstraints"}: func() meta.Object { return new(security.SecurityContextConstraints) },
}

// Object is one document of a file.
type Object struct {
	meta.TypeMeta
	meta.Object
}

// separator is between the documents of a file.
var separator = regexp.MustCompile(`(?m)^---$\n`)

// Decode reads all documents of a text. A field that the type does not have, one that is
// there twice, or a kind that is not known is an error.
func Decode(text string) (objects []Object, err error) {
	for n, document := range separator.Split(text, -1) {
		o, err := decode([]byte(document))
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n+1, err)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func decode(document []byte) (o Object, err error) {
	data, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return o, err
	}
	if err := json.UnmarshalCaseSensitivePreserveInts(data, &o.TypeMeta); err != nil {
		return o, err
	}
	make, known := kinds[o.TypeMeta]
	if !known {
		return o, fmt.Errorf("unknown kind %q of %q", o.Kind, o.APIVersion)
	}
	o.Object = make()
	strict, err := json.UnmarshalStrict(data, o.Object)
	return o, errors.Join(append(strict, err)...)
}

// Load reads files.
func Load(names ...string) (objects []Object, err error) {
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		more, err := Decode(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		objects = append(objects, more...)
	}
	return objects, nil
}

// find gives the object of a kind and name.
func find(objects []Object, kind, name string) (meta.Object, error) {
	for _, o := range objects {
		if o.Kind == kind && o.GetName() == name {
			return o.Object, nil
		}
	}
	return nil, fmt.Errorf("no %s has the name %q", kind, name)
}
