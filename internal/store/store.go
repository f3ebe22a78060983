// Package store opens the image and container store that podman, skopeo, CRI-O
// and stock buildah share (containers/storage), and wraps the dozen of its calls
// that a build needs: working containers and their names, images and how they
// lie on disk, and the locks around layers.
package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"
	"go.podman.io/storage/types"
)

// What callers branch on.
var (
	// ErrContainerUnknown is a container that is not in the store.
	ErrContainerUnknown = storage.ErrContainerUnknown
	// ErrImageUnknown is an image that is not in the store.
	ErrImageUnknown = storage.ErrImageUnknown
	// ErrLayerUnknown is a layer that is not in the store.
	ErrLayerUnknown = storage.ErrLayerUnknown
	// ErrNameInUse is a name that another container has.
	ErrNameInUse = errors.New("the name is already in use")
	// ErrNeedsRoot is a store that only root, of some user namespace, can use.
	ErrNeedsRoot = errors.New("only root can do this, or a command below `buildah unshare`")
	// ErrDriver is a store whose driver this machine, or this place, does not allow.
	ErrDriver = errors.New("the storage driver does not work here")
	// ErrClosed is a store that this user may not use.
	ErrClosed = errors.New("the store is closed to this user")
	// ErrImageInUse is an image that a container was made from.
	ErrImageInUse = storage.ErrImageUsedByContainer
)

// Options say where the store is. Each zero value leaves what storage.conf and
// the environment variables that the storage library reads say.
type Options struct {
	GraphRoot      string                           // --root
	RunRoot        string                           // --runroot
	ImageStore     string                           // --imagestore
	Driver         string                           // --storage-driver; also discards the configured driver options
	DriverOptions  []string                         // --storage-opt; replaces all configured driver options
	TransientStore bool                             // --transient-store
	Rootless       bool                             // without the rights of the host's root
	SingleID       bool                             // only one id is mapped: files of other owners become our own
	Warn           func(format string, args ...any) // one line about a choice that is not the best; nil drops it
}

// Store is an open store. It is safe for use by several goroutines.
type Store struct {
	raw  storage.Store
	made bool // by this process

	mu       sync.Mutex
	detached map[string]bool    // containers with an unmount that somebody held up
	claims   map[string][]token // of layers
	pins     pins               // of images
}

// Open opens the store, and makes it when there is none.
func Open(o Options) (*Store, error) {
	defaults, err := types.DefaultStoreOptions()
	if err != nil {
		return nil, fmt.Errorf("reading the storage configuration: %w", err)
	}
	so, err := o.apply(defaults)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	prior := PriorDriver(so.GraphRoot)
	if err := o.chooseDriver(&so); err != nil {
		return nil, fmt.Errorf("opening the store at %q: %w", so.GraphRoot, closed(err))
	}
	o.tellOtherDriver(so, prior)
	if o.SingleID {
		tolerateChown(&so)
	}
	if uid := os.Geteuid(); uid != 0 && so.GraphDriverName != "vfs" {
		return nil, fmt.Errorf("opening the store: %w: storage driver %q mounts", ErrNeedsRoot, so.GraphDriverName)
	}
	if err := checkOverlayRoot(so); err != nil {
		return nil, fmt.Errorf("opening the store at %q: %w", so.GraphRoot, err)
	}
	raw, err := storage.GetStore(so)
	for _, cause := range []error{graphdriver.ErrIncompatibleFS, graphdriver.ErrNotSupported, graphdriver.ErrPrerequisites} {
		if errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", ErrDriver, err)
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store at %q: %w", so.GraphRoot, closed(err))
	}
	return &Store{raw: raw, made: prior == "", detached: map[string]bool{}, claims: map[string][]token{}}, nil
}

// separators of directories in the options of overlay.
const separators = `,:\`

// checkOverlayRoot refuses a place that overlay cannot mount from: the kernel
// reads these characters in a list of directories as separators.
func checkOverlayRoot(so types.StoreOptions) error {
	at := strings.IndexAny(so.GraphRoot, separators)
	switch {
	case at < 0:
		return nil
	case so.GraphDriverName == "" && PriorDriver(so.GraphRoot) == "vfs":
		return nil // what is there decides
	case !strings.HasPrefix(so.GraphDriverName, "overlay"):
		return nil
	}
	return fmt.Errorf("the overlay driver cannot mount from a directory with %q in its name: use another directory, or the driver vfs", so.GraphRoot[at])
}

// apply gives the defaults as the options change them.
func (o Options) apply(so types.StoreOptions) (types.StoreOptions, error) {
	if o.GraphRoot != "" {
		so.GraphRoot = o.GraphRoot
	}
	if o.RunRoot != "" {
		so.RunRoot = o.RunRoot
	}
	if o.ImageStore != "" {
		so.ImageStore = o.ImageStore
	}
	if so.ImageStore != "" && filepath.Clean(so.ImageStore) == filepath.Clean(so.GraphRoot) {
		return so, fmt.Errorf("the image store %q must differ from the graph root", so.ImageStore)
	}
	if o.Driver != "" {
		so.GraphDriverName, so.GraphDriverPriority, so.GraphDriverOptions = o.Driver, nil, nil
	}
	if len(o.DriverOptions) > 0 && (len(o.DriverOptions) > 1 || o.DriverOptions[0] != "") {
		so.GraphDriverOptions = o.DriverOptions
	}
	so.TransientStore = so.TransientStore || o.TransientStore
	return so, nil
}

// Raw is the library's store, for the rooms that copy images or make layers.
func (s *Store) Raw() storage.Store { return s.raw }

// GraphRoot is the directory that holds layers, images and containers.
func (s *Store) GraphRoot() string { return s.raw.GraphRoot() }

// RunRoot is the directory of what a reboot may take.
func (s *Store) RunRoot() string { return s.raw.RunRoot() }

// Driver is the name of the storage driver.
func (s *Store) Driver() string { return s.raw.GraphDriverName() }

// Close ends the use of the store. Containers stay mounted: mounts outlive
// commands. There is nothing to flush, and the library's own way of forgetting a
// store is not safe while another one is opened.
func (s *Store) Close() error { return s.unpinAll() }
