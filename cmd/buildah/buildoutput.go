package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/projectatomic/buildah/imagebuildah"
)

// output is one value of --output.
type output struct {
	kind   string // local, tar, image, registry, oci or docker
	dest   string // "-" is standard output
	values map[string]string
}

// outputKeys are the keys that a kind of output knows, beside type.
var outputKeys = map[string][]string{
	"local":    {"dest"},
	"tar":      {"dest"},
	"image":    {"name", "push", "registry.insecure", "oci-mediatypes", "compression", "compression-level", "force-compression"},
	"registry": {"name", "registry.insecure", "oci-mediatypes", "compression", "compression-level", "force-compression"},
	"oci":      {"dest", "name", "tar", "compression", "compression-level", "force-compression"},
	"docker":   {"dest", "name"},
}

// files tells whether it is the root file system, and not the image.
func (o *output) files() bool { return o.kind == "local" || o.kind == "tar" }

// exports are the values of --output that are about files; - is out.
func (f *resultFlags) exports(out io.Writer) ([]imagebuildah.Export, error) {
	list := make([]imagebuildah.Export, 0, len(f.outputs))
	for _, text := range f.outputs {
		o, err := parseOutput(text)
		switch {
		case err != nil:
			return nil, outputError(text, err)
		case !o.files():
			continue
		case o.dest == "-" && o.kind == "local":
			return nil, outputError(text, fmt.Errorf("only \"type=tar\" can be used with \"dest=-\""))
		case o.dest == "-":
			list = append(list, imagebuildah.Export{Stream: out})
		case o.kind == "tar":
			list = append(list, imagebuildah.Export{File: o.dest})
		default:
			list = append(list, imagebuildah.Export{Dir: o.dest})
		}
	}
	return list, nil
}

func outputError(text string, err error) error {
	return usageError{cause: fmt.Errorf("invalid --output %q: %w", text, err)}
}

// toStdout tells that standard output is taken by an archive.
func (f *resultFlags) toStdout() bool {
	return slices.ContainsFunc(f.outputs, func(text string) bool {
		o, err := parseOutput(text)
		return err == nil && o.dest == "-"
	})
}

// parseOutput reads a path, "-", or type=...,key=value....
func parseOutput(text string) (output, error) {
	if text == "-" {
		return output{kind: "tar", dest: "-"}, nil
	}
	if text != "" && !strings.ContainsAny(text, ",=") {
		return output{kind: "local", dest: text}, nil
	}
	values, err := outputValues(text)
	if err != nil {
		return output{}, err
	}
	kind, typed := values["type"]
	keys, known := outputKeys[kind]
	switch {
	case !typed:
		return output{}, fmt.Errorf("missing required key %q", "type")
	case !known:
		return output{}, fmt.Errorf("invalid type %q selected: local, tar, image, registry, oci and docker are there", kind)
	}
	for key := range values {
		if key != "type" && !slices.Contains(keys, key) {
			return output{}, fmt.Errorf("unrecognized key %q for type %q: it knows %s", key, kind, strings.Join(keys, ", "))
		}
	}
	o := output{kind: kind, dest: values["dest"], values: values}
	if o.dest == "" && (o.files() || kind == "oci") {
		return output{}, fmt.Errorf("missing required key %q", "dest")
	}
	return o, nil
}

// outputValues splits at commas outside of quotes, of which there may be some around a
// field: type=image,"name=one,two".
func outputValues(text string) (map[string]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.LazyQuotes = true
	fields, err := r.Read()
	if err != nil && text != "" {
		return nil, fmt.Errorf("reading fields: %w", err)
	}
	if text == "" {
		fields = []string{""}
	}
	values := map[string]string{}
	for _, field := range fields {
		key, value, found := strings.Cut(field, "=")
		if !found {
			return nil, fmt.Errorf("expected format key=value, not %q", field)
		}
		known := key == "type" || slices.ContainsFunc([]string{"local", "image", "oci"}, func(kind string) bool { return slices.Contains(outputKeys[kind], key) })
		if !known {
			return nil, fmt.Errorf("unrecognized key %q", key)
		}
		if _, twice := values[key]; twice {
			return nil, fmt.Errorf("duplicate %q not supported", key)
		}
		values[key] = value
	}
	return values, nil
}
