package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/imagebuildah"
	"github.com/projectatomic/buildah/internal/transfer"
)

// deliverFlags say where the image goes besides the store.
type deliverFlags struct {
	push, load bool
}

func (f *deliverFlags) options() []*option {
	return []*option{
		boolOption("load", &f.load, "keep the image in the store, as is done anyway"),
		boolOption("push", &f.push, "push the image to the registries that its names name"),
	}
}

// pushes tells whether a registry gets the image, or a list of several.
func (f *deliverFlags) pushes(outputs []string) bool {
	return f.push || slices.ContainsFunc(outputs, func(text string) bool {
		o, err := parseOutput(text)
		return err == nil && (o.kind == "registry" || o.kind == "image" && o.values["push"] == "true")
	})
}

// settle turns --push and values of --output into deliveries. What is signed or
// encrypted is then what is delivered, not what is in the store.
func (f *deliverFlags) settle(outputs []string, out io.Writer, o *imagebuildah.Options) error {
	if f.push {
		outputs = append(slices.Clone(outputs), "type=registry")
	}
	pushed := false
	for _, text := range outputs {
		x, err := parseOutput(text)
		if err != nil {
			return outputError(text, err)
		}
		if x.files() {
			continue
		}
		if err := x.name(o); err != nil {
			return outputError(text, err)
		}
		d, wanted, err := x.delivery(out, o.Commit.Push)
		switch {
		case err != nil:
			return outputError(text, err)
		case wanted && d.Registries && pushed && text == "type=registry":
			continue // --push beside an output that says how
		case wanted:
			pushed = pushed || d.Registries
			o.Deliveries = append(o.Deliveries, d)
		}
	}
	return f.check(o, pushed)
}

// check finds what contradicts itself.
func (f *deliverFlags) check(o *imagebuildah.Options, pushed bool) error {
	if f.load {
		if err := loadable(o.Tags); err != nil {
			return err
		}
	}
	if len(o.Deliveries) == 0 {
		return nil
	}
	p := &o.Commit.Push
	if !p.Registry.Sign.IsZero() && slices.ContainsFunc(o.Deliveries, func(d imagebuildah.Delivery) bool { return !d.Registries }) {
		return usageError{text: "archives and layouts hold no signatures: leave --sign-by out, or only push the image"}
	}
	if pushed || len(p.Encryption.Keys) > 0 {
		p.Registry.Sign, p.Encryption = transfer.Signing{}, transfer.Encryption{}
	}
	return nil
}

// loadable refuses names that are not the store's.
func loadable(tags []string) error {
	if len(tags) > 0 && strings.Contains(tags[0], ":/") {
		return usageError{text: fmt.Sprintf("--load keeps the image in the store, and --tag %q writes it somewhere else: leave one of them out", tags[0])}
	}
	return nil
}

// name adds the names that an output gives.
func (x *output) name(o *imagebuildah.Options) error {
	if x.values["name"] == "" {
		return nil
	}
	for name := range strings.SplitSeq(x.values["name"], ",") {
		if name == "" || strings.Contains(name, ":/") {
			return fmt.Errorf("%q cannot be the name of an image", name)
		}
		if !slices.Contains(o.Tags, name) {
			o.Tags = append(slices.Clip(o.Tags), name)
		}
	}
	return nil
}

// delivery is where an output goes; wanted is false for what stays in the store.
func (x *output) delivery(out io.Writer, push builder.PushOptions) (d imagebuildah.Delivery, wanted bool, err error) {
	d.Push = push
	if err := x.compression(&d.Push.Compression); err != nil {
		return d, false, err
	}
	switches, err := x.switches()
	if err != nil {
		return d, false, err
	}
	switch x.kind {
	case "image", "registry":
		d.Registries = x.kind == "registry" || switches["push"]
		if switches["registry.insecure"] {
			d.Push.Registry.TLSVerify = transfer.Off
		}
		d.Push.Format = x.format(switches["oci-mediatypes"])
		return d, d.Registries, nil
	case "docker":
		d.Docker = true
	case "oci":
		if !switches["tar"] {
			d.Dir = x.dest
		}
		if d.Dir == "-" {
			return d, false, errors.New("a directory cannot be written to standard output: leave tar=false out")
		}
	}
	switch {
	case d.Dir != "" || x.dest == "":
	case x.dest == "-":
		d.Stream = out
	default:
		d.File = x.dest
	}
	return d, x.dest != "", nil // type=docker without dest is what a docker would load: the store does
}

// switches are the settings that are on or off.
func (x *output) switches() (map[string]bool, error) {
	all := map[string]bool{"push": false, "registry.insecure": false, "oci-mediatypes": true, "tar": true}
	for key := range all {
		text, given := x.values[key]
		if !given {
			continue
		}
		var err error
		if all[key], err = strconv.ParseBool(text); err != nil {
			return nil, fmt.Errorf("%s=%q: true or false is expected", key, text)
		}
	}
	return all, nil
}

// format is that of the manifest, "" for the image's own.
func (x *output) format(oci bool) string {
	switch _, given := x.values["oci-mediatypes"]; {
	case !given:
		return ""
	case oci:
		return "oci"
	}
	return "docker"
}

// compression says how layers are written; without a word in gzip, as they are for docker.
func (x *output) compression(c *transfer.Compression) error {
	if x.kind == "oci" {
		c.Disable = false
	}
	switch format := x.values["compression"]; format {
	case "":
	case "uncompressed":
		c.Format, c.Disable = "", true
	default:
		c.Format, c.Disable, c.Force = format, false, true
	}
	if text, given := x.values["compression-level"]; given {
		level, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("compression-level=%q: a number is expected", text)
		}
		c.Level = &level
	}
	if text, given := x.values["force-compression"]; given {
		var err error
		if c.Force, err = strconv.ParseBool(text); err != nil {
			return fmt.Errorf("force-compression=%q: true or false is expected", text)
		}
	}
	return nil
}
