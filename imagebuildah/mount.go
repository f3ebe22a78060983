package imagebuildah

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/projectatomic/buildah/internal/mountflag"
)

// mount is the value of one RUN --mount, expanded and checked.
type mount struct {
	text string
	from string // stage or image; "" means the context
}

// mountKeys are the options there are, and whether they need a value.
var mountKeys = map[string]bool{
	"type": true, "target": true, "dst": true, "destination": true, "source": true, "src": true, "from": true,
	"id": true, "sharing": true, "mode": true, "uid": true, "gid": true, "tmpfs-size": true, "tmpfs-mode": true,
	"bind-propagation": true, "relabel": true, "consistency": true,
	"ro": false, "readonly": false, "rw": false, "readwrite": false, "tmpcopyup": false, "z": false, "Z": false, "U": false,
	"nosuid": false, "nodev": false, "noexec": false, "bind-nonrecursive": false, "no-dereference": false,
	"shared": false, "rshared": false, "private": false, "rprivate": false, "slave": false, "rslave": false,
}

// propagations are the values of bind-propagation.
var propagations = []string{"shared", "rshared", "private", "rprivate", "slave", "rslave", "unbindable", "runbindable"}

// parseMount checks the value of a --mount flag, expanded.
func parseMount(text string) (mount, error) {
	fields := strings.Split(text, ",")
	for i, field := range fields {
		key, value, given := strings.Cut(field, "=")
		if key == "size" { // the other frontends' word
			key = "tmpfs-size"
			fields[i] = key + "=" + value
		}
		if err := checkMountField(key, value, given); err != nil {
			return mount{}, err
		}
	}
	text = strings.Join(fields, ",")
	m, err := mountflag.ParseMount(text, mountflag.Context{Workdir: "/", Rooted: true})
	if err != nil {
		_, reason, _ := strings.Cut(err.Error(), text)
		return mount{}, blame(firstQuoted(strings.TrimPrefix(reason, `"`)), err)
	}
	return mount{text: text, from: m.From}, nil
}

// checkMountField speaks of mistakes in the words that scripts look for.
func checkMountField(key, value string, given bool) error {
	needed, known := mountKeys[key]
	switch {
	case !known:
		return blame(key, fmt.Errorf("%s: invalid mount option%s", key, didYouMean(key, slices.Collect(maps.Keys(mountKeys)))))
	case needed && !given:
		return blame(key, fmt.Errorf("%s: must provide an argument for option", key))
	case key == "from" && value == "":
		return blame(key, fmt.Errorf("%s points to an empty value", key))
	case key == "bind-propagation" && !slices.Contains(propagations, value):
		return blame(value, fmt.Errorf("%s=%s: invalid mount option%s", key, value, didYouMean(value, slices.Clone(propagations))))
	case key != "type":
		return nil
	}
	switch value {
	case "bind", "cache", "tmpfs":
		return nil
	case "secret":
		return blame(value, unsupported("RUN --mount=type=secret", "give the file to all steps with --volume, which leaves nothing in the image"))
	case "ssh":
		return blame(value, unsupported("RUN --mount=type=ssh", "give the agent's socket to all steps with --volume, or fetch what needs it before the build"))
	}
	return blame(value, fmt.Errorf("invalid mount type %q%s", value, didYouMean(value, []string{"bind", "cache", "tmpfs", "secret", "ssh"})))
}
