package mountflag

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/projectatomic/buildah/internal/suggest"
)

// field is one KEY or KEY=VALUE of a --mount.
type field struct {
	key   string // canonical
	typed string
	value string
	given bool // a value was
}

// aliases are other words for a key.
var aliases = map[string]string{
	"src": "source", "dst": "target", "destination": "target", "readonly": "ro", "readwrite": "rw", "size": "tmpfs-size",
}

func newField(text string) field {
	f := field{}
	f.typed, f.value, f.given = strings.Cut(text, "=")
	f.key = f.typed
	if f.key != "U" && f.key != "Z" { // of these the case has a meaning
		f.key = strings.ToLower(f.key)
	}
	if a, ok := aliases[f.key]; ok {
		f.key = a
	}
	return f
}

// word is what a mistake in the value, if there is one, is about.
func (f field) word() string {
	if f.value == "" {
		return f.typed
	}
	return f.value
}

// kind is the value of type=.
func (f field) kind() (Kind, error) {
	if !slices.Contains(kinds, f.value) {
		return "", fmt.Errorf("invalid mount type %q%s", f.value, didYouMean(f.value, kinds))
	}
	return Kind(f.value), nil
}

func didYouMean(word string, known []string) string {
	return suggest.Instead(word, known...)
}

// grammar is what the options of a kind look like.
type grammar struct {
	valued   []string // need a value
	words    []string // have none
	switches []string // may have true or false
}

var (
	relabels = []string{"z", "Z"}
	rights   = []string{"nosuid", "nodev", "noexec", "suid", "dev", "exec"}
	owners   = []string{"id", "mode", "uid", "gid"}
	grammars = map[Kind]grammar{
		Bind: {
			valued:   []string{"target", "source", "from", "bind-propagation", "relabel", "consistency"},
			words:    slices.Concat(rights, relabels, propagations, []string{"U", "no-dereference", "bind-nonrecursive"}),
			switches: []string{"ro", "rw"},
		},
		Cache: {
			valued:   slices.Concat([]string{"target", "source", "from", "sharing", "bind-propagation"}, owners),
			words:    slices.Concat(rights, relabels, propagations, []string{"U"}),
			switches: []string{"ro", "rw"},
		},
		Tmpfs: {
			valued: []string{"target", "tmpfs-size", "tmpfs-mode"}, words: slices.Concat(rights, []string{"tmpcopyup"}), switches: []string{"ro"},
		},
		Secret: {valued: slices.Concat([]string{"target", "env"}, owners), switches: []string{"required"}},
		SSH:    {valued: slices.Concat([]string{"target"}, owners), switches: []string{"required"}},
	}
)

// check finds options that the kind does not have, and values that lack or are too many.
func (f field) check(k Kind) error {
	g := grammars[k]
	switch {
	case slices.Contains(g.switches, f.key):
		return nil
	case slices.Contains(g.words, f.key):
		if f.given {
			return fmt.Errorf("%s: must not provide an argument for option", f.typed)
		}
		return nil
	case !slices.Contains(g.valued, f.key):
		return f.unknown(k)
	case f.key == "source" && f.given: // empty means all
		return nil
	case f.key == "from" && f.given && f.value == "":
		return fmt.Errorf("%s points to an empty value", f.typed)
	case f.value == "":
		return fmt.Errorf("%s: must provide an argument for option", f.typed)
	}
	return nil
}

func (f field) unknown(k Kind) error {
	g := grammars[k]
	own := slices.Concat(g.valued, g.words, g.switches)
	for _, other := range kinds {
		o := grammars[Kind(other)]
		if slices.Contains(slices.Concat(o.valued, o.words, o.switches), f.key) {
			return fmt.Errorf("%s: invalid mount option for type=%s, it belongs to type=%s", f.typed, k, other)
		}
	}
	return fmt.Errorf("%s: invalid mount option%s", f.typed, didYouMean(f.typed, own))
}

// field takes one option, which was checked.
func (m *mountParser) field(f field, seen once) error {
	g := grammars[m.Kind]
	switch {
	case slices.Contains(g.switches, f.key):
		return m.flip(f, seen)
	case slices.Contains(g.words, f.key):
		return m.word(f.key, seen)
	}
	if err := seen.take(f.key, f.key); err != nil {
		return err
	}
	switch f.key {
	case "target":
		m.Target = f.value
	case "source":
		m.Source = f.value
	case "from":
		m.From = f.value
	case "bind-propagation", "relabel":
		return m.class(f, seen)
	case "tmpfs-size", "tmpfs-mode":
		return m.tmpfsField(f)
	case "sharing":
		return m.sharing(f.value)
	case "env":
		m.Key.Env = f.value
		if strings.ContainsAny(f.value, "=\x00") {
			return fmt.Errorf("option \"env\": %q cannot be the name of a variable", f.value)
		}
	case "id", "mode", "uid", "gid":
		return m.owner(f)
	}
	return nil // consistency means nothing on Linux
}

// flip takes what may stand alone, or be true or false.
func (m *mountParser) flip(f field, seen once) error {
	on := true
	if f.given {
		var err error
		if on, err = strconv.ParseBool(strings.ToLower(f.value)); err != nil {
			return fmt.Errorf("option %q: %q is neither true nor false", f.typed, f.value)
		}
	}
	if f.key == "required" {
		m.Key.Required = on
		return seen.take(f.key, f.key)
	}
	if (f.key == "ro") == on {
		m.readOnly = true
	} else {
		m.writable = true
	}
	return seen.take("access", f.key)
}

// word takes what stands alone.
func (m *mountParser) word(key string, seen once) error {
	switch key {
	case "tmpcopyup":
		m.Tmpfs.CopyUp = true
		return seen.take(key, key)
	case "bind-nonrecursive":
		m.Flat = true
		return seen.take(key, key)
	}
	_, err := m.common(key, seen)
	return err
}

// class takes long forms of words.
func (m *mountParser) class(f field, seen once) error {
	if f.key == "bind-propagation" {
		if !slices.Contains(propagations, f.value) {
			return fmt.Errorf("%s=%s: invalid mount option%s", f.typed, f.value, didYouMean(f.value, propagations))
		}
		m.Propagation = f.value
		return seen.take("propagation", f.value)
	}
	switch f.value {
	case "shared":
		m.Relabel = RelabelShared
	case "private":
		m.Relabel = RelabelPrivate
	default:
		return fmt.Errorf("%s=%s: invalid mount option, it is \"shared\" or \"private\"", f.typed, f.value)
	}
	return seen.take("relabel-class", f.value)
}

func (m *mountParser) tmpfsField(f field) (err error) {
	if f.key == "tmpfs-mode" {
		_, err = octal(f.typed, f.value)
		m.Tmpfs.Mode = f.value
		return err
	}
	if m.Tmpfs.Size, err = units.RAMInBytes(f.value); err != nil || m.Tmpfs.Size < 0 {
		return fmt.Errorf("option %q: %q is not a size", f.typed, f.value)
	}
	return nil
}

func (m *mountParser) sharing(value string) error {
	switch value {
	case "shared":
		m.Cache.Sharing = SharingShared
	case "locked":
		m.Cache.Sharing = SharingLocked
	case "private":
		m.Cache.Sharing = SharingPrivate
	default:
		known := []string{"shared", "locked", "private"}
		return fmt.Errorf("sharing=%s: invalid mount option, it is one of %s%s", value, quotedList(known), didYouMean(value, known))
	}
	return nil
}

// owner takes what says which one it is, and whose.
func (m *mountParser) owner(f field) (err error) {
	id, mode, uid, gid := &m.Key.ID, &m.Key.Mode, &m.Key.UID, &m.Key.GID
	if m.Kind == Cache {
		id, mode, uid, gid = &m.Cache.ID, &m.Cache.Mode, &m.Cache.UID, &m.Cache.GID
	}
	switch f.key {
	case "id":
		*id = f.value
	case "mode":
		*mode, err = octal(f.key, f.value)
	case "uid":
		*uid, err = number(f.key, f.value)
	case "gid":
		*gid, err = number(f.key, f.value)
	}
	return err
}

func octal(key, value string) (uint32, error) {
	n, err := strconv.ParseUint(value, 8, 32)
	if err != nil || n > 0o7777 {
		return 0, fmt.Errorf("option %q: %q is not an octal mode of at most 7777", key, value)
	}
	return uint32(n), nil
}

func number(key, value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("option %q: %q is not an id", key, value)
	}
	return int(n), nil
}
