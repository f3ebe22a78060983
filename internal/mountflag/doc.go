// Package mountflag knows the grammar of --volume and --mount. It is pure: what a
// source is, and whether it exists, is for the caller to find out.
package mountflag

import (
	"fmt"
	"slices"
	"strings"
)

// Relabel says who may use a volume under SELinux.
type Relabel string

const (
	// RelabelNone leaves labels alone.
	RelabelNone Relabel = ""
	// RelabelShared lets all containers use it.
	RelabelShared Relabel = "z"
	// RelabelPrivate lets only this container use it.
	RelabelPrivate Relabel = "Z"
)

// Attributes are what mounts of several kinds have in common.
type Attributes struct {
	ReadOnly      bool
	NoSuid        bool
	NoDev         bool
	NoExec        bool
	Propagation   string // "private", "rshared", ...; "" means the default
	Relabel       Relabel
	Chown         bool   // give the source to the process's user
	NoDereference bool   // a link as the source is not followed
	IDMap         string // "idmap" or "idmap=..." as typed; "" without
}

// Options are the attributes in the words of a runtime spec, without relabelling
// and chown, which are done before, and with a propagation.
func (a Attributes) Options() []string {
	options := []string{"rw"}
	if a.ReadOnly {
		options[0] = "ro"
	}
	for _, o := range []struct {
		on   bool
		word string
	}{{a.NoSuid, "nosuid"}, {a.NoDev, "nodev"}, {a.NoExec, "noexec"}} {
		if o.on {
			options = append(options, o.word)
		}
	}
	if a.Propagation == "" {
		return append(options, "rprivate")
	}
	return append(options, a.Propagation)
}

var propagations = []string{"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"}

// once keeps track of the classes of options that were given.
type once map[string]string

// take notes an option of a class; a second one of the same class is an error.
func (o once) take(class, option string) error {
	if earlier, ok := o[class]; ok {
		if earlier == option {
			return fmt.Errorf("option %q is given twice", option)
		}
		return fmt.Errorf("options %q and %q exclude each other", earlier, option)
	}
	o[class] = option
	return nil
}

// common sets an attribute that --volume and --mount name alike.
func (a *Attributes) common(option string, seen once) (known bool, err error) {
	class := option
	switch option {
	case "nosuid", "suid":
		class, a.NoSuid = "suid", option == "nosuid"
	case "nodev", "dev":
		class, a.NoDev = "dev", option == "nodev"
	case "noexec", "exec":
		class, a.NoExec = "exec", option == "noexec"
	case "z", "Z":
		class, a.Relabel = "relabel", Relabel(option)
	case "U":
		a.Chown = true
	case "no-dereference":
		a.NoDereference = true
	default:
		if !slices.Contains(propagations, option) {
			return false, nil
		}
		class, a.Propagation = "propagation", option
	}
	return true, seen.take(class, option)
}

// quotedList is for messages.
func quotedList(words []string) string {
	quoted := make([]string, 0, len(words))
	for _, w := range words {
		quoted = append(quoted, fmt.Sprintf("%q", w))
	}
	return strings.Join(quoted, ", ")
}
