package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/projectatomic/buildah/imagebuildah"
)

// exports reads the values of --output; - is out.
func (f *resultFlags) exports(out io.Writer) ([]imagebuildah.Export, error) {
	list := make([]imagebuildah.Export, 0, len(f.outputs))
	for _, text := range f.outputs {
		kind, dest, err := parseOutput(text)
		switch {
		case err != nil:
			return nil, usageError{cause: fmt.Errorf("invalid --output %q: %w", text, err)}
		case dest == "-" && kind == "local":
			return nil, usageError{cause: fmt.Errorf("invalid --output %q: only \"type=tar\" can be used with \"dest=-\"", text)}
		case dest == "-":
			list = append(list, imagebuildah.Export{Stream: out})
		case kind == "tar":
			list = append(list, imagebuildah.Export{File: dest})
		default:
			list = append(list, imagebuildah.Export{Dir: dest})
		}
	}
	return list, nil
}

// toStdout tells that standard output is taken by an archive.
func (f *resultFlags) toStdout() bool {
	return slices.ContainsFunc(f.outputs, func(text string) bool {
		_, dest, err := parseOutput(text)
		return err == nil && dest == "-"
	})
}

// parseOutput reads a path, "-", or type=...,dest=....
func parseOutput(text string) (kind, dest string, err error) {
	if text == "-" {
		return "tar", "-", nil
	}
	if text != "" && !strings.ContainsAny(text, ",=") {
		return "local", text, nil
	}
	values := map[string]string{}
	for field := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(field, "=")
		if !found {
			return "", "", fmt.Errorf("expected format key=value, not %q", field)
		}
		if key != "type" && key != "dest" {
			return "", "", fmt.Errorf("unrecognized key %q", key)
		}
		if _, twice := values[key]; twice {
			return "", "", fmt.Errorf("duplicate %q not supported", key)
		}
		values[key] = value
	}
	kind, typed := values["type"]
	switch {
	case !typed:
		return "", "", fmt.Errorf("missing required key %q", "type")
	case kind != "local" && kind != "tar":
		return "", "", fmt.Errorf("invalid type %q selected: local and tar are there", kind)
	case values["dest"] == "":
		return "", "", fmt.Errorf("missing required key %q", "dest")
	}
	return kind, values["dest"], nil
}
