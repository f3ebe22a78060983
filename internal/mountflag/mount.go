package mountflag

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

// Kind is the type of a mount.
type Kind string

// The kinds of mounts.
const (
	Bind  Kind = "bind"
	Tmpfs Kind = "tmpfs"
	Cache Kind = "cache"
)

// Mount is a --mount.
type Mount struct {
	Kind   Kind
	Target string // clean; relative only if it was typed so and Context.Workdir is "", which is an error
	Source string // bind: as typed, "" for the whole root; cache: the path below the root
	From   string // image, stage or context that is the root of Source; "" for none
	Attributes
	Flat  bool // bind without what is mounted below the source
	Tmpfs TmpfsOptions
	Cache CacheOptions
}

// TmpfsOptions are those of a tmpfs.
type TmpfsOptions struct {
	Size   int64  // in bytes; 0 means the kernel's default
	Mode   string // octal; "" means 1777
	CopyUp bool   // it starts with what is below it
}

// CacheOptions are those of a cache.
type CacheOptions struct {
	ID     string // "" means the target
	Mode   uint32
	UID    int
	GID    int
	Locked bool // one command at a time
}

// Context is what a --mount depends on.
type Context struct {
	Workdir string // what relative targets are joined to; "" makes them an error
	// Rooted says that bind sources are looked up inside a root, so that none has
	// to be given and it need not be absolute.
	Rooted bool
}

// ParseMount reads a comma separated list of KEY=VALUE.
func ParseMount(text string, c Context) (Mount, error) {
	m, err := parseMount(text, c)
	if err != nil {
		return Mount{}, fmt.Errorf("mount %q: %w", text, err)
	}
	return m, nil
}

// mountParser is a mount being read.
type mountParser struct {
	Mount
	readOnly, writable bool // were asked for
}

func parseMount(text string, c Context) (Mount, error) {
	m := mountParser{Mount: Mount{Kind: Bind}}
	var fields []string
	for field := range strings.SplitSeq(text, ",") {
		if kind, ok := strings.CutPrefix(field, "type="); ok {
			m.Kind = Kind(kind)
			continue
		}
		fields = append(fields, field)
	}
	if err := m.known(); err != nil {
		return m.Mount, err
	}
	if len(fields) == 0 || text == "" {
		return m.Mount, errors.New("it is not of the form type=TYPE,target=PATH[,KEY=VALUE...]")
	}
	if m.Kind == Cache {
		m.Cache.Mode = 0o755
	}
	seen := once{}
	for _, field := range fields {
		if err := m.field(field, seen); err != nil {
			return m.Mount, err
		}
	}
	err := m.settle(c)
	return m.Mount, err
}

func (m *mountParser) known() error {
	switch m.Kind {
	case Bind, Tmpfs, Cache:
		return nil
	case "secret":
		return errors.New("secrets are not given to a single command: bind the file with type=bind,src=FILE,dst=/run/secrets/NAME, which leaves no trace in the image")
	case "ssh":
		return errors.New("ssh agents are not given to a single command: bind the socket with type=bind,src=SOCKET,dst=/run/ssh and set SSH_AUTH_SOCK with --env")
	}
	return fmt.Errorf("unknown type %q: bind, cache and tmpfs are known", m.Kind)
}

// aliases are other words for a key.
var aliases = map[string]string{
	"src": "source", "dst": "target", "destination": "target", "readonly": "ro", "readwrite": "rw",
}

func (m *mountParser) field(field string, seen once) error {
	key, value, hasValue := strings.Cut(field, "=")
	if a, ok := aliases[key]; ok {
		key = a
	}
	if key == "ro" || key == "rw" {
		return m.access(key, value, hasValue, seen)
	}
	if !hasValue {
		return m.word(key, seen)
	}
	if err := seen.take(key, key); err != nil {
		return err
	}
	if value == "" && key != "source" {
		return fmt.Errorf("option %q needs a value", key)
	}
	switch key {
	case "target":
		m.Target = value
		return nil
	case "source", "from":
		return m.origin(key, value)
	}
	var known bool
	var err error
	switch m.Kind {
	case Bind:
		known, err = m.bindField(key, value, seen)
	case Tmpfs:
		known, err = m.tmpfsField(key, value)
	case Cache:
		known, err = m.cacheField(key, value)
	}
	if !known {
		return fmt.Errorf("unknown option %q for a mount of type %q", key, m.Kind)
	}
	return err
}

// access takes ro, rw and their values, such as ro=false.
func (m *mountParser) access(key, value string, hasValue bool, seen once) error {
	on := true
	if hasValue {
		var err error
		if on, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("option %q: %q is neither true nor false", key, value)
		}
	}
	if m.Kind == Tmpfs && key == "rw" {
		return fmt.Errorf("unknown option %q for a mount of type %q", key, m.Kind)
	}
	if (key == "ro") == on {
		m.readOnly = true
	} else {
		m.writable = true
	}
	return seen.take("access", key)
}

func (m *mountParser) origin(key, value string) error {
	switch {
	case m.Kind == Tmpfs:
		return fmt.Errorf("unknown option %q for a mount of type %q", key, m.Kind)
	case key == "source":
		m.Source = value
	default:
		m.From = value
	}
	return nil
}

// word takes what stands alone.
func (m *mountParser) word(key string, seen once) error {
	switch {
	case m.Kind == Tmpfs && key == "tmpcopyup":
		m.Tmpfs.CopyUp = true
		return seen.take(key, key)
	case m.Kind == Bind && key == "bind-nonrecursive":
		m.Flat = true
		return seen.take(key, key)
	case m.Kind == Tmpfs && key != "nosuid" && key != "nodev" && key != "noexec":
	default:
		if known, err := m.common(key, seen); known {
			return err
		}
	}
	return fmt.Errorf("unknown option %q for a mount of type %q, or it needs a value", key, m.Kind)
}

func (m *mountParser) bindField(key, value string, seen once) (known bool, err error) {
	switch key {
	case "bind-propagation":
		if known, _ := (&Attributes{}).common(value, once{}); !known {
			return true, fmt.Errorf("unknown propagation %q: one of %s is expected", value, quotedList(propagations))
		}
		m.Propagation = value
		return true, seen.take("propagation", value)
	case "relabel":
		switch value {
		case "shared":
			m.Relabel = RelabelShared
		case "private":
			m.Relabel = RelabelPrivate
		default:
			return true, fmt.Errorf("option \"relabel\" is \"shared\" or \"private\", not %q", value)
		}
		return true, seen.take("relabel-class", value)
	case "consistency":
		return true, nil // it means nothing on Linux
	}
	return false, nil
}

func (m *mountParser) tmpfsField(key, value string) (known bool, err error) {
	switch key {
	case "tmpfs-size":
		if m.Tmpfs.Size, err = units.RAMInBytes(value); err != nil {
			err = fmt.Errorf("option %q: %q is not a size", key, value)
		}
		return true, err
	case "tmpfs-mode":
		_, err := octal(key, value)
		m.Tmpfs.Mode = value
		return true, err
	}
	return false, nil
}

func (m *mountParser) cacheField(key, value string) (known bool, err error) {
	switch key {
	case "id":
		m.Cache.ID = value
	case "mode":
		m.Cache.Mode, err = octal(key, value)
	case "uid":
		m.Cache.UID, err = number(key, value)
	case "gid":
		m.Cache.GID, err = number(key, value)
	case "sharing":
		if value != "shared" && value != "locked" {
			return true, fmt.Errorf("sharing %q is not supported: use \"shared\" or \"locked\"", value)
		}
		m.Cache.Locked = value == "locked"
	default:
		return false, nil
	}
	return true, err
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

// settle checks what belongs together and fills in defaults.
func (m *mountParser) settle(c Context) error {
	switch {
	case m.Target == "":
		return errors.New("the option \"target\" is missing")
	case !path.IsAbs(m.Target) && c.Workdir == "":
		return fmt.Errorf("target %q is not absolute: give a working directory, or an absolute path", m.Target)
	case !path.IsAbs(m.Target):
		m.Target = path.Join(c.Workdir, m.Target)
	}
	if m.Target = path.Clean(m.Target); m.Target == "/" {
		return errors.New("the container's root cannot be mounted over")
	}
	if m.Kind == Bind && !c.Rooted && m.From == "" {
		if err := m.hostSource(); err != nil {
			return err
		}
	}
	// A bind is read-only unless it is asked for otherwise, the others are not.
	m.ReadOnly = m.readOnly || (m.Kind == Bind && !m.writable)
	if m.Kind == Cache && m.Propagation == "" {
		m.Propagation = "shared"
	}
	return nil
}

// hostSource checks a source that is a path of the host.
func (m *mountParser) hostSource() error {
	if m.Source == "" {
		return errors.New("the option \"source\" is missing")
	}
	if !path.IsAbs(m.Source) {
		return fmt.Errorf("source %q is not absolute", m.Source)
	}
	m.Source = path.Clean(m.Source)
	return nil
}

// Identity is what a cache's directory is named after.
func (m Mount) Identity() string {
	id := m.Cache.ID
	if id == "" {
		id = m.Target
	}
	return fmt.Sprintf("%s:%d:%d", id, m.Cache.UID, m.Cache.GID)
}
