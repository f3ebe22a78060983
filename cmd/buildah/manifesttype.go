package main

import (
	"fmt"
	"slices"
	"strings"
)

// manifestTypeOption is --format by the name, and in the words, that other tools have.
func manifestTypeOption(set func(string) error) *option {
	return newOption("manifest-type", "TYPE", "format of the manifest: oci, v2s2 or v2s1", set).hide()
}

// pushFormat takes the format of a manifest that is pushed.
func pushFormat(format *string, formats ...string) func(string) error {
	return func(s string) error {
		if s != "docker" && !slices.Contains(formats, s) {
			last := len(formats) - 1
			return fmt.Errorf("unknown format %q: choose %s or %s", s, strings.Join(formats[:last], ", "), formats[last])
		}
		*format = s
		return nil
	}
}

// storedFormat takes the type of manifest for an image of the store, in the words of pushes.
func storedFormat(format *string) func(string) error {
	return func(s string) error {
		switch s {
		case "oci", "docker":
			*format = s
		case "v2s2":
			*format = "docker"
		case "v2s1":
			return fmt.Errorf("images of the store have no manifests of type %q: choose oci or v2s2, and convert it with `buildah push --format v2s1`", s)
		default:
			return fmt.Errorf("unknown format %q: choose oci or v2s2", s)
		}
		return nil
	}
}
