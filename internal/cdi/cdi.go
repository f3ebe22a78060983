// Package cdi puts devices into a runtime spec that are described by files of the
// Container Device Interface: vendor/class=name stands for device nodes, and for
// what programs need to use them.
package cdi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/cdi"
	"tags.cncf.io/container-device-interface/pkg/parser"
)

// IsName tells whether a text is the name of such a device, and no path.
func IsName(text string) bool { return parser.IsQualifiedName(text) }

// Inject adds devices to a spec. The directories are read, of which a later one
// wins. It gives a line for every file that could not be used.
func Inject(spec *specs.Spec, dirs, names []string) (warnings []string, err error) {
	cache, err := cdi.NewCache(cdi.WithAutoRefresh(false), cdi.WithSpecDirs(dirs...))
	if err != nil {
		return nil, fmt.Errorf("reading descriptions of devices: %w", err)
	}
	unresolved, err := cache.InjectDevices(spec, names...)
	errs := cache.GetErrors()
	for _, file := range slices.Sorted(maps.Keys(errs)) {
		for _, err := range errs[file] {
			warnings = append(warnings, fmt.Sprintf("description of devices %q: %v", file, err))
		}
	}
	if len(unresolved) > 0 {
		return warnings, fmt.Errorf("unresolvable CDI devices %s: no usable file in %s describes them",
			strings.Join(unresolved, ", "), strings.Join(dirs, ", "))
	}
	if err != nil {
		return warnings, fmt.Errorf("adding the devices %s: %w", strings.Join(names, ", "), err)
	}
	if spec.Process != nil {
		spec.Process.Env = lastOfEach(spec.Process.Env)
	}
	return warnings, nil
}

// lastOfEach gives every variable once, where it stood first, with its last
// value: the variables of devices take the place of others.
func lastOfEach(env []string) []string {
	at := map[string]int{}
	var all []string
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if i, ok := at[name]; ok {
			all[i] = entry
			continue
		}
		at[name] = len(all)
		all = append(all, entry)
	}
	return all
}
