package imagebuildah

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mount is the value of one RUN --mount.
type mount struct {
	kind   string
	from   string // stage or image; "" means the context
	source string
	target string
	rest   []string // options that are handed on
}

// mountOptions are the options of the kinds that can be had, and whether they have a value.
var mountOptions = map[string]map[string]bool{
	"bind": {
		"from": true, "source": true, "target": true, "ro": false, "rw": false, "z": false, "Z": false,
		"nosuid": false, "nodev": false, "noexec": false, "bind-nonrecursive": false, "consistency": true, "relabel": true,
		"bind-propagation": true, "shared": false, "rshared": false, "private": false, "rprivate": false, "slave": false, "rslave": false,
	},
	"tmpfs": {
		"target": true, "ro": false, "tmpfs-size": true, "tmpfs-mode": true, "tmpcopyup": false,
		"nosuid": false, "nodev": false, "noexec": false,
	},
}

// mountAliases are other names of options.
var mountAliases = map[string]string{
	"src": "source", "dst": "target", "destination": "target", "readonly": "ro", "readwrite": "rw", "size": "tmpfs-size",
}

// parseMount reads the value of a --mount flag, expanded.
func parseMount(text string) (mount, error) {
	m := mount{kind: "bind"}
	var fields []pair
	var given []bool
	for _, field := range strings.Split(text, ",") {
		key, value, has := strings.Cut(field, "=")
		if full, ok := mountAliases[key]; ok {
			key = full
		}
		if key == "type" {
			m.kind = strings.ToLower(value)
			continue
		}
		fields, given = append(fields, pair{key, value}), append(given, has)
	}
	switch m.kind {
	case "secret", "ssh", "cache":
		return m, unsupported("RUN --mount=type="+m.kind, mountInstead(m.kind))
	}
	known, ok := mountOptions[m.kind]
	if !ok {
		return m, fmt.Errorf("invalid mount type %q%s", m.kind, didYouMean(m.kind, []string{"bind", "cache", "tmpfs", "secret", "ssh"}))
	}
	for i, f := range fields {
		if err := m.set(f, given[i], known); err != nil {
			return m, err
		}
	}
	if m.target == "" {
		return m, fmt.Errorf("mount %q: target is required", text)
	}
	return m, nil
}

func mountInstead(kind string) string {
	switch kind {
	case "cache":
		return "give the directory to all steps with --volume, or download again"
	case "secret":
		return "give the file to all steps with --volume"
	}
	return "fetch what needs the agent before the build, and COPY it"
}

// set takes one option.
func (m *mount) set(f pair, given bool, known map[string]bool) error {
	if err := m.check(f, given, known); err != nil {
		return err
	}
	switch f.key {
	case "from":
		m.from = f.value
	case "source":
		m.source = f.value
	case "target":
		m.target = f.value
	case "ro", "consistency":
		// A bind is read-only anyway; consistency means nothing on Linux.
		if m.kind == "tmpfs" {
			m.rest = append(m.rest, "ro")
		}
	default:
		text := f.key
		if known[f.key] {
			text += "=" + f.value
		}
		m.rest = append(m.rest, text)
	}
	return nil
}

// check refuses options that there are not, and values where they do not belong.
func (m *mount) check(f pair, given bool, known map[string]bool) error {
	valued, ok := known[f.key]
	switch {
	case !ok:
		return fmt.Errorf("%s: invalid mount option%s", f.key, didYouMean(f.key, slices.Collect(maps.Keys(known))))
	case valued && !given:
		return fmt.Errorf("%s: must provide an argument for option", f.key)
	case !valued && given && f.value != "true":
		return fmt.Errorf("%s: must not provide an argument for option", f.key)
	case f.key == "from" && f.value == "":
		return errors.New("from points to an empty value")
	case f.key == "rw":
		return unsupported("RUN --mount=type=bind,rw", "mount it read-only and copy what is to be changed, or use COPY")
	}
	return nil
}

// text is the mount in the words of the verb `run`.
func (m *mount) text() string {
	fields := []string{"type=" + m.kind}
	if m.kind == "bind" {
		source := m.source
		if source == "" {
			source = "."
		}
		fields = append(fields, "source="+source, "ro")
	}
	return strings.Join(append(append(fields, "target="+m.target), m.rest...), ",")
}
