package mountflag

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Volume is a --volume.
type Volume struct {
	Source string // absolute
	Target string // absolute and clean
	Attributes
	Overlay  bool   // writes go to a directory that is thrown away, or to UpperDir
	UpperDir string // with Overlay; both or none
	WorkDir  string
}

// ParseVolume reads HOST:CTR[:OPTIONS]. A colon that belongs to a name has a
// backslash before it.
func ParseVolume(text string) (Volume, error) {
	v, err := parseVolume(text)
	if err != nil {
		return Volume{}, fmt.Errorf("volume %q: %w", text, err)
	}
	return v, nil
}

func parseVolume(text string) (Volume, error) {
	parts := splitColons(text)
	if len(parts) < 2 || len(parts) > 3 {
		return Volume{}, errors.New("it is not of the form HOST-DIR:CONTAINER-DIR[:OPTIONS]")
	}
	v := Volume{Source: parts[0], Target: parts[1]}
	if !path.IsAbs(v.Source) {
		return v, fmt.Errorf("host path %q is not absolute: named volumes do not exist here", v.Source)
	}
	if !path.IsAbs(v.Target) {
		return v, fmt.Errorf("container path %q is not absolute", v.Target)
	}
	v.Source, v.Target = path.Clean(v.Source), path.Clean(v.Target)
	if v.Target == "/" {
		return v, errors.New("the container's root cannot be a volume")
	}
	if len(parts) == 2 || parts[2] == "" {
		return v, nil
	}
	seen := once{}
	for option := range strings.SplitSeq(parts[2], ",") {
		if err := v.option(option, seen); err != nil {
			return v, err
		}
	}
	return v, v.check()
}

// splitColons splits at colons without a backslash before them.
func splitColons(text string) []string {
	parts := []string{""}
	for i := 0; i < len(text); i++ {
		last := &parts[len(parts)-1]
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == ':':
			*last += ":"
			i++
		case text[i] == ':':
			parts = append(parts, "")
		default:
			*last += text[i : i+1]
		}
	}
	return parts
}

func (v *Volume) option(option string, seen once) error {
	if known, err := v.common(option, seen); known {
		return err
	}
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "rw", "ro":
		v.ReadOnly = option == "ro"
		return seen.take("access", option)
	case "O":
		v.Overlay = true
		return seen.take("relabel", option) // one of z, Z and O
	case "upperdir", "workdir":
		if !path.IsAbs(value) {
			return fmt.Errorf("option %q needs an absolute path", name)
		}
		if name == "upperdir" {
			v.UpperDir = value
		} else {
			v.WorkDir = value
		}
		return seen.take(name, name)
	case "idmap":
		v.IDMap = option
		return seen.take(name, option)
	case "bind", "rbind": // volumes always bring what is mounted below
		return seen.take("bind", option)
	case "copy", "nocopy":
		return seen.take("copy", option)
	case "cached", "delegated", "consistent":
		return seen.take("consistency", option)
	}
	return fmt.Errorf("unknown option %q", option)
}

func (v *Volume) check() error {
	switch {
	case (v.UpperDir == "") != (v.WorkDir == ""):
		return errors.New("options \"upperdir\" and \"workdir\" go together")
	case v.UpperDir != "" && !v.Overlay:
		return errors.New("options \"upperdir\" and \"workdir\" need the option \"O\"")
	}
	return nil
}
