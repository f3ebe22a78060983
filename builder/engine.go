package builder

import (
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/containersconf"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
)

// Engine is what every verb works with: the store, the way to registries, and
// what the process around us has configured. One engine serves a process,
// which calls [Engine.Close] at its end.
type Engine struct {
	Store  *store.Store
	Images *transfer.Client
	Config containersconf.Config
	Host   Host
	// Warn takes one line about something that does not stop the work; nil drops it.
	Warn func(format string, args ...any)
	// Quiet leaves out the lines of Warn about what was chosen for want of better.
	Quiet bool
	// Info takes one line for those who look closely; nil drops it.
	Info func(format string, args ...any)
	// Steps is where verbs look up what they have come to before, and keep it, for
	// containers that were made so; nil carries all of them out.
	Steps *buildcache.Cache

	interpreters   interpreters
	networks       networks
	networkWarning sync.Once // about a private network that is not as it should be
	chrootNotice   sync.Once // about the missing OCI runtime
	slowNotice     sync.Once // about the setting that makes commits slow
	swept          sync.Once // of what killed commands have left mounted
	runners        runners
	fetching       sync.Mutex // of what states stand on
	owner          owner      // of the containers that only the interpreter knows
	ownsStore      bool       // Close closes the store
}

// Host is what the library may know about the process that called it.
type Host struct {
	Version    string   // of this program: identity label, user agent, .containerenv
	TempDir    string   // absolute; bundles, downloads
	RuntimeDir string   // absolute; state of running containers
	Env        []string // KEY=VALUE; proxies, `--env NAME`
	Rootless   bool     // see spec run.md, 8.1
	UID        int      // of the invoking user
	SingleID   bool     // nobody but one user exists in our namespace
	Runtime    string   // $BUILDAH_RUNTIME, "" if unset
	Isolation  string   // $BUILDAH_ISOLATION, "" if unset
	NoPivot    bool     // $BUILDAH_NOPIVOT is set
	MountsFile string   // mounts.conf of new containers; "" means the usual places
	Umask      int
	Stderr     io.Writer
}

// Lookup finds a variable of the calling process.
func (h *Host) Lookup(name string) (string, bool) {
	for _, entry := range slices.Backward(h.Env) {
		if key, value, ok := strings.Cut(entry, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

func (e *Engine) warn(format string, args ...any) {
	if e.Warn != nil {
		e.Warn(format, args...)
	}
}

// notice says what was chosen for want of something better.
func (e *Engine) notice(format string, args ...any) {
	if !e.Quiet {
		e.warn(format, args...)
	}
}

func (e *Engine) info(format string, args ...any) {
	if e.Info != nil {
		e.Info(format, args...)
	}
}
