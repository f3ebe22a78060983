package builder

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"go.podman.io/storage/pkg/reexec"

	"github.com/projectatomic/buildah/internal/containersconf"
	"github.com/projectatomic/buildah/internal/network"
	"github.com/projectatomic/buildah/internal/runner/chroot"
	"github.com/projectatomic/buildah/internal/runner/oci"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
	"github.com/projectatomic/buildah/internal/userns"
)

// Init has to be the first call of main, and of the TestMain of tests that write
// layers. Unpacking layers and supervising commands is the work of processes of
// their own, which are this program started again: in those, Init does the work
// and returns true, and main has to return at once.
func Init() bool {
	chroot.Register()
	oci.Register()
	network.Register()
	return reexec.Init()
}

// EngineOptions say what an engine works with. Each zero value is the default.
type EngineOptions struct {
	Store  StoreOptions // the zero value is the store of the user, as storage.conf says
	System System       // where registries.conf and the like are; the zero value is the usual places
	// Host is what the program lets the engine know about itself. What is zero is filled
	// in: TempDir is /var/tmp, RuntimeDir is below the run root, and Rootless, UID and
	// SingleID are found out. Env stays what it is: for that of the process, say os.Environ().
	Host   Host
	Config *Config                          // nil reads containers.conf, where Host.Env says it is
	Report io.Writer                        // progress of images on their way; nil shows none
	Warn   func(format string, args ...any) // one line about what does not stop the work; nil drops it
	Info   func(format string, args ...any) // one line for those who look closely; nil drops it
}

// NewEngine opens a store, and makes it where there is none. The caller calls
// [Engine.Close], which closes the store, too. A process without the rights that
// the store's driver needs, such as that of an ordinary user, gets an error: it
// has to be started below `buildah unshare`.
func NewEngine(o EngineOptions) (*Engine, error) {
	h := o.Host
	lookup := func(name string) string { value, _ := h.Lookup(name); return value }
	process, err := userns.Current(lookup)
	if err != nil {
		return nil, err
	}
	h.Rootless, h.UID, h.SingleID = process.Rootless(), process.InvokingUID(), process.SingleID
	conf, err := o.config(h)
	if err != nil {
		return nil, err
	}
	so := o.Store
	so.Rootless, so.SingleID = h.Rootless, h.SingleID
	if so.Warn == nil {
		so.Warn = o.Warn
	}
	s, err := store.Open(so)
	if err != nil {
		return nil, err
	}
	h.TempDir = cmp.Or(h.TempDir, "/var/tmp")
	h.RuntimeDir = cmp.Or(h.RuntimeDir, filepath.Join(s.RunRoot(), "buildah"))
	if h.Stderr == nil {
		h.Stderr = io.Discard
	}
	system := o.System
	system.TempDir = cmp.Or(system.TempDir, h.TempDir)
	system.ParallelCopies = cmp.Or(system.ParallelCopies, conf.ImageParallelCopies)
	e := &Engine{
		Store: s, Images: &transfer.Client{Store: s, System: system, Report: o.Report},
		Config: conf, Host: h, Warn: o.Warn, Info: o.Info, ownsStore: true,
	}
	e.Images.SweepTemp()
	if err := s.MendRestandings(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (o EngineOptions) config(h Host) (Config, error) {
	if o.Config != nil {
		return *o.Config, nil
	}
	conf, err := containersconf.Load(h.Lookup, h.UID)
	if err != nil {
		return conf, fmt.Errorf("reading containers.conf: %w", err)
	}
	return conf, nil
}
