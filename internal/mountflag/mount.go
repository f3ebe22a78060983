package mountflag

import (
	"encoding/csv"
	"errors"
	"fmt"
	"path"
	"strings"
)

// Kind is the type of a mount.
type Kind string

// The kinds of mounts.
const (
	Bind   Kind = "bind"
	Tmpfs  Kind = "tmpfs"
	Cache  Kind = "cache"
	Secret Kind = "secret"
	SSH    Kind = "ssh"
)

var kinds = []string{string(Bind), string(Cache), string(Tmpfs), string(Secret), string(SSH)}

// Mount is a --mount.
type Mount struct {
	Kind Kind
	// Target is clean and absolute. It is "" for an ssh agent that was given no
	// target, and for a secret that is only a variable.
	Target string
	Source string // bind: as typed, "" for the whole root; cache: the path below the root
	From   string // image, stage or context that is the root of Source; "" for none
	Attributes
	Flat  bool // bind without what is mounted below the source
	Tmpfs TmpfsOptions
	Cache CacheOptions
	Key   KeyOptions
}

// TmpfsOptions are those of a tmpfs.
type TmpfsOptions struct {
	Size   int64  // in bytes; 0 means the kernel's default
	Mode   string // octal; "" means 1777
	CopyUp bool   // it starts with what is below it
}

// CacheOptions are those of a cache.
type CacheOptions struct {
	ID      string // "" means the target
	Mode    uint32
	UID     int
	GID     int
	Sharing Sharing
}

// Sharing says what happens to a cache that several commands want at once.
type Sharing string

// The ways to share.
const (
	SharingShared  Sharing = ""        // all have it
	SharingLocked  Sharing = "locked"  // one after the other
	SharingPrivate Sharing = "private" // each has one of its own
)

// StepUser is, in place of a number, the user or the group that the command has.
const StepUser = -1

// KeyOptions are those of secrets and ssh agents.
type KeyOptions struct {
	ID       string
	Env      string // secret: the variable that holds it; "" for none
	Mode     uint32
	UID      int  // StepUser unless it was said
	GID      int  // the same
	Required bool // without it the command is not run
}

// Context is what a --mount depends on.
type Context struct {
	Workdir string // what relative targets are joined to; "" makes them an error
	// Rooted says that bind sources are looked up inside a root, so that none has
	// to be given and it need not be absolute.
	Rooted bool
}

// ParseMount reads a comma separated list of KEY=VALUE. Double quotes around a
// field protect its commas.
func ParseMount(text string, c Context) (Mount, error) {
	m, err := parseMount(text, c)
	if err != nil {
		return Mount{}, fmt.Errorf("mount %q: %w", text, err)
	}
	return m, nil
}

// FieldError is what is wrong with one field of a --mount.
type FieldError struct {
	Word string // the key or the value that is wrong, as it was typed
	err  error
}

func (e *FieldError) Error() string { return e.err.Error() }
func (e *FieldError) Unwrap() error { return e.err }

// mountParser is a mount being read.
type mountParser struct {
	Mount
	readOnly, writable bool // were asked for
}

func parseMount(text string, c Context) (Mount, error) {
	m := mountParser{Mount: Mount{Kind: Bind}}
	all, err := splitFields(text)
	if err != nil {
		return m.Mount, err
	}
	var fields []field
	for _, f := range all {
		if f.key != "type" {
			fields = append(fields, f)
			continue
		}
		if m.Kind, err = f.kind(); err != nil {
			return m.Mount, &FieldError{Word: f.word(), err: err}
		}
	}
	if len(fields) == 0 && m.Kind != SSH || text == "" {
		return m.Mount, errors.New("it is not of the form type=TYPE,target=PATH[,KEY=VALUE...]")
	}
	switch m.Kind {
	case Cache:
		m.Cache.Mode = 0o755
	case Secret:
		m.Key.Mode, m.Key.UID, m.Key.GID = 0o400, StepUser, StepUser
	case SSH:
		m.Key.Mode, m.Key.UID, m.Key.GID, m.Key.ID = 0o600, StepUser, StepUser, "default"
	}
	seen := once{}
	for _, f := range fields {
		if err := f.check(m.Kind); err != nil {
			return m.Mount, &FieldError{Word: f.typed, err: err}
		}
		if err := m.field(f, seen); err != nil {
			return m.Mount, &FieldError{Word: f.word(), err: err}
		}
	}
	err = m.settle(c)
	return m.Mount, err
}

// splitFields splits at commas.
func splitFields(text string) ([]field, error) {
	words := strings.Split(text, ",")
	if strings.Contains(text, `"`) {
		r := csv.NewReader(strings.NewReader(text))
		r.LazyQuotes = true // one inside a name is a part of it
		var err error
		if words, err = r.Read(); err != nil {
			return nil, fmt.Errorf("splitting at commas: %w", err)
		}
		if rest, _ := r.Read(); rest != nil {
			return nil, errors.New("it has more than one line")
		}
	}
	fields := make([]field, 0, len(words))
	for _, word := range words {
		fields = append(fields, newField(word))
	}
	return fields, nil
}

// settle checks what belongs together and fills in defaults.
func (m *mountParser) settle(c Context) error {
	if err := m.settleKey(); err != nil {
		return err
	}
	if m.Target != "" || !m.Kind.isKey() {
		if err := m.settleTarget(c); err != nil {
			return err
		}
	}
	if m.Kind == Bind && !c.Rooted && m.From == "" {
		if err := m.hostSource(); err != nil {
			return err
		}
	}
	// A bind is read-only unless it is asked for otherwise, caches and tmpfs are not.
	m.ReadOnly = m.readOnly || m.Kind.isKey() || (m.Kind == Bind && !m.writable)
	if m.Kind == Cache && m.Propagation == "" {
		m.Propagation = "shared"
	}
	return nil
}

func (m *mountParser) settleTarget(c Context) error {
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
	return nil
}

// isKey tells the kinds that hand something confidential to one command.
func (k Kind) isKey() bool { return k == Secret || k == SSH }

// secretsDir is where secrets lie that are given no place.
const secretsDir = "/run/secrets"

// settleKey names a secret after its target, or its target after the secret.
func (m *mountParser) settleKey() error {
	if m.Kind != Secret {
		return nil
	}
	if m.Key.ID == "" {
		if m.Key.ID = path.Base(path.Clean("/" + m.Target)); m.Key.ID == "/" {
			return errors.New("the option \"id\" is missing")
		}
	}
	if m.Target == "" && m.Key.Env == "" {
		m.Target = path.Join(secretsDir, path.Clean("/"+m.Key.ID)) // no ID leads out of it
		if m.Target == secretsDir {
			return fmt.Errorf("id %q cannot be the name of a file: give a target", m.Key.ID)
		}
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
